"""Training the landmark networks: geometry of samples, losses, a step that learns, resumption, export."""

import json

import cv2
import numpy as np
import pytest
import torch


@pytest.fixture
def picture():
    """A plain picture in which every landmark is a bright dot."""
    from mead_manip.training.landmark_data import Picture

    angle = np.linspace(0, 2 * np.pi, 70, endpoint=False)
    points = np.stack([150 + 55 * np.cos(angle), 140 + 70 * np.sin(angle)], 1).astype(np.float32)
    rgb = np.zeros((300, 300, 3), np.uint8)
    for x, y in points:
        cv2.circle(rgb, (round(x), round(y)), 2, (255, 255, 255), -1, cv2.LINE_AA)
    return Picture(rgb, points, "dots/0")


def brightness(rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
    blurred = cv2.GaussianBlur(rgb, (0, 0), 1.5).max(-1)
    x, y = np.clip(points.round().astype(int).T, 0, len(rgb) - 1)
    return blurred[y, x]


def test_points_stay_on_their_dots_under_a_similarity(picture):
    from mead_manip.geometry import transform_points
    from mead_manip.training.landmark_augment import crop_similarity
    from mead_manip.training.landmark_measure import _draw

    placed = crop_similarity(picture.landmarks_px, 0.4, 1.6, np.array([0.03, -0.02]), 128)
    points = transform_points(placed, picture.landmarks_px)
    assert (points > 0).all() and (points < 127).all()
    assert brightness(_draw(picture, placed, 128), points).min() > 60


def test_points_stay_on_their_dots_under_a_warp(picture):
    from mead_manip.training.landmark_augment import thin_plate

    target = picture.landmarks_px * 0.4 + np.random.default_rng(0).normal(0, 1.5, (70, 2)).astype(np.float32)
    source_xy = thin_plate(target, picture.landmarks_px, 128, smooth=1e-6)
    warped = cv2.remap(picture.rgb, source_xy, None, cv2.INTER_LINEAR)
    assert np.median(brightness(warped, target)) > 60


def test_varied_crops_keep_points_on_their_dots(picture):
    from mead_manip.geometry import transform_points
    from mead_manip.training.landmark_augment import crop_similarity
    from mead_manip.training.landmark_echo import vary_crops
    from mead_manip.training.landmark_measure import _draw

    placed = crop_similarity(picture.landmarks_px, 0.0, 1.6, np.zeros(2), 128)
    crop = torch.from_numpy(_draw(picture, placed, 128)).repeat(6, 1, 1, 1)
    points = torch.from_numpy(transform_points(placed, picture.landmarks_px)).float().repeat(6, 1, 1)
    varied, moved = vary_crops(crop, points, torch.Generator().manual_seed(1))
    for image, there in zip(varied, moved, strict=True):
        rgb = (image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        assert np.median(brightness(rgb, there.numpy())) > 50


def test_mirroring_twice_gives_the_picture_back(picture):
    from mead_manip.training.landmark_samples import _mirrored

    twice = _mirrored(_mirrored(picture))
    assert (twice.rgb == picture.rgb).all() and np.allclose(twice.landmarks_px, picture.landmarks_px)


def test_a_sample_is_the_same_under_the_same_seed(picture):
    from mead_manip.training.landmark_samples import Sampler

    sampler = Sampler([picture], None, [], None)
    for seed in range(6):
        first, second = (sampler.face(np.random.default_rng(seed)) for _ in range(2))
        assert (first.rgb == second.rgb).all() and (first.landmarks_px == second.landmarks_px).all()
        assert first.rgb.shape == (128, 128, 3)
    rgb, faces = sampler.frame(np.random.default_rng(1))
    assert rgb.shape == (192, 192, 3) and len(faces) <= 2


@pytest.fixture(scope="module")
def shapes():
    from mead_manip.models.face_model import load_head
    from mead_manip.training.landmark_shapes import build_shape_bank

    return build_shape_bank(load_head(), 60, 0)


@pytest.mark.parametrize("mood", ["neutral", "smiling"])
def test_deformed_faces_act_and_their_lids_and_lips_never_cross(shapes, mood):
    frontal = ((shapes.neutral if mood == "neutral" else shapes.smiling)[:, :2] * [100, -100] + 300).astype(np.float32)
    faces = [shapes.deform(np.random.default_rng(seed), frontal, mood) for seed in range(80)]
    pairs = np.array([(37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)])
    gaps = np.array([face[pairs[:, 1], 1] - face[pairs[:, 0], 1] for face in faces])
    assert gaps.min() > -4  # px of a face 200 wide: a turn or the wobble may tip a shut lid over
    opened = np.quantile(gaps, 0.9, axis=0) - np.quantile(gaps, 0.1, axis=0)
    assert (opened > 4).all()
    width = [np.linalg.norm(face[54] - face[48]) for face in faces]
    assert np.ptp(width) > 20


def test_points_carried_to_a_photograph_where_nothing_but_the_camera_moved(picture):
    from mead_manip.training.landmark_teacher import moved_points

    before = picture.landmarks_px + np.random.default_rng(0).normal(0, 2, (70, 2)).astype(np.float32)
    turn = 1.2 * np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]], np.float32)
    carried = moved_points(picture.landmarks_px, before, before @ turn.T + np.float32(7))
    assert np.allclose(carried, picture.landmarks_px @ turn.T + 7, atol=1e-2)


