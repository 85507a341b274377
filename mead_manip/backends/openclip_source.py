"""Where the weights of a text-image model come from, and how they become a network. The one importer of open_clip.

| --model            | --pretrained           | weights                                                    |
|--------------------|------------------------|------------------------------------------------------------|
| an open_clip name  | an open_clip tag       | downloaded once by open_clip (default ViT-L-14, openai)    |
| an open_clip name  | a file (.pt, .bin, ..) | that checkpoint, read as plain weights, never unpickled    |
| local-dir:FOLDER   |                        | open_clip_config.json and weights in a folder              |
| hf-hub:ORG/NAME    |                        | a Hugging Face repository                                  |
| builtin            | (or a .h5 file)        | the compact model trained on renders, from assets/clip.h5  |
"""

import contextlib
import difflib
import hashlib
import json
import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mead_manip import files
from mead_manip.artifacts import assets, store
from mead_manip.artifacts.schemas import ClipWeights
from mead_manip.backends import hub
from mead_manip.errors import BackendUnavailable, InputMissing, UsageError
from mead_manip.models import compact_clip

BUILTIN = "builtin"
HUB, FOLDER = "hf-hub:", "local-dir:"
CHECKPOINT_SUFFIXES = (".pt", ".pth", ".bin", ".safetensors", ".ckpt", ".npz")
# What reading a file that is no state dict of the architecture raises, in torch and in open_clip.
_LOADING_ERRORS = (
    pickle.UnpicklingError,
    RuntimeError,
    LookupError,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    StopIteration,
)
_REMEDY = "give a local checkpoint with --pretrained FILE, or use --model builtin"


@dataclass(frozen=True)
class Source:
    """A named set of weights. `digest` names them without reading more than a hash needs."""

    kind: Literal["builtin", "tag", "file", "folder", "hub"]
    model: str
    pretrained: str
    digest: str


@dataclass(frozen=True)
class ClipModel:
    """A loaded model with its own image transform and tokenizer."""

    network: Any
    transform: Callable[[np.ndarray], Tensor]  # uint8 (H, W, 3) RGB -> float32 (3, size, size)
    tokenize: Callable[[list[str]], Tensor]
    device: torch.device

    @property
    def n_features(self) -> int:
        """Give the length of a feature vector."""
        return int(self.embed_texts(["a face"]).shape[1])

    def embed_images(self, pixels: Float[Tensor, "image rgb=3 y x"]) -> Float32[np.ndarray, "image feature"]:
        """Embed transformed images; rows have unit length."""
        with _pinned_precision():
            return self._rows(self.network.encode_image(pixels.to(self.device), normalize=True))

    def embed_texts(self, texts: Sequence[str]) -> Float32[np.ndarray, "text feature"]:
        """Embed texts; rows have unit length."""
        with _pinned_precision():
            return self._rows(self.network.encode_text(self.tokenize(list(texts)).to(self.device), normalize=True))

    @staticmethod
    def _rows(features: Tensor) -> np.ndarray:
        return features.float().cpu().numpy()


def find(model: str, pretrained: str = "") -> Source:
    """Tell where weights come from, without importing open_clip or reading them (a file is hashed)."""
    path = Path(pretrained).expanduser()
    if model == BUILTIN:
        weights = path if path.suffix == ".h5" else assets.asset_path("clip.h5")
        return Source("builtin", model, str(path) if path.suffix == ".h5" else "", f"builtin@{_short(weights)}")
    if model.startswith(HUB):
        return Source("hub", model, "", model)
    if model.startswith(FOLDER):
        return Source("folder", model, "", f"folder@{_folder_digest(Path(model.removeprefix(FOLDER)))}")
    if path.is_file():
        return Source("file", model, str(path), f"{model}@{_short(path)}")
    if path.suffix in CHECKPOINT_SUFFIXES or len(path.parts) > 1:
        raise InputMissing(f"no checkpoint at {pretrained}", expected="a file of weights", remedy=_REMEDY)
    return Source("tag", model, pretrained, f"{model}/{pretrained}")


def check(source: Source) -> None:
    """Refuse names that open_clip does not know, before any work is done."""
    if source.kind not in ("tag", "file"):
        return
    import open_clip

    known = open_clip.list_models()
    if source.model.replace("/", "-") not in known:
        close = difflib.get_close_matches(source.model, known, n=3)
        raise UsageError(
            f"unknown CLIP model {source.model!r}",
            expected="an open_clip name, hf-hub:ORG/NAME, local-dir:FOLDER or builtin",
            remedy=f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}",
        )
    tags = open_clip.list_pretrained_tags_by_model(source.model.replace("/", "-"))
    if source.kind == "tag" and source.pretrained not in tags:
        raise UsageError(
            f"{source.model} has no weights called {source.pretrained!r}",
            expected=f"one of {', '.join(tags)}" if tags else "a checkpoint file (open_clip lists no weights for it)",
            remedy=_REMEDY,
        )


def load(source: Source, device: torch.device) -> ClipModel:
    """Build the network of a source with its weights, in fp32 and in evaluation mode."""
    check(source)
    if source.kind == "builtin":
        return _load_builtin(source, device)
    import open_clip

    if source.kind == "tag":
        settings = open_clip.pretrained.get_pretrained_cfg(source.model.replace("/", "-"), source.pretrained)
        checkpoint = _download(source, settings)
    elif source.kind == "file":
        settings, checkpoint = _settings_of(source.model), source.pretrained
    else:
        settings, checkpoint = {}, None
    network = _create(source, settings, checkpoint)
    tokenize = _fetching(source, lambda: open_clip.get_tokenizer(source.model))
    preprocess = open_clip.transform.PreprocessCfg(**network.visual.preprocess_cfg)
    return ClipModel(network.to(device).eval(), _transform(preprocess), tokenize, device)


