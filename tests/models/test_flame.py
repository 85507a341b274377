"""Skinning against a slow statement of it, vertex by vertex; what a pose may and may not move; the contour's tables."""

import numpy as np
import pytest
import torch

SIZES = {"n_frames": 3, "n_identity": 100, "n_expression": 50}


@pytest.fixture(scope="module")
def asset():
    import flame

    return flame.asset()


@pytest.fixture(scope="module")
def model(asset):
    from mead_manip.models.flame import flame_model_from

    return flame_model_from(asset)


@pytest.fixture(scope="module")
def codes():
    rng = torch.Generator().manual_seed(0)

    def normal(n: int, size: float) -> torch.Tensor:
        return size * torch.randn(SIZES["n_frames"], n, generator=rng)

    return {
        "identity": normal(100, 1.0),
        "expression": normal(50, 1.0),
        "jaw_pose": normal(3, 0.2),
        "gaze": normal(2, 0.2),
        "head_pose": normal(3, 0.5),
        "neck_pose": normal(3, 0.2),
    }


def rodrigues(vector: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.Rodrigues(np.asarray(vector, np.float64))[0]


def eye_turn(gaze: np.ndarray) -> np.ndarray:
    yaw, pitch = gaze
    return rodrigues([0, yaw, 0]) @ rodrigues([-pitch, 0, 0])


def slowly(asset, identity, expression, rotations: list[np.ndarray]) -> np.ndarray:
    """FLAME as its paper states it, one vertex after another, homogeneous matrices and all."""
    template = asset.template.astype(np.float64)
    for value, basis in zip(identity, asset.identity_basis, strict=False):
        template = template + float(value) * basis.astype(np.float64)
    for value, basis in zip(expression, asset.expression_basis, strict=False):
        template = template + float(value) * basis.astype(np.float64)
    joints = asset.joint_regressor.astype(np.float64) @ template
    posed = template.copy()
    feature = np.concatenate([(rotation - np.eye(3)).reshape(-1) for rotation in rotations[1:]])
    for value, basis in zip(feature, asset.pose_basis, strict=True):
        posed = posed + value * basis.astype(np.float64)

    def about(rotation: np.ndarray, place: np.ndarray) -> np.ndarray:
        move = np.eye(4)
        move[:3, :3], move[:3, 3] = rotation, place - rotation @ place
        return move

    world = [about(rotations[0], joints[0])]
    for joint in range(1, 5):
        world.append(world[asset.parents[joint]] @ about(rotations[joint], joints[joint]))
    out = np.empty_like(posed)
    for vertex, point in enumerate(posed):
        out[vertex] = sum(
            weight * (move @ [*point, 1.0])[:3]
            for weight, move in zip(asset.skin_weights[vertex], world, strict=True)
            if weight
        )
    return out


def test_it_is_the_papers_linear_blend_skinning(asset, model, codes):
    found = model(**codes).numpy()
    for frame in range(SIZES["n_frames"]):
        one = {name: value[frame].numpy() for name, value in codes.items()}
        eye = eye_turn(one["gaze"])
        rotations = [rodrigues(one["head_pose"]), rodrigues(one["neck_pose"]), rodrigues(one["jaw_pose"]), eye, eye]
        expected = slowly(asset, one["identity"], one["expression"], rotations)
        assert abs(found[frame] - expected).max() < 2e-6


def test_sizes_are_flames(model, codes):
    vertices = model(**codes)
    assert vertices.shape == (3, 5023, 3) and model.triangles.shape == (9976, 3)
    assert model.landmarks(vertices, codes["head_pose"]).shape == (3, 68, 3)
    assert model.identity_basis.shape[0] == 300 and model.expression_basis.shape[0] == 100
    assert model.pose_basis.shape[0] == 36


def test_without_a_pose_it_is_the_sum_of_blend_shapes(asset, model, codes):
    found = model(codes["identity"], codes["expression"], head_pose=torch.zeros(3, 3))
    expected = asset.template + np.einsum("bi,ivc->bvc", codes["identity"], asset.identity_basis[:100])
    expected = expected + np.einsum("bi,ivc->bvc", codes["expression"], asset.expression_basis[:50])
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(model(torch.zeros(1, 100))[0], asset.template, atol=1e-7)


def test_the_head_turns_about_its_root_joint_as_one_piece(model, codes):
    from mead_manip.models.rigid import rotation

    still = model(codes["identity"], codes["expression"], codes["jaw_pose"])
    turned = model(codes["identity"], codes["expression"], codes["jaw_pose"], head_pose=codes["head_pose"])
    root = model.joints(codes["identity"], codes["expression"])[:, :1]
    torch.testing.assert_close(turned, (still - root) @ rotation(codes["head_pose"]).mT + root, atol=2e-6, rtol=0)


def test_the_jaw_moves_what_hangs_on_it_and_nothing_else(model):
    from mead_manip.models.flame import JAW, FlameModel

    buffers = dict(model.named_buffers()) | {"pose_basis": torch.zeros_like(model.pose_basis)}
    plain = FlameModel(buffers, model.parents)
    opened = plain(torch.zeros(1, 100), jaw_pose=torch.tensor([[0.3, 0.0, 0.0]]))[0] - model.template
    moved = opened.norm(dim=1)
    hung = model.skin_weights[:, JAW]
    assert moved[hung == 0].max() < 1e-6
    assert moved[hung == 1].min() > 1e-3
    chin = (hung * model.template[:, 2]).argmax()
    assert opened[chin, 1] < 0, "a positive turn about x opens"


def test_gaze_turns_only_the_eyeballs(model):
    from mead_manip.models.flame import EYE_LEFT, FlameModel

    plain = FlameModel(dict(model.named_buffers()) | {"pose_basis": torch.zeros_like(model.pose_basis)}, model.parents)
    looked = plain(torch.zeros(1, 100), gaze=torch.tensor([[0.3, 0.0]]))[0] - model.template
    eyes = model.skin_weights[:, EYE_LEFT:].sum(1)
    assert looked[eyes == 0].abs().max() < 1e-6
    front = (eyes * model.template[:, 2]).argmax()
    assert looked[front, 0] > 1e-4, "a positive yaw looks to the subject's left"


def test_one_person_serves_all_frames_and_a_batch_is_no_different_from_its_frames(model, codes):
    together = model(codes["identity"][:1], codes["expression"], codes["jaw_pose"], head_pose=codes["head_pose"])
    for frame in range(3):
        part = slice(frame, frame + 1)
        alone = model(
            codes["identity"][:1], codes["expression"][part], codes["jaw_pose"][part], None, None,
            codes["head_pose"][part],
        )  # fmt: skip
        torch.testing.assert_close(together[part], alone, atol=1e-6, rtol=0)


def test_eyelids_are_refused_unless_open(model):
    model(torch.zeros(1, 100), eyelids=torch.zeros(2, 2))
    with pytest.raises(ValueError, match="no eyelids"):
        model(torch.zeros(1, 100), eyelids=torch.ones(2, 2))


@pytest.mark.parametrize(
    ("yaw", "row"),
    [(0, 0), (0.4, 0), (-1, 1), (-12.4, 12), (-39, 39), (-80, 39), (1, 40), (12.4, 51), (39, 78), (80, 78)],
)
def test_the_contours_table_goes_by_yaw(yaw, row):
    from mead_manip.models.flame import contour_row

    pose = torch.deg2rad(torch.tensor([[0.0, yaw, 0.0]]))
    assert contour_row(pose).tolist() == [row]


def test_landmarks_are_points_of_the_tables_triangles(asset, model, codes):
    from mead_manip.models.flame import contour_row

    vertices = model(**codes)
    found = model.landmarks(vertices, codes["head_pose"]).numpy()
    for frame in range(3):
        row = int(contour_row(codes["head_pose"][frame : frame + 1]))
        for point in (0, 8, 16, 17, 40, 67):
            if point < 17:
                triangle, weights = asset.contour_triangles[row, point], asset.contour_weights[row, point]
            else:
                triangle, weights = asset.static_triangles[point - 17], asset.static_weights[point - 17]
            expected = weights @ vertices[frame].numpy()[asset.triangles[triangle]]
            np.testing.assert_allclose(found[frame, point], expected, atol=1e-6)


def test_a_model_without_an_embedding_says_how_to_get_landmarks(asset):
    import flame

    from mead_manip.errors import InputMissing
    from mead_manip.models.flame import flame_model_from

    none = {
        "static_triangles": np.zeros(0, np.int32),
        "static_weights": np.zeros((0, 3), np.float32),
        "contour_triangles": np.zeros((0, 0), np.int32),
        "contour_weights": np.zeros((0, 0, 3), np.float32),
    }
    model = flame_model_from(flame.asset(**none))
    with pytest.raises(InputMissing, match="import-flame` again with --landmarks"):
        model.landmarks(model(torch.zeros(1, 10)))


def test_colours_are_the_mean_face_from_0_to_1(model):
    colours = model.nmfc()
    assert colours.amin(0).tolist() == [0, 0, 0] and colours.amax(0).tolist() == [1, 1, 1]
