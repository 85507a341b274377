"""A neural renderer that has learned nothing, for tests of what happens around it. Import inside a test or fixture."""

from typing import Any


def generator(size: int = 64, seed: int = 0) -> Any:
    """A small compact generator with random weights: what it draws depends on all that it sees."""
    import torch

    from mead_manip.models.face_renderer import Architecture, FaceGenerator

    torch.manual_seed(seed)
    architecture = Architecture(
        kind="compact", size=size, n_frames=1, n_previous=1, width=8, encoder_blocks=1, decoder_blocks=1,
        compact_geometry=True, sees_person=True,
    )  # fmt: skip
    made = FaceGenerator.of(architecture).eval()
    for values in made.parameters():
        torch.nn.init.normal_(values, 0, 0.1)
    return made.requires_grad_(False)


def weights(n_vertices: int, sources: tuple[str, ...], face_model: str, seed: int = 0) -> Any:
    """The same as an artifact; every person is grey."""
    import numpy as np

    from mead_manip.artifacts.schemas import RendererWeights

    made = generator(seed=seed)
    appearance = np.full((len(sources), n_vertices, 3), 150, np.uint8)
    return RendererWeights(made.to_arrays(), made.architecture.to_json(), "{}", appearance, face_model, sources)


def publish(workspace: Any, run: str, weights: Any) -> None:
    """Save a renderer as a training run."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance

    path = workspace.run_dir(run) / "weights.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    store.save(weights, path, Provenance(weights.schema_id(), "train-renderer", 1, {"run": run}))
