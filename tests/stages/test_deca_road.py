"""The road of the paper, by commands: import-flame, reconstruct3d --backend deca; then training on FLAME."""

import json

import flame
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

N_FRAMES = 3


def mead(*arguments: str):
    from mead_manip import cli

    return CliRunner().invoke(cli.app, list(arguments))


@pytest.fixture
def talking(make_track):
    """A track of a drawn head, with its true landmarks and the crops that preprocess would cut."""
    from faces import talking_head

    from mead_manip.media.face_crops import crop_squares, cut_crop, face_box
    from mead_manip.media.images import EncodedFrames, encode

    frames, landmarks = (part[:N_FRAMES] for part in talking_head())
    boxes = face_box(landmarks)
    squares = crop_squares(boxes)
    packed = EncodedFrames.pack([encode(cut_crop(*pair)) for pair in zip(frames, squares, strict=True)])
    return make_track(
        N_FRAMES,
        face_bytes=packed.data,
        face_offsets=packed.offsets,
        landmarks_px=landmarks.astype(np.float32),
        boxes_px=boxes,
        frame_from_crop=squares,
    )


def test_a_clip_goes_from_pixels_to_flame_by_commands(in_folder, talking):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
    from mead_manip.artifacts.workspace import Workspace

    workspace = Workspace("work")
    store.save(talking, workspace.path("preprocess", "clip"), Provenance(FaceTrack.schema_id(), "preprocess", 1))

    lacking = mead("reconstruct3d", "--backend", "deca", "--workers", "0")
    assert lacking.exit_code == 3 and "import-flame" in lacking.stderr and "models/flame.h5" in lacking.stderr

    small = {name: flame.arrays()[name].astype(np.float16) for name in ("shapedirs", "posedirs")}
    flame.write_model(in_folder / "FLAME2020" / "generic_model.pkl", **small)
    flame.write_embedding(in_folder / "FLAME2020" / "landmark_embedding.npy")
    assert mead("import-flame", "FLAME2020/generic_model.pkl").exit_code == 0
    torch.save(flame.checkpoint(), "elsewhere.tar")

    command = (
        "reconstruct3d",
        "--backend",
        "deca",
        "--deca-model",
        "elsewhere.tar",
        "--workers",
        "0",
        "--device",
        "cpu",
    )
    done = mead(*command)
    assert done.exit_code == 0, done.stderr
    found = store.load(Reconstruction, workspace.path("reconstruct3d", "clip"))
    assert found.expression.shape == (N_FRAMES, 50) and found.detail.shape == (N_FRAMES, 128)
    assert (found.visible == talking.visible).all() and found.visible.all()
    # Networks of random weights see a mean face of about the crop's size: it lies on the face that was tracked.
    centre = talking.landmarks_px.mean(axis=(0, 1))
    assert np.linalg.norm(found.camera[:, 1:].mean(axis=0) - centre) < 0.5 * np.ptp(talking.landmarks_px[..., 0])
    assert 0 < found.residual.max() < 1

    for again in (command, (*command, "--batch-size", "3", "--smoothing", "2")):
        assert "1 fresh" in mead(*again).stdout
    (in_folder / "elsewhere.tar").rename(in_folder / "work" / "models" / "deca_model.tar")
    assert "1 fresh" in mead("reconstruct3d", "--backend", "deca").stdout
    torch.save(flame.checkpoint(seed=1), "other.tar")
    changed = mead("reconstruct3d", "--backend", "deca", "--deca-model", "other.tar", "--dry-run", "--json")
    assert "backend: " in json.loads(changed.stdout)["planned"]["clip"]


@pytest.fixture
def workspace(tmp_path, make_reconstruction):
    """Reconstructions as deca makes them: two people, three emotions."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.backends.deca import COEF_NAMES

    workspace, rng = Workspace(tmp_path), np.random.default_rng(0)
    for actor in ("M003", "M009"):
        for index, emotion in enumerate(("neutral", "happy", "angry")):
            jaw = rng.normal(0.1, 0.05, (16, 3)).astype(np.float32)
            expression = rng.normal(0, 1, (16, 50)).astype(np.float32) + index
            clip = make_reconstruction(
                16,
                50,
                identity=np.zeros(100, np.float32),
                expression=expression,
                jaw_pose=jaw,
                detail=np.zeros((16, 128), np.float32),
                coef_names=COEF_NAMES,
                face_model="flame-2020@0123456789abcdef",
                actor=actor,
                emotion=emotion,
            )
            provenance = Provenance(clip.schema_id(), "reconstruct3d", 1, inputs={"clip": actor + emotion})
            store.save(clip, workspace.path("reconstruct3d", f"{actor}_{emotion}"), provenance)
    return workspace


def test_the_manipulator_trains_on_flames_51_numbers_as_they_are(workspace):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import ManipulatorWeights
    from mead_manip.config import Common, TrainConfig
    from mead_manip.models.manipulation import manipulate
    from mead_manip.models.manipulator import Manipulator
    from mead_manip.stages import train
    from mead_manip.stages.running.runner import SilentProgress

    config = TrainConfig(size="small", iterations=2, weighting="none", batch_size=8)
    summary = train.run(workspace, config, Common(device="cpu"), progress=SilentProgress())
    assert summary.done == ["manipulator"]
    weights = store.load(ManipulatorWeights, workspace.run_dir("manipulator") / "weights.h5")
    facts = json.loads(weights.facts)
    assert facts["coef_names"] == ["jaw_pose_x", *(f"exp_{index:02d}" for index in range(50))]
    assert facts["scaling"] == "raw" and facts["face_model"].startswith("flame-2020") and facts["iterations"] == 2
    nets = Manipulator.from_arrays(weights.parameters, weights.config)
    assert not nets.coef_mean.any() and (nets.coef_std == 1).all()
    edited = manipulate(nets, np.zeros((12, 51), np.float32), emotion="happy")
    assert edited.shape == (12, 51) and np.isfinite(edited).all()
