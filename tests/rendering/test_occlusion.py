"""A frame, a matte and what draws the face -> the face, behind what lies in front of it."""

import numpy as np
import pytest

SIZE = 200


@pytest.fixture(scope="module")
def landmarks():
    """A face in the middle of the frame, 80 pixels between the outer eye corners."""
    import torch

    from mead_manip.models.face_model import load_head, project

    head = load_head()
    vertices = head(torch.zeros(1, head.n_identity))
    points = project(head.landmarks(vertices), torch.tensor([[70.0, SIZE / 2, SIZE / 2]]))[0].numpy()
    return points


@pytest.fixture
def frame():
    return np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)


def disc(landmarks, radius=18.0, softness=4.0):
    ys, xs = np.mgrid[0:SIZE, 0:SIZE]
    distance = np.hypot(xs - landmarks[33, 0], ys - landmarks[33, 1])
    return np.rint(255 * np.clip((radius - distance) / softness, 0, 1)).astype(np.uint8)


def redrawn(clean):
    return np.clip(clean.astype(int) + 40, 0, 255).astype(np.uint8)


def test_without_a_matte_it_is_what_is_drawn(frame, landmarks):
    from mead_manip.rendering.occlusion import drawn_behind

    far = np.zeros((SIZE, SIZE), np.uint8)
    far[:3, :3] = 255  # beyond what any edit of this face reaches

    for matte in (None, np.zeros_like(far), far):
        assert np.array_equal(drawn_behind(frame, matte, landmarks, redrawn), redrawn(frame))


def test_what_is_in_front_keeps_its_bytes_and_nothing_else_is_touched(frame, landmarks):
    from mead_manip.rendering.occlusion import drawn_behind

    front = disc(landmarks)
    before = frame.copy()
    result = drawn_behind(frame, front, landmarks, redrawn)

    assert np.array_equal(result[front == 255], frame[front == 255])
    beyond = disc(landmarks, radius=26) == 0
    assert np.array_equal(result[beyond], redrawn(frame)[beyond])
    assert np.array_equal(frame, before)


def test_a_soft_rim_lets_the_change_through_in_part(landmarks):
    from mead_manip.rendering.occlusion import drawn_behind

    frame, front = np.full((SIZE, SIZE, 3), 100, np.uint8), disc(landmarks, softness=12)
    change = drawn_behind(frame, front, landmarks, redrawn)[..., 0].astype(int) - 100

    assert np.abs(change - 40 * (1 - front / 255)).max() <= 1


def test_what_is_drawn_never_sees_what_lies_in_front(landmarks):
    from mead_manip.rendering.occlusion import drawn_behind

    frame, front = np.full((SIZE, SIZE, 3), 150, np.uint8), disc(landmarks)
    share = front[..., None] / 255
    frame = np.rint(share * [0, 255, 0] + (1 - share) * frame).astype(np.uint8)
    seen = []
    drawn_behind(frame, front, landmarks, lambda clean: seen.append(clean) or clean)

    assert np.abs(frame.astype(int) - 150).max() == 150 and np.abs(seen[0].astype(int) - 150).max() <= 16


def test_a_warp_does_not_drag_a_hand_onto_the_skin_beside_it(landmarks):
    import torch

    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import load_head, project
    from mead_manip.rendering.occlusion import drawn_behind
    from mead_manip.rendering.warp import WarpRenderer
    from mead_manip.stages.editing.retarget import warp_mesh

    head = load_head()
    smile = torch.zeros(1, head.n_expression)
    for name in ("AU12_L", "AU12_R"):
        smile[0, head.coef_names.index(name)] = 1.0
    heads, points, camera = [], [], torch.tensor([[70.0, SIZE / 2, SIZE / 2]])
    for expression in (torch.zeros_like(smile), smile):
        vertices = head(torch.zeros(1, head.n_identity), expression)
        heads.append(torch.cat([project(vertices, camera), 70.0 * vertices[..., 2:]], dim=-1)[0].numpy())
        points.append(project(head.landmarks(vertices), camera)[0].numpy())
    ys, xs = np.mgrid[0:SIZE, 0:SIZE]
    hand = np.hypot(xs - points[0][48, 0], ys - points[0][48, 1]) < 8  # over a corner of the mouth
    frame = np.full((SIZE, SIZE, 3), 150, np.uint8)
    frame[hand] = (20, 200, 20)
    renderer = WarpRenderer(warp_mesh(head, load_asset(HeadAsset, "head.h5")))

    def draw(rgb):
        return renderer.render(rgb, *heads, *points)

    def green(rgb):
        return (rgb[..., 1].astype(int) - rgb[..., 0] > 20)[~hand].sum()

    covered = drawn_behind(frame, 255 * hand.astype(np.uint8), landmarks, draw)
    assert np.array_equal(covered[hand], frame[hand])
    assert green(draw(frame)) > 20 and green(covered) == 0
