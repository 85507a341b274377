"""Round trip, skip or stale with reasons, kill while writing: the seams of the store."""

import dataclasses
import mmap
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ClipScores, FaceTrack, ManipulatorWeights, Reconstruction
from mead_manip.errors import ArtifactInvalid, ArtifactMissing, MeadManipError


def provenance_of(schema, **params) -> Provenance:
    return Provenance(schema.schema_id(), "stage", 1, params)


def assert_equal(one, other):
    for field in dataclasses.fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right)
            assert left.dtype == right.dtype
        else:
            assert left == right and type(left) is type(right), field.name


def test_what_is_saved_is_loaded(tmp_path, make_track, make_reconstruction, make_scores):
    for artifact in (make_track(), make_track(0), make_reconstruction(actor='grüße \\ " \n'), make_scores()):
        store.save(artifact, tmp_path / "a.h5", provenance_of(type(artifact)))
        assert_equal(store.load(type(artifact), tmp_path / "a.h5"), artifact)


def test_what_is_mapped_is_the_same_and_outlives_the_file(tmp_path, make_track):
    path = tmp_path / "clip.h5"
    large = np.arange(3 << 20, dtype=np.uint8)
    track = make_track(2, face_bytes=large, face_offsets=np.array([0, 1 << 20, 3 << 20], np.int64))
    store.save(track, path, provenance_of(FaceTrack))
    mapped = store.load(FaceTrack, path, mapped=True)
    path.unlink()
    assert isinstance(mapped.face_bytes, np.memmap) and not isinstance(mapped.landmarks_px, np.memmap)
    np.testing.assert_array_equal(mapped.face_bytes, large)


def test_weights_keep_every_dotted_name_dtype_and_scalar(tmp_path):
    parameters = {"layer.0.weight": np.ones((2, 3), np.float32), "half": np.ones(2, np.float16), "steps": np.array(7)}
    weights = ManipulatorWeights(parameters=parameters, config='{"a": 1}', facts="{}")
    store.save(weights, tmp_path / "w.h5", provenance_of(ManipulatorWeights))
    loaded = store.load(ManipulatorWeights, tmp_path / "w.h5").parameters
    assert loaded.keys() == parameters.keys()
    for name, array in parameters.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


def test_opened_reads_slices_and_scalars(tmp_path, make_track):
    track = make_track(6, landmarks_px=np.random.default_rng(0).random((6, 68, 2), np.float32))
    store.save(track, tmp_path / "a.h5", provenance_of(FaceTrack))
    with store.opened(FaceTrack, tmp_path / "a.h5") as opened:
        np.testing.assert_array_equal(opened.landmarks_px[2:4], track.landmarks_px[2:4])
        assert (opened.fps_num, opened.emotion) == (30000, "happy")
        with pytest.raises(AttributeError):
            _ = opened.no_such_field


def test_a_long_record_of_inputs_fits(tmp_path, make_reconstruction):
    inputs = {"reconstruction": {f"clip_{index:05d}": f"{index:016x}" for index in range(20_000)}}
    provenance = Provenance("reconstruction/2", "train", 1, {}, inputs)
    store.save(make_reconstruction(), tmp_path / "a.h5", provenance)
    assert store.read_provenance(tmp_path / "a.h5") == provenance
    assert store.read_key(tmp_path / "a.h5") == provenance.key


# ---- fresh, stale, missing ----------------------------------------------------------------------------------------


def test_check_says_missing_fresh_or_stale_with_reasons(tmp_path, make_reconstruction):
    path = tmp_path / "deep" / "a.h5"
    old = Provenance("reconstruction/2", "s", 1, {"margin": 0.25}, {"face_track": "aaaa"}, "fit@1")
    new = Provenance("reconstruction/2", "s", 1, {"margin": 0.3}, {"face_track": "bbbb"}, "fit@1")
    assert store.check(path, Reconstruction, old).kind is store.MISSING
    store.save(make_reconstruction(), path, old)
    assert store.check(path, Reconstruction, old) == store.State(store.FRESH)
    assert store.check(path, Reconstruction, new) == store.State(
        store.STALE, ['inputs.face_track: "aaaa" -> "bbbb"', "params.margin: 0.25 -> 0.3"]
    )


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_an_unreadable_file_is_stale_in_a_cache_and_an_error_as_input(tmp_path, content):
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    state = store.check(path, Reconstruction, provenance_of(Reconstruction))
    assert state.kind is store.STALE and str(path) in state.reasons[0]
    with pytest.raises(
        ArtifactInvalid, match=r"a\.h5 is (empty \(0 bytes\)|no readable HDF5).*expected .*reconstruction/2"
    ):
        store.load(Reconstruction, path)


def test_a_truncated_file_is_stale(tmp_path, make_track):
    path = tmp_path / "a.h5"
    store.save(make_track(), path, provenance_of(FaceTrack))
    path.write_bytes(path.read_bytes()[:-100])
    assert store.check(path, FaceTrack, provenance_of(FaceTrack)).kind is store.STALE


