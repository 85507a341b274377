"""The pupils of the head lie in its eyes, and go where it looks."""

import torch


def test_pupils_lie_between_the_corners_of_their_eyes_and_follow_the_gaze():
    from mead_manip.models.face_model import load_head
    from mead_manip.models.pupils import with_pupils

    head = load_head()
    still = torch.zeros(1, 3)
    gaze = torch.tensor([[0.0, 0.0], [0.3, 0.0], [0.0, 0.2]])  # ahead, to the subject's left, up
    vertices = head(torch.zeros(1, head.n_identity), gaze=gaze)
    points = with_pupils(head, vertices, still.expand(3, -1))
    for pupil, (outer, inner) in ((68, (36, 39)), (69, (42, 45))):
        low, high = sorted((points[0, outer, 0].item(), points[0, inner, 0].item()))
        assert low < points[0, pupil, 0] < high
        moved = points[:, pupil] - points[0, pupil]
        assert moved[1, 0] > 0.03 and moved[2, 1] > 0.02
