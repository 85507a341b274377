"""Aff-Wild2's annotation files: labels in NED's order, nothing else let through."""

import pytest

from mead_manip.errors import ArtifactInvalid, InputMissing
from mead_manip.media.affwild2 import find_annotations, read_annotations

HEADER = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise"


def write(path, *lines: str):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("header", [HEADER, HEADER + ",Other"])
def test_labels_are_numbers_per_frame_and_other_is_none(tmp_path, header):
    path = write(tmp_path / "v.txt", header, "-1", "0", "6", "7", "4")
    assert read_annotations(path).tolist() == [-1, 0, 6, -1, 4]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("Anger,Neutral,Disgust,Fear,Happiness,Sadness,Surprise", "0"), "first line"),
        ((HEADER, "0", "8"), "line 3: 8"),
        ((HEADER, "0", "happy"), "whole number"),
        (("",), "empty"),
    ],
)
def test_what_is_no_annotation_is_refused(tmp_path, lines, message):
    with pytest.raises(ArtifactInvalid, match=message):
        read_annotations(write(tmp_path / "v.txt", *lines))


def test_the_parts_are_folders_and_a_plain_folder_is_for_training(tmp_path):
    for part, name in (("Train_Set", "a"), ("Train_Set", "b_left"), ("Validation_Set", "c")):
        write(tmp_path / "parts" / part / f"{name}.txt", HEADER)
    write(tmp_path / "plain" / "d.txt", HEADER)
    found = find_annotations(tmp_path / "parts")
    assert (sorted(found.training), sorted(found.validation)) == (["a", "b_left"], ["c"])
    plain = find_annotations(tmp_path / "plain")
    assert (sorted(plain.training), plain.validation) == (["d"], {})
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputMissing):
            find_annotations(folder)
