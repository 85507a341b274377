"""generic_model.pkl -> FlameAsset on disk: what lies beside it, fresh and stale, refusals, the command."""

import os
import pickle

import cv2
import flame
import numpy as np
import pytest
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """DECA's data folder."""
    folder = tmp_path_factory.mktemp("FLAME2020")
    small = {name: flame.arrays()[name].astype(np.float16) for name in ("shapedirs", "posedirs")}
    flame.write_model(folder / "generic_model.pkl", **small)
    flame.write_embedding(folder / "landmark_embedding.npy")
    flame.write_template(folder / "head_template.obj")
    cv2.imwrite(str(folder / "uv_face_eye_mask.png"), np.full((256, 256, 3), 200, np.uint8))
    np.save(folder / "fixed_displacement_256.npy", np.full((256, 256), 0.001))
    return folder


def run(workspace, *, force=False, dry_run=False, **settings):
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.config import Common, ImportFlameConfig
    from mead_manip.stages import import_flame
    from mead_manip.stages.running.runner import SilentProgress

    config = ImportFlameConfig(**settings)
    return import_flame.run(
        Workspace(workspace), config, Common(), force=force, dry_run=dry_run, progress=SilentProgress()
    )


def load(path):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import FlameAsset

    return store.load(FlameAsset, path)


def test_the_model_and_what_lies_beside_it_become_one_file(data, tmp_path):
    summary = run(tmp_path, model=str(data / "generic_model.pkl"))
    assert summary.done == ["flame"] and summary.detail == "FLAME 2020"
    found = load(tmp_path / "models" / "flame.h5")
    assert found.template.shape == (5023, 3) and len(found.static_triangles) == 51
    assert len(found.uvs) == 5118 and (found.detail_mask == 200).all()
    assert found.fixed_displacement.max() == np.float32(0.001)
    assert run(tmp_path, model=str(data / "generic_model.pkl")).fresh == ["flame"]


def test_a_lonely_model_says_what_is_lacking(data, tmp_path):
    model = tmp_path / "FLAME2023Open" / "flame2023.pkl"
    model.parent.mkdir()
    model.write_bytes((data / "generic_model.pkl").read_bytes())
    summary = run(tmp_path, model=str(model), out=str(tmp_path / "mine.h5"))
    assert summary.detail.startswith("FLAME 2023-open; DECA's coefficients belong to FLAME 2020; without landmark_")
    assert load(tmp_path / "mine.h5").variant == "2023-open"
    named = str(data / "landmark_embedding.npy")
    assert "inputs.landmarks" in run(
        tmp_path, model=str(model), out=str(tmp_path / "mine.h5"), landmarks=named, dry_run=True
    ).planned["flame"]  # fmt: skip


def test_a_dry_run_writes_nothing(data, tmp_path):
    assert run(tmp_path, model=str(data / "generic_model.pkl"), dry_run=True).planned == {"flame": "missing"}
    assert not (tmp_path / "models").exists()


class Attack:
    def __reduce__(self):
        return os.system, ("touch it_ran",)


def test_the_command_refuses_a_payload_by_name(in_folder):
    from mead_manip import cli

    (in_folder / "generic_model.pkl").write_bytes(pickle.dumps(Attack(), protocol=2))
    result = CliRunner().invoke(cli.app, ["import-flame", "generic_model.pkl"])
    assert result.exit_code == 1 and "it asks for posix.system" in result.stderr, result.stderr
    assert not (in_folder / "it_ran").exists() and not (in_folder / "work" / "models" / "flame.h5").exists()


def test_a_missing_file_says_where_to_get_it(in_folder):
    from mead_manip import cli

    result = CliRunner().invoke(cli.app, ["import-flame", "nothing.pkl"])
    assert result.exit_code == 3 and "register at flame.is.tue.mpg.de" in result.stderr
