"""Files of FLAME's layout, in the ways it has been published, become one FlameAsset; others are named and refused."""

import os
import pickle

import flame
import numpy as np
import pytest

from mead_manip.artifacts.artifact import specs
from mead_manip.artifacts.flame_files import flame_from_files, variant_of
from mead_manip.artifacts.schemas import FlameAsset
from mead_manip.errors import ArtifactInvalid, InputMissing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("FLAME2020")
    flame.write_model(folder / "generic_model.pkl")
    flame.write_embedding(folder / "landmark_embedding.npy")
    flame.write_template(folder / "head_template.obj")
    return folder


def test_everything_arrives(folder):
    mask = np.full((256, 256), 7, np.uint8)
    np.save(folder / "fixed.npy", np.full((256, 256), 0.001))
    found = flame_from_files(
        folder / "generic_model.pkl",
        folder / "landmark_embedding.npy",
        folder / "head_template.obj",
        mask,
        folder / "fixed.npy",
    )
    expected = flame.asset(detail_mask=mask, fixed_displacement=np.full((256, 256), 0.001, np.float32))
    for spec in specs(FlameAsset):
        if spec.name != "source_digest":
            np.testing.assert_equal(getattr(found, spec.name), getattr(expected, spec.name), err_msg=spec.name)
    assert found.variant == "2020" and len(found.source_digest) == 64
    assert found.uvs.shape == (5118, 2) and found.static_triangles.shape == (51,)


def test_a_release_without_chumpy_in_single_precision(tmp_path):
    plain = {
        name: flame.arrays()[name].astype(np.float32) for name in ("v_template", "shapedirs", "posedirs", "weights")
    }
    path = flame.write_model(tmp_path / "FLAME2023" / "flame2023.pkl", protocol=4, chumpy=False, extra=3, **plain)
    found = flame_from_files(path)
    np.testing.assert_array_equal(found.template, plain["v_template"])
    assert found.variant == "2023" and len(found.static_triangles) == 0 and found.uvs.size == 0


@pytest.mark.parametrize(
    ("path", "variant"),
    [
        ("FLAME2020/generic_model.pkl", "2020"),
        ("data/generic_model.pkl", "2020"),
        ("x/flame2023.pkl", "2023"),
        ("x/flame2023_no_jaw.pkl", "2023-no-jaw"),
        ("FLAME2023Open/flame2023.pkl", "2023-open"),
        ("x/flame2023_Open.pkl", "2023-open"),
        ("x/mine.pkl", "unknown"),
    ],
)
def test_the_release_is_told_by_the_names(tmp_path, path, variant):
    assert variant_of(tmp_path / path) == variant


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"v_template": np.zeros((778, 3))}, r"v_template: float64 with shape \(778, 3\); expected .*\(5023, 3\)"),
        ({"shapedirs": np.zeros((5023, 3, 10))}, r"shapedirs: .*expected numbers of shape \(5023, 3, 400\)"),
        ({"weights": np.full((5023, 5), np.nan)}, "weights: not all finite"),
        ({"kintree_table": np.zeros((2, 5), np.uint32)}, "kintree_table with parents"),
        ({"f": np.full((9976, 3), 5023)}, r"f: 5023\.\.5023; expected 0\.\.5022"),
        ({"posedirs": "text"}, "posedirs: "),
    ],
)
def test_another_models_arrays_are_refused_by_name(tmp_path, changes, says):
    small = {name: flame.arrays()[name].astype(np.float16) for name in ("shapedirs", "posedirs")}
    path = flame.write_model(tmp_path / "generic_model.pkl", chumpy=False, **(small | changes))
    with pytest.raises(ArtifactInvalid, match=says):
        flame_from_files(path)


def test_a_pickle_of_something_else(tmp_path):
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps({"weights": 1, "other": 2}))
    with pytest.raises(ArtifactInvalid, match=r"no v_template, only other, weights; expected a FLAME model"):
        flame_from_files(path)
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ArtifactInvalid, match="a list"):
        flame_from_files(path)


class Attack:
    def __reduce__(self):
        return os.system, ("touch it_ran",)


def test_a_model_with_a_payload_is_refused_and_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps({"v_template": flame.arrays()["v_template"], "bs_type": Attack()}, protocol=2))
    with pytest.raises(ArtifactInvalid, match=r"it asks for posix\.system"):
        flame_from_files(path)
    assert not (tmp_path / "it_ran").exists()


def test_embeddings_and_templates_are_checked(folder, tmp_path):
    model = folder / "generic_model.pkl"
    np.save(tmp_path / "a.npy", {**flame.embedding(), "static_lmk_faces_idx": np.full(51, 9976)}, allow_pickle=True)
    with pytest.raises(ArtifactInvalid, match="a landmark's triangle: 9976"):
        flame_from_files(model, tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.zeros(3))
    with pytest.raises(ArtifactInvalid, match="expected DECA's landmark_embedding"):
        flame_from_files(model, tmp_path / "b.npy")
    (tmp_path / "c.obj").write_text("v 0 0 0\nf 1 1 1\n")
    with pytest.raises(ArtifactInvalid, match="head_template"):
        flame_from_files(model, template=tmp_path / "c.obj")
    with pytest.raises(InputMissing, match="cannot read"):
        flame_from_files(model, template=tmp_path / "nothing.obj")


def test_a_template_in_another_order_gives_the_same_texture(folder, tmp_path):
    # The egg's spare triangles are all alike, so the last of them may have any place.
    order = np.random.default_rng(0).permutation(flame.N_TRIANGLES)
    flame.write_template(tmp_path / "head_template.obj", order)
    found = flame_from_files(folder / "generic_model.pkl", template=tmp_path / "head_template.obj")
    np.testing.assert_array_equal(found.uv_triangles, flame.asset().uv_triangles)
