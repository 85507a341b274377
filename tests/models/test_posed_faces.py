"""A reconstruction finds its face model by name, and the FLAME that it was made with by content."""

import flame
import numpy as np
import pytest

from mead_manip.errors import InputMissing, UsageError
from mead_manip.models.posed_faces import FaceModel, face_model_of, is_flame, posed


@pytest.fixture(scope="module")
def flame_file(tmp_path_factory):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance

    asset, path = flame.asset(), tmp_path_factory.mktemp("models") / "flame.h5"
    store.save(asset, path, Provenance(asset.schema_id(), "import-flame", 1))
    return path


def test_the_name_chooses_the_model(flame_file):
    from mead_manip.files import digest
    from mead_manip.models.face_model import HeadModel
    from mead_manip.models.flame import FlameModel

    name = f"flame-2020@{digest(flame_file)[:16]}"
    assert is_flame(name) and not is_flame("head.h5@0123")
    assert isinstance(face_model_of(name, flame_file), FlameModel)
    assert isinstance(face_model_of("head.h5@0123"), HeadModel)
    assert isinstance(face_model_of(name, flame_file), FaceModel)


def test_another_flame_or_none_is_refused(flame_file, tmp_path):
    with pytest.raises(UsageError, match="is another FLAME than flame-2023@abcd"):
        face_model_of("flame-2023@abcd", flame_file)
    for path in (None, tmp_path / "nothing.h5"):
        with pytest.raises(InputMissing, match="import-flame"):
            face_model_of("flame-2020@abcd", path)


def test_some_frames_are_posed_as_all_are(make_reconstruction):
    from mead_manip.models.flame import flame_model_from

    rng = np.random.default_rng(0)
    found = make_reconstruction(
        4,
        50,
        identity=rng.normal(0, 1, 100).astype(np.float32),
        expression=rng.normal(0, 1, (4, 50)).astype(np.float32),
        head_pose=rng.normal(0, 0.3, (4, 3)).astype(np.float32),
        camera=np.tile(np.float32([900, 128, 120]), (4, 1)),
    )
    model = flame_model_from(flame.asset())
    vertices, landmarks_px = posed(model, found)
    some, some_px = posed(model, found, slice(1, 3))
    np.testing.assert_allclose(some, vertices[1:3], atol=1e-6)
    np.testing.assert_allclose(some_px, landmarks_px[1:3], atol=1e-3)
    assert vertices.shape == (4, 5023, 3)
    assert (abs(landmarks_px.mean(axis=1) - [128, 120]) < 60).all()
