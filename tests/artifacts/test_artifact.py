"""What exists is valid: dtype, axes and scalars are checked when an artifact is made."""

import numpy as np
import pytest

from mead_manip.artifacts.artifact import decode_scalar, encode_scalar, specs
from mead_manip.errors import ArtifactInvalid


def test_axes_bind_across_fields(make_reconstruction):
    with pytest.raises(ArtifactInvalid, match=r"jaw_pose: float32 with shape \(4, 3\); expected .*frame=5"):
        make_reconstruction(5, jaw_pose=np.zeros((4, 3), np.float32))


def test_an_offset_table_is_one_longer_than_the_frames(make_track):
    with pytest.raises(ArtifactInvalid, match="face_offsets"):
        make_track(5, face_offsets=np.zeros(5, np.int64))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expression", np.zeros((5, 3))),  # float64
        ("visible", np.ones(5, np.uint8)),
        ("expression", [[0.0]]),
        ("face_model", 3),
        ("fps_num", 30.0),
        ("fps_num", True),
        ("coef_names", ["a"]),
        ("coef_names", (1, 2)),
    ],
)
def test_a_wrong_type_is_refused_with_the_field_s_name(make_reconstruction, name, value):
    with pytest.raises(ArtifactInvalid, match=f"reconstruction/2 {name}: .*expected"):
        make_reconstruction(5, **{name: value})


def test_a_float_that_json_cannot_hold_is_refused(make_scores):
    with pytest.raises(ArtifactInvalid, match="y: nan"):
        make_scores(y=float("nan"))


def test_parameters_must_be_named_numeric_arrays():
    from mead_manip.artifacts.schemas import ManipulatorWeights

    for bad in ({"a/b": np.zeros(1)}, {"": np.zeros(1)}, {".": np.zeros(1)}, {"a": [1.0]}, {"a": np.array(["x"])}):
        with pytest.raises(ArtifactInvalid, match="manipulator_weights/1 parameters"):
            ManipulatorWeights(parameters=bad, config="{}", facts="{}")


def test_zero_frames_are_a_valid_size(make_track):
    assert make_track(0).landmarks_px.shape == (0, 68, 2)


@pytest.mark.parametrize("value", [None, True, 3, -0.5, "", "grüße", ("a", "b"), ()])
def test_scalars_survive_their_json(value):
    assert decode_scalar(encode_scalar(value)) == value


def test_every_schema_has_a_name_a_version_and_known_fields():
    from mead_manip.artifacts import schemas
    from mead_manip.artifacts.artifact import Artifact

    found = [
        value
        for value in vars(schemas).values()
        if isinstance(value, type) and issubclass(value, Artifact) and value is not Artifact
    ]
    names = [schema.NAME for schema in found]
    assert len(set(names)) == len(names) >= 5
    for schema in found:
        assert schema.VERSION >= 1 and schema.__doc__
        assert {spec.name for spec in specs(schema)} >= schema.COMPRESSED
