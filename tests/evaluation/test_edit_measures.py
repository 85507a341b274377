"""Measures of an edit: what does nothing scores as nothing, and each tells the change that it is for."""

import dataclasses

import numpy as np
import pytest

from mead_manip.evaluation import edit_measures as measures
from mead_manip.evaluation.edit_measures import LESS_IS_BETTER, NAMES, Measures

NAN = float("nan")


def found(**changes):
    return Measures(**{**dict.fromkeys(NAMES, 0.5), **changes})


def test_means_leave_out_what_was_not_measured():
    average = measures.means([found(jaw=0.2, lips=NAN), found(jaw=0.6, lips=NAN), found(jaw=NAN, lips=NAN)])
    assert average.jaw == pytest.approx(0.4) and np.isnan(average.lips) and average.top == 0.5


def test_limits_are_kept_from_the_right_side():
    good = found(jaw=0.95, jitter=1.1, outside=0.0)
    assert measures.missed(good, {"jaw": 0.9, "jitter": 1.2, "outside": 0}) == {}
    bad = measures.missed(found(jaw=0.8, jitter=1.3, lips=NAN), {"jaw": 0.9, "jitter": 1.2, "lips": 0.1, "top": 0.5})
    assert bad.keys() == {"jaw", "jitter", "lips"} and bad["lips"] == "not measured" and "above 1.2" in bad["jitter"]
    assert set(LESS_IS_BETTER) < set(NAMES)


def test_only_frames_with_a_target_and_a_face_count():
    probability = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [NAN, NAN], [1.0, 0.0]])
    target = np.array([0, 1, 1, 0, -1])
    share, top = measures.target_shares(probability, target)
    assert share == pytest.approx((0.9 + 0.8 + 0.4) / 3) and top == pytest.approx(2 / 3)
    assert np.isnan(measures.target_shares(probability, np.full(5, -1))).all()


def test_cosine_is_the_mean_over_rows():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 8))
    assert measures.cosine(a, 3 * a) == pytest.approx(1) and measures.cosine(a[0], -a[0]) == pytest.approx(-1)
    assert measures.cosine(np.eye(2), np.eye(2)[::-1]) == pytest.approx(0)


def test_heads_are_compared_about_the_mean_and_as_people_differ():
    rng = np.random.default_rng(0)
    mean, scale = rng.normal(2, 1, 6), np.array([3.0, 3, 1, 1, 0.3, 0.3])
    people = mean + rng.normal(size=(4000, 6)) * scale
    moment = people.T @ people / len(people)
    like = [measures.likeness(a, b, mean, moment) for a, b in zip(people[:300], people[300:600], strict=True)]
    assert abs(np.mean(like)) < 0.1 and measures.likeness(people[0], people[0], mean, moment) == pytest.approx(1)
    assert np.mean([measures.cosine(a, b) for a, b in zip(people[:300], people[300:600], strict=True)]) > 0.2
    turned = people[0] + [0, 0, 0, 0, 3, 0]  # small, but ten times what people differ there
    assert measures.likeness(people[0], turned, mean, moment) < 0.6


def test_movement_is_compared_in_form_not_in_size_and_rest_says_nothing():
    time = np.linspace(0, 6, 80)
    jaw = (0.1 * np.sin(3 * time)).astype(np.float32)
    assert measures.movement_correlation(jaw, 0.5 * jaw + 0.2) == pytest.approx(1, abs=1e-5)
    assert abs(measures.movement_correlation(jaw, np.cos(3 * time).astype(np.float32))) < 0.2
    assert np.isnan(measures.movement_correlation(0 * jaw, jaw))


def test_closures_between_open_lips_are_counted():
    open_, shut = 0.2, 0.0
    gap = np.full(40, open_, np.float32)
    for start in (0, 10, 20, 30, 37):  # the first and the last touch the ends, and say no sound
        gap[start : start + 3] = shut
    seen = np.ones(40, bool)
    assert measures.closures_kept(gap, gap, seen) == (3, 3)
    edited = gap.copy()
    edited[20:23] = open_
    edited[31] = open_  # one frame of a closure that still closes
    assert measures.closures_kept(gap, edited, seen) == (2, 3)
    seen[9] = False  # the face was not seen before this one
    assert measures.closures_kept(gap, edited, seen) == (1, 2)
    assert measures.closures_kept(np.full(40, open_, np.float32), gap, seen) == (0, 0)


def test_jitter_is_relative_and_ignores_frames_without_a_face():
    rng = np.random.default_rng(0)
    source = rng.normal(0, 0.1, (30, 4)).astype(np.float32)
    seen = np.ones(30, bool)
    assert measures.jitter_ratio(source, 2 * source + 5, seen) == pytest.approx(2, rel=1e-5)
    result = source.copy()
    result[12] += 100
    seen[12] = False
    assert measures.jitter_ratio(source, result, seen) == pytest.approx(1, rel=1e-5)
    assert np.isnan(measures.jitter_ratio(0 * source, source, seen))


def oval(middle=(80, 80), size=30):
    """68 points of which the outline is an oval and the eyes are apart by its width."""
    angle = np.linspace(0, np.pi, 17)
    points = np.tile(np.array(middle, np.float32), (68, 1))
    points[:17] += np.stack([-np.cos(angle), np.sin(angle) * 1.2], 1).astype(np.float32) * size
    points[36:42] += (-size / 2, -size / 3)
    points[42:48] += (size / 2, -size / 3)
    return points


def test_the_mask_holds_the_face_and_with_reach_what_is_about_it():
    points = oval()
    bare = measures.face_mask(points[None], (160, 160))
    wide = measures.face_mask(points[None], (160, 160), 0.5)
    assert bare[90, 80] and not bare[125, 80] and not bare[60, 80]
    assert wide[125, 80] and wide[60, 80] and not wide[159, 159] and (wide | bare == wide).all()
    two = measures.face_mask(np.stack([points, oval((30, 40), 10)]), (160, 160), 0.5)
    assert two[40, 30] and (two & wide == wide).all()


def test_sharpness_falls_with_blur_and_psnr_with_noise():
    import cv2

    rng = np.random.default_rng(0)
    rgb = cv2.GaussianBlur(rng.integers(0, 256, (80, 80, 3)).astype(np.uint8), (0, 0), 1)
    mask = np.zeros((80, 80), bool)
    mask[20:60, 20:60] = True
    soft = cv2.GaussianBlur(rgb, (0, 0), 1.5)
    assert measures.sharpness(soft, mask) < 0.5 * measures.sharpness(rgb, mask)
    changed = rgb.copy()
    changed[0, 0] ^= 255
    assert measures.psnr(*measures.squared_error(rgb, changed, mask)) == 100  # nothing inside the mask changed
    error, count = measures.squared_error(rgb, changed, ~mask)
    assert count == 3 * (80 * 80 - 40 * 40) and 20 < measures.psnr(error, count) < 80
    assert measures.psnr(3 * 255.0**2, 3) == 0 and np.isnan(measures.psnr(0.0, 0))


def test_every_measure_has_a_column():
    from mead_manip.reports.edit_table import COLUMNS, as_text, measures_table

    assert {name for name, _ in COLUMNS.values()} == set(NAMES)
    table = measures_table(("result", "target"), [(("clip", "happy"), found(jaw=NAN))])
    lines = as_text(table).splitlines()
    assert len(lines) == 2 and lines[1].split()[:2] == ["clip", "happy"] and " -  " in lines[1]
    assert len(dataclasses.fields(Measures)) == len(table.rows[0]) - 2
