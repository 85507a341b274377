"""An untrained model in the built-in format, and workspaces of tracks with random crops."""

import json

import numpy as np
import pytest
import torch

N_FRAMES = 20


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An untrained model in the built-in format."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import ClipWeights
    from mead_manip.backends import openclip_source
    from mead_manip.models import compact_clip

    torch.manual_seed(0)
    config = compact_clip.CONFIG | {"vision_cfg": compact_clip.CONFIG["vision_cfg"] | {"image_size": 32, "width": 8}}
    model = openclip_source.build(compact_clip.with_vocabulary(config, 49408))
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    path = tmp_path_factory.mktemp("weights") / "clip.h5"
    parameters = compact_clip.pack(state, np.arange(49408))
    store.save(
        ClipWeights(parameters, json.dumps(config), "{}"),
        path,
        Provenance(ClipWeights.schema_id(), "test", 1),
        reproducible=True,
    )
    return path


@pytest.fixture
def publish(make_track):
    """Give a function that publishes the FaceTrack of a clip with random crops."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import FaceTrack
    from mead_manip.media import images

    def publish(workspace, clip_id, emotion, seed=0, visible=None):
        rng = np.random.default_rng(seed)
        visible = np.ones(N_FRAMES, bool) if visible is None else visible
        crops = [
            images.encode(rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)) if seen else b"" for seen in visible
        ]
        faces = images.EncodedFrames.pack(crops)
        labels = {"actor": clip_id[:4], "emotion": emotion, "level": 3 if emotion else 0}
        track = make_track(N_FRAMES, face_bytes=faces.data, face_offsets=faces.offsets, visible=visible, **labels)
        provenance = Provenance(FaceTrack.schema_id(), "preprocess", 1, {"clip": clip_id, "seed": seed})
        store.save(track, workspace.path("preprocess", clip_id), provenance)

    return publish


@pytest.fixture
def workspace(tmp_path, publish):
    """Four labelled clips and a video without a label."""
    from mead_manip.artifacts.workspace import Workspace

    workspace = Workspace(tmp_path)
    clips = {"M003_happy_1": "happy", "M003_happy_2": "happy", "M003_sad_1": "sad", "W009_fear_1": "fear", "video": ""}
    for seed, (clip_id, emotion) in enumerate(clips.items()):
        publish(workspace, clip_id, emotion, seed)
    return workspace


@pytest.fixture
def actors(tmp_path, publish):
    """Two actors with two clips each of three emotions."""
    from mead_manip.artifacts.workspace import Workspace

    workspace = Workspace(tmp_path / "actors")
    names = [
        f"{actor}_{emotion}_{k}" for actor in ("M003", "W009") for emotion in ("happy", "sad", "fear") for k in (1, 2)
    ]
    for seed, name in enumerate(names):
        publish(workspace, name, name.split("_")[1], seed)
    return workspace