def test_smiling_photographs_get_their_points(shared, tmp_path):
    pytest.importorskip("mediapipe")
    from mead_manip.backends.detect_photographs import detect
    from mead_manip.backends.mediapipe import MediapipeLandmarks
    from mead_manip.training.landmark_data import read_london
    from mead_manip.training.landmark_teacher import smiling_pictures

    london = shared / "media" / "london"
    neutral = read_london(london)[:3]
    people = [picture.person.removeprefix("london/") for picture in neutral]
    detector = MediapipeLandmarks(str(shared / "weights" / "face_landmarker.task"))
    seen = detect(detector, [london / f"{person}_{mood}.jpg" for person in people for mood in ("neutral", "smiling")])
    detector.close()
    (tmp_path / "seen.json").write_text(json.dumps(seen))
    smiling = smiling_pictures(london, neutral, tmp_path / "seen.json")
    assert [p.person for p in smiling] == [p.person for p in neutral]
    assert all(picture.mood == "smiling" for picture in smiling)
    # Closed lips of a slight smile are hardly wider than at rest: less than a detector wavers.
    widths = [[np.linalg.norm(p.landmarks_px[54] - p.landmarks_px[48]) for p in some] for some in (neutral, smiling)]
    wider = np.divide(*widths[::-1])
    assert wider.min() > 0.95 and wider.mean() > 1.05


def test_finder_target_inverts_to_the_face(picture):
    from mead_manip.models.landmarker import found_faces
    from mead_manip.training.landmark_losses import finder_target

    points = picture.landmarks_px * 0.6
    target = torch.from_numpy(finder_target([points], 256))
    assert target[0].max() == 1.0 and (target[0] == 1.0).sum() == 1
    maps = torch.cat([torch.logit(target[:1], eps=1e-4), target[1:]])
    (_, x, y, side), *others = found_faces(maps)
    low, high = points.min(0), points.max(0)
    assert not others
    assert (x, y, side) == pytest.approx((*((low + high) / 2), (high - low).max()), abs=1e-3)