def test_a_file_of_another_stage_is_stale_in_a_cache_and_an_error_as_input(tmp_path, make_track):
    path = tmp_path / "a.h5"
    store.save(make_track(), path, provenance_of(FaceTrack))
    assert "holds face_track/2" in store.check(path, Reconstruction, provenance_of(Reconstruction)).reasons[0]
    with pytest.raises(ArtifactInvalid, match=r"a\.h5: holds face_track/2; expected reconstruction/2"):
        store.load(Reconstruction, path)


def test_missing_files_and_folders_have_their_errors(tmp_path):
    with pytest.raises(ArtifactMissing, match="does not exist; expected clip_scores/2"):
        store.load(ClipScores, tmp_path / "no.h5")
    with pytest.raises(ArtifactInvalid, match="is no file"):
        store.load(ClipScores, tmp_path)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the resident memory from /proc")
def test_what_lies_on_disk_is_copied_and_does_not_stay_in_memory(tmp_path, make_track):
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

    crops = np.arange(1 << 23, dtype=np.uint64).view(np.uint8)  # 64 MB
    crops.tofile(tmp_path / "crops")
    offsets = np.linspace(0, len(crops), 6).astype(np.int64)
    mapped = np.memmap(tmp_path / "crops", np.uint8, "r")
    track = dataclasses.replace(make_track(), face_bytes=mapped, face_offsets=offsets)
    before = resident()
    store.save(track, tmp_path / "a.h5", provenance_of(FaceTrack))
    assert resident() - before < 32 << 20
    assert np.array_equal(store.load(FaceTrack, tmp_path / "a.h5").face_bytes, crops)


# ---- complete or absent -------------------------------------------------------------------------------------------


def test_a_provenance_of_another_schema_is_refused_before_writing(tmp_path, make_track):
    with pytest.raises(ArtifactInvalid, match="provenance for reconstruction/2; expected face_track/2"):
        store.save(make_track(), tmp_path / "a.h5", provenance_of(Reconstruction))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, make_track):
    path = tmp_path / "a.h5"
    store.save(make_track(), path, provenance_of(FaceTrack))
    before = path.read_bytes()
    broken = make_track()
    object.__setattr__(broken, "score", np.array([object()] * 5))  # h5py refuses it after other fields are written
    with pytest.raises(TypeError):
        store.save(broken, path, provenance_of(FaceTrack))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_kill_while_writing_leaves_the_old_file_and_a_temporary_that_is_swept(tmp_path, make_track):
    from mead_manip import files

    path = tmp_path / "a.h5"
    store.save(make_track(), path, provenance_of(FaceTrack))
    before = path.read_bytes()
    script = """
        import os, sys
        from pathlib import Path
        from mead_manip import files
        with files.atomic(Path(sys.argv[1])) as temporary:
            temporary.write_bytes(b"half")
            os._exit(9)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(script), path], check=False).returncode == 9
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 2
    assert files.sweep(tmp_path) == []  # young: perhaps another process is writing it now
    assert len(files.sweep(tmp_path, older_than=-1.0)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_place_is_one_clear_line(tmp_path, make_track):
    (tmp_path / "file").write_text("")
    with pytest.raises(MeadManipError, match=r"cannot write .*file.*; choose a writable folder") as error:
        store.save(make_track(), tmp_path / "file" / "stage" / "a.h5", provenance_of(FaceTrack))
    assert "\n" not in str(error.value)


def test_writers_of_one_clip_all_succeed(tmp_path):
    script = """
        import sys
        import numpy as np
        from pathlib import Path
        from mead_manip.artifacts import store
        from mead_manip.artifacts.provenance import Provenance
        from mead_manip.artifacts.schemas import ManipulatorWeights
        for _ in range(10):
            weights = ManipulatorWeights(parameters={"a": np.full(100, 1.0)}, config=sys.argv[2], facts="{}")
            store.save(weights, Path(sys.argv[1]), Provenance("manipulator_weights/1", "train", 1))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), tmp_path / "w.h5"]
    writers = [subprocess.Popen([*command, str(index)]) for index in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert store.load(ManipulatorWeights, tmp_path / "w.h5").config in ("0", "1", "2")
    assert [path.name for path in tmp_path.iterdir()] == ["w.h5"]


def test_reproducible_files_have_the_same_bytes_in_any_process(tmp_path):
    script = """
        import sys
        import numpy as np
        from pathlib import Path
        from mead_manip.artifacts import store
        from mead_manip.artifacts.provenance import Provenance
        from mead_manip.artifacts.schemas import ManipulatorWeights
        weights = ManipulatorWeights(parameters={"b": np.arange(9.0), "a": np.ones(3)}, config="{}", facts="{}")
        provenance = Provenance("manipulator_weights/1", "train", 1)
        store.save(weights, Path(sys.argv[1]), provenance, reproducible=True)
    """
    for name in ("one.h5", "two.h5"):
        subprocess.run([sys.executable, "-c", textwrap.dedent(script), tmp_path / name], check=True)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
