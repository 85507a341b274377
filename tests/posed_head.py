"""The built-in head in the middle of a small frame."""

SIZE = 200


def pose(head, jaw: float = 0.0, **units: float):
    """Vertices and landmarks of a head in the middle of a frame of SIZE pixels."""
    import torch

    from mead_manip.models.face_model import project

    expression = torch.zeros(1, head.n_expression)
    for name, value in units.items():
        expression[0, head.coef_names.index(name)] = value
    vertices = head(torch.zeros(1, head.n_identity), expression, torch.tensor([[jaw, 0.0, 0.0]]))
    camera = torch.tensor([[70.0, SIZE / 2, SIZE / 2]])
    pixels = torch.cat([project(vertices, camera), 70.0 * vertices[..., 2:]], dim=-1)
    return pixels[0].numpy(), project(head.landmarks(vertices), camera)[0].numpy()