def test_losses_are_zero_or_least_at_the_truth():
    from mead_manip.training.landmark_losses import finder_terms, landmark_terms, robust

    assert robust(torch.zeros(3)).sum() == 0
    truth, crops, faces = torch.rand(2, 70, 2) * 128, torch.zeros(2, 3, 128, 128), torch.tensor([True, True])
    sure = torch.ones(2, 70), torch.full((2,), 30.0)
    exact = landmark_terms(lambda _: (truth, *sure), crops, truth, faces)
    assert sum(exact.values()) < 1e-6
    shifted = landmark_terms(lambda _: (truth + 3, *sure), crops, truth, faces)
    assert shifted["points"] > 1 and shifted["relations"] < 1e-4  # a face beside its place does what it does
    frames = torch.zeros(1, 3, 64, 64)
    target = torch.zeros(1, 4, 8, 8)
    target[0, :, 3, 4] = torch.tensor([1.0, 0.5, 0.1, -0.2])

    def net(_):
        maps = target.clone()
        maps[:, 0] = torch.where(target[:, 0] == 1, 20.0, -20.0)
        return maps

    assert sum(finder_terms(net, frames, target).values()) < 1e-4
    assert sum(finder_terms(lambda x: net(x) * -1, frames, target).values()) > 10


@pytest.mark.parametrize("network", ["landmarks", "finder"])
def test_a_few_steps_on_one_batch_lower_the_loss(network, picture):
    from mead_manip.models.landmarker import FaceFinder, LandmarkNet
    from mead_manip.training.landmark_losses import finder_terms, landmark_terms
    from mead_manip.training.landmark_samples import Sampler
    from mead_manip.training.landmarker import _Samples, _varied

    torch.manual_seed(0)
    net = LandmarkNet(4) if network == "landmarks" else FaceFinder(4)
    terms = landmark_terms if network == "landmarks" else finder_terms
    samples = _Samples(Sampler([picture], None, [], None), network, 4, (0, 0))
    drawn = [torch.from_numpy(part) for part in next(iter(samples))]
    batch = _varied(network, drawn, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    history = []
    for _ in range(15):
        loss = torch.stack(list(terms(net, *batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.8 * history[0]


def test_template_mapping_keeps_iBUG_order(shared):
    from mead_manip.models.landmarker import mirror_order
    from mead_manip.training.landmark_data import read_london

    mean = np.mean([p.landmarks_px for p in read_london(shared / "media" / "london")], axis=0)
    assert (np.diff(mean[:9, 1]) > 0).all() and (np.diff(mean[:17, 0]) > 0).all()
    assert mean[36:42, 0].mean() < mean[27, 0] < mean[42:48, 0].mean()  # the subject's right is the picture's left
    assert mean[27, 1] < mean[30, 1] < mean[33, 1] < mean[51, 1] < mean[57, 1] < mean[8, 1]
    for pupil, eye in ((mean[68], mean[36:42]), (mean[69], mean[42:48])):
        assert (pupil > eye.min(0)).all() and (pupil < eye.max(0)).all()
    mirrored = mean[mirror_order(len(mean))] * [-1, 1]
    mirrored[:, 0] += 2 * mean[[27, 28, 29, 30, 33], 0].mean()
    assert np.abs(mirrored - mean).max() < 4  # of 512 px: faces are about symmetric


def test_export_needs_both_networks_and_can_be_loaded(tmp_path):
    from mead_manip.backends.builtin import load_networks
    from mead_manip.errors import InputMissing
    from mead_manip.models.landmarker import FaceFinder, LandmarkNet
    from mead_manip.training.landmarker import export

    with pytest.raises(InputMissing, match="landmarks"):
        export(tmp_path, tmp_path / "out.h5")
    nets = {"landmarks": LandmarkNet(), "finder": FaceFinder()}
    for name, net in nets.items():
        torch.save({"step": 1, "average": net.state_dict()}, tmp_path / f"{name}.pt")
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"step": 1}) + "\n")
    export(tmp_path, tmp_path / "out.h5")
    assert (tmp_path / "out.h5").stat().st_size < 8 << 20
    loaded = load_networks(tmp_path / "out.h5", torch.device("cpu"))
    x = torch.rand(1, 3, 128, 128)
    with torch.inference_mode():
        assert torch.allclose(loaded.landmarks(x)[0], nets["landmarks"].eval()(x)[0], atol=0.3)