def build(config: dict[str, Any]) -> Any:
    """Build an untrained open_clip.CLIP from a plain architecture config."""
    from open_clip.model import CLIP

    keys = ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu")
    return CLIP(**{key: config[key] for key in keys if key in config})


# ---- the parts of `load` -----------------------------------------------------------------------------------------


def _load_builtin(source: Source, device: torch.device) -> ClipModel:
    import open_clip

    path = Path(source.pretrained) if source.pretrained else assets.asset_path("clip.h5")
    weights = store.load(ClipWeights, path)
    config = json.loads(weights.config)
    network = build(config)
    state = compact_clip.unpack(weights.parameters, config["text_cfg"]["vocab_size"])
    network.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    preprocess = open_clip.transform.PreprocessCfg(size=network.visual.image_size, **config["preprocess"])
    tokenize = open_clip.SimpleTokenizer(context_length=network.context_length)
    whole = _transform(preprocess)
    left, top, side = config["crop"]

    def transform(image: np.ndarray) -> Tensor:
        size = len(image)
        y, x, span = round(top * size), round(left * size), round(side * size)
        return compact_clip.standardise(whole(image[y : y + span, x : x + span])[None])[0]

    return ClipModel(network.to(device).eval(), transform, tokenize, device)


def _create(source: Source, settings: dict[str, Any], checkpoint: str | None) -> Any:
    import open_clip

    # open_clip only warns where a tag was trained with QuickGELU and the name's config says GELU (ViT-L-14, openai).
    options = {"force_quick_gelu": True} if settings.get("quick_gelu") else {}
    try:
        return _fetching(
            source,
            lambda: open_clip.create_model(
                source.model,
                pretrained=checkpoint,
                precision="fp32",
                weights_only=True,
                require_pretrained=True,
                force_preprocess_cfg=_look(settings),
                **options,
            ),
        )
    except _LOADING_ERRORS as error:
        # torch's own text on unpickling advises to run the file's code.
        code = isinstance(error, pickle.UnpicklingError)
        raise BackendUnavailable(
            f"cannot load {checkpoint or source.model} as {source.model}: "
            + ("it is no file of plain weights" if code else _first_line(error)),
            expected="plain weights (a state dict) of that architecture",
            remedy=_REMEDY,
        ) from error


def _download(source: Source, settings: dict[str, Any]) -> str:
    import open_clip

    return str(_fetching(source, lambda: open_clip.download_pretrained(settings)))


def _fetching(source: Source, make: Callable[[], Any]) -> Any:
    """Run what may download; where a download fails, say what can be done without one."""
    import huggingface_hub.errors

    try:
        with hub.no_waiting_offline(), _quiet():
            return make()
    except (OSError, RuntimeError, huggingface_hub.errors.HfHubHTTPError) as error:
        downloading = source.kind in ("tag", "hub") and not _is_mismatch(error)
        if not downloading:
            raise
        # Offline, the hub's own text goes on for lines about its cache.
        reason = _first_line(error) if hub.is_near() else "no connection to the Hugging Face hub"
        raise BackendUnavailable(
            f"the weights of {source.digest} are not on this machine and cannot be downloaded: {reason}", remedy=_REMEDY
        ) from error


def _is_mismatch(error: Exception) -> bool:
    return "Error(s) in loading state_dict" in str(error)


def _settings_of(model: str) -> dict[str, Any]:
    """Guess how a local checkpoint wants its pixels: as the model's published weights do, where they all agree."""
    from open_clip import pretrained

    tags = pretrained.list_pretrained_tags_by_model(model)
    looks = [_look(pretrained.get_pretrained_cfg(model, tag)) for tag in tags]
    return looks[0] if looks and all(look == looks[0] for look in looks) else {}


def _look(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: settings[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in settings}


def _transform(preprocess: Any) -> Callable[[np.ndarray], Tensor]:
    import open_clip
    from PIL import Image

    steps = open_clip.transform.image_transform_v2(preprocess, is_train=False)

    def transform(image: np.ndarray) -> Tensor:
        pixels: Tensor = steps(Image.fromarray(image))
        return pixels

    return transform


@contextlib.contextmanager
def _pinned_precision() -> Iterator[None]:
    """No gradients and no TF32: the probabilities must not depend on the card, nor on what ran before."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep open_clip's log lines off the screen: what matters comes back as an error."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


def _short(path: Path) -> str:
    return files.digest(path)[:16]


def _folder_digest(folder: Path) -> str:
    config = folder / "open_clip_config.json"
    if not config.is_file():
        expected = "a folder saved by open_clip"
        raise InputMissing(f"no open_clip_config.json in {folder}", expected=expected, remedy=_REMEDY)
    parts = sorted(p for p in folder.iterdir() if p.suffix in (*CHECKPOINT_SUFFIXES, ".json"))
    return hashlib.sha256("".join(f"{p.name}:{files.digest(p)};" for p in parts).encode()).hexdigest()[:16]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
