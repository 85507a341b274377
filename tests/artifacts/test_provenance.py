"""The key names a result by everything that decides it, and by nothing else."""

import dataclasses
import math

import pytest

from mead_manip.artifacts.provenance import Provenance, differences
from mead_manip.errors import ArtifactInvalid

RECORD = Provenance(
    schema="reconstruction/1",
    stage="reconstruct3d",
    stage_version=1,
    params={"margin": 0.25, "views": ("front",), "prompt": None},
    inputs={"face_track": "0123456789abcdef"},
    backend="fit@0",
)


def test_the_key_of_a_known_record_never_changes():
    # If this fails, every artifact of every user becomes stale: change the format on purpose or not at all.
    assert RECORD.key == "655293b87690f798"


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "reconstruction/2"},
        {"stage": "other"},
        {"stage_version": 2},
        {"params": {**RECORD.params, "margin": 0.3}},
        {"inputs": {"face_track": "0123456789abcdee"}},
        {"backend": "fit@1"},
    ],
)
def test_every_part_of_the_record_reaches_the_key(change):
    assert dataclasses.replace(RECORD, **change).key != RECORD.key


def test_the_order_of_names_and_tuple_or_list_do_not_matter():
    params = dict(reversed(list({**RECORD.params, "views": ["front"]}.items())))
    assert dataclasses.replace(RECORD, params=params).key == RECORD.key


def test_the_record_reads_back():
    back = Provenance.from_json(RECORD.to_json())
    assert back.key == RECORD.key and differences(back, RECORD) == []


def test_differences_are_one_line_a_value():
    new = dataclasses.replace(
        RECORD, params={"margin": 0.3, "views": ("front",), "prompt": "x", "new": 1}, inputs={}, backend="deca@1"
    )
    assert differences(RECORD, new) == [
        'backend: "fit@0" -> "deca@1"',
        "inputs: (none) -> {}",
        'inputs.face_track: "0123456789abcdef" -> (none)',
        "params.margin: 0.25 -> 0.3",
        "params.new: (none) -> 1",
        'params.prompt: null -> "x"',
    ]


def test_nested_inputs_name_the_clip_that_changed():
    old = dataclasses.replace(RECORD, inputs={"reconstruction": {"a": "1", "b": "2"}})
    new = dataclasses.replace(RECORD, inputs={"reconstruction": {"a": "1", "b": "3"}})
    assert differences(old, new) == ['inputs.reconstruction.b: "2" -> "3"']


def test_nan_has_no_key():
    with pytest.raises(ValueError, match="not JSON compliant"):
        _ = dataclasses.replace(RECORD, params={"margin": math.nan}).key


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}', '{"other": 1}', "null"])
def test_an_unreadable_record_is_invalid(text):
    with pytest.raises(ArtifactInvalid, match="unreadable provenance"):
        Provenance.from_json(text)
