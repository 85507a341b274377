"""A synthetic tree's fits, pictures and truth -> assets/photometric.h5: what skin shows that landmarks do not.

    python -m mead_manip.training.photometric WORKSPACE TREE.truth.h5

Everything is taken about its mean over a clip, so that the regression learns how a face moves and nothing of who it
is. Units are kept for which the pictures tell clearly more of people held out than the fitted units alone do.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int32

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import ASSETS
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack, PhotometricRefiner, Reconstruction, SyntheticTruth
from mead_manip.artifacts.workspace import Workspace
from mead_manip.errors import ArtifactMissing
from mead_manip.models.face_model import HeadModel, load_head
from mead_manip.models.photometric import Skin
from mead_manip.rendering.rasterizer import rasterize
from mead_manip.training.recipe import LIP_UNITS

BUILDER_VERSION = 1
ROWS, COLUMNS, PX_PER_DM = 96, 88, 60.0  # of the unwrapped face
RIDGE = 1e-2  # per frame and standardised input
BASIS_FRAMES = 3000  # that the components are found on
LEFT_TO_LANDMARKS = (*LIP_UNITS, "AU20", "AU32")  # what speech does with the lips
MOVES = 0.02  # standard deviation within clips below which a unit has nothing to learn from


@dataclass(frozen=True)
class Examples:
    """Frames of many clips, each followed by its mirror image; all about the mean of their clip."""

    relief: Float32[np.ndarray, "frame point"]
    fitted: Float32[np.ndarray, "frame coef"]
    truth: Float32[np.ndarray, "frame coef"]
    fitted_mean: Float32[np.ndarray, "frame coef"]  # of the clip, as the fit has it
    truth_mean: Float32[np.ndarray, "frame coef"]
    person: Int32[np.ndarray, " frame"]


def main() -> None:
    """Read, learn, measure on people held out, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workspace", type=Path, help="with preprocess/ and reconstruct3d/ of the tree")
    parser.add_argument("truth", type=Path)
    parser.add_argument("--step", type=int, default=4, help="every which frame is learned from")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--components", type=int, default=120)
    parser.add_argument("--gain", type=float, default=0.1, help="of the correlation within clips that a unit must show")
    parser.add_argument("--out", type=Path, default=ASSETS / "photometric.h5")
    arguments = parser.parse_args()
    head = load_head()
    corners, barycentric, region = face_grid(head)
    blank = _asset(head, corners, barycentric, region)
    examples, face_model = gather(
        Workspace(arguments.workspace), store.load(SyntheticTruth, arguments.truth), Skin(blank, head), arguments.step
    )
    refiner = _learned(blank, examples, face_model, arguments.folds, arguments.components, arguments.gain)
    settings = {name: getattr(arguments, name) for name in ("step", "folds", "components", "gain")}
    provenance = Provenance(PhotometricRefiner.schema_id(), "train_photometric", BUILDER_VERSION, settings)
    store.save(refiner, arguments.out, provenance, reproducible=True)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 2**10:.0f} kB, corrects {', '.join(refiner.units)}")


def face_grid(
    head: HeadModel,
) -> tuple[Int32[np.ndarray, "point 3"], Float32[np.ndarray, "point 3"], Bool[np.ndarray, "row column"]]:
    """Find the skin seen from the front, brows to chin: triangles' corners, weights, and where the points lie."""
    rest = head.template.numpy()
    landmarks = rest[head.landmark_ids.numpy()]
    brow, chin = landmarks[[19, 24], 1].mean(), landmarks[8, 1]
    triangles = head.triangles.numpy()
    triangles = triangles[(triangles < head.n_skin).all(axis=1)]
    top = brow + 0.36
    place = np.stack([rest[:, 0] * PX_PER_DM + (COLUMNS - 1) / 2, (top - rest[:, 1]) * PX_PER_DM, rest[:, 2]], axis=1)
    seen = rasterize(place[: head.n_skin], triangles, ROWS, COLUMNS)
    corners = triangles[seen.triangle]
    points = np.einsum("rckx,rck->rcx", rest[corners], seen.barycentric)
    x, y, z = np.moveaxis(points, 2, 0)
    oval = (x / 0.64) ** 2 + ((y - (brow + chin) / 2 - 0.05) / 0.82) ** 2 < 1
    region = (seen.triangle >= 0) & oval & (abs(x) < 0.60) & (y < brow + 0.22) & (y > chin + 0.03) & (z > 0.3)
    region &= region[:, ::-1]
    return corners[region].astype(np.int32), seen.barycentric[region], region


def gather(workspace: Workspace, truth: SyntheticTruth, skin: Skin, step: int) -> tuple[Examples, str]:
    """Read all clips of the tree that have been fitted, and the head that they were fitted with."""
    parts: list[tuple[np.ndarray, ...]] = []
    face_models = set()
    known = set(workspace.clips("reconstruct3d")) & set(truth.clip_ids)
    print(f"{len(known)} of {len(truth.clip_ids)} clips of the tree are fitted")
    for number, clip_id in enumerate(truth.clip_ids):
        if clip_id not in known:
            continue
        track = store.load(FaceTrack, workspace.path("preprocess", clip_id), mapped=True)
        found = store.load(Reconstruction, workspace.path("reconstruct3d", clip_id))
        face_models.add(found.face_model)
        read = dict(skin.reliefs(track, found, step))
        if not read:
            print(f"{clip_id}: no crop")
            continue
        frames = np.array(list(read))
        picture = np.zeros((len(read), *skin.region.shape), np.float32)
        picture[:, skin.region] = np.stack(list(read.values()))
        acted = truth.expression[truth.clip_start[number] : truth.clip_start[number + 1]][frames]
        parts += _both_ways(picture, found.expression[frames], acted, truth, number, skin.region)
    if len(face_models) != 1:
        raise ArtifactMissing(
            f"{workspace.root}: {len(face_models)} face models in the fitted clips of this tree",
            expected="one",
            remedy="run `mead-manip reconstruct3d` on the tree",
        )
    return Examples(*(np.concatenate(part) for part in zip(*parts, strict=True))), face_models.pop()


def _both_ways(
    picture: Float32[np.ndarray, "frame row column"],
    fitted: Float32[np.ndarray, "frame coef"],
    acted: Float32[np.ndarray, "frame coef"],
    truth: SyntheticTruth,
    number: int,
    region: Bool[np.ndarray, "row column"],
) -> list[tuple[np.ndarray, ...]]:
    """Give the fields of Examples for a clip, and for its mirror image."""
    twins = mirrored_names(truth.coef_names)
    return [
        (
            _centred(relief[:, region]),
            _centred(units),
            _centred(true),
            np.broadcast_to(units.mean(axis=0), true.shape),
            np.broadcast_to(true.mean(axis=0), true.shape),
            np.full(len(true), truth.actor[number], np.int32),
        )
        for relief, units, true in (
            (picture, fitted, acted),
            (picture[:, :, ::-1], fitted[:, twins], acted[:, twins]),
        )
    ]


def mirrored_names(names: tuple[str, ...]) -> list[int]:
    """Give for every coefficient the index of its counterpart on the other half of the face."""
    ends = {"_L": "_R", "_R": "_L", "_left": "_right", "_right": "_left"}

    def twin(name: str) -> str:
        return next((name.removesuffix(end) + other for end, other in ends.items() if name.endswith(end)), name)

    return [names.index(twin(name)) for name in names]


def learn(examples: Examples, some: Bool[np.ndarray, " frame"], n_components: int) -> Float32[np.ndarray, "point coef"]:
    """Regress what the fit lacks on components of the relief, all about their clips' means."""
    relief = examples.relief[some]
    chosen = np.random.default_rng(0).permutation(len(relief))[:BASIS_FRAMES]
    torch.manual_seed(0)
    n = min(n_components, min(len(chosen), relief.shape[1]) - 10)
    basis = torch.svd_lowrank(torch.from_numpy(relief[chosen]), q=n + 10, niter=1)[2][:, :n].numpy()
    return basis @ _ridge(relief @ basis, (examples.truth - examples.fitted)[some], RIDGE)


def _learned(
    blank: PhotometricRefiner, examples: Examples, face_model: str, n_folds: int, n_components: int, gain: float
) -> PhotometricRefiner:
    lacking = np.zeros_like(examples.truth)
    people = np.unique(examples.person)
    fold = np.searchsorted(people, examples.person) % n_folds
    for held_out in range(n_folds):
        out = fold == held_out
        lacking[out] = examples.relief[out] @ learn(examples, ~out, n_components)
    measured = measure(examples, lacking)
    chosen = _clear(examples, measured["within clips"], gain)
    whole = learn(examples, np.ones(len(fold), bool), n_components)
    left = (examples.fitted + lacking - examples.truth)[:, chosen].std(axis=0)
    return PhotometricRefiner(
        corners=blank.corners,
        barycentric=blank.barycentric,
        region=blank.region,
        by_picture=np.ascontiguousarray(whole[:, chosen].T).astype(np.float16),
        error=left.astype(np.float32),
        units=tuple(blank.coef_names[index] for index in chosen),
        coef_names=blank.coef_names,
        face_model=face_model,
        held_out=json.dumps({"people": len(people), "frames": len(fold) // 2, **measured}),
    )


def _clear(
    examples: Examples, measured: dict[str, dict[str, tuple[float, float]]], gain: float
) -> Int[np.ndarray, " unit"]:
    """Choose, and print, the units of which people held out show clearly more with the pictures."""
    chosen = []
    for index, (name, spread) in enumerate(zip(measured["fit"], examples.truth.std(axis=0), strict=True)):
        fit, picture = measured["fit"][name], measured["picture"][name]
        if picture[0] - fit[0] >= gain and spread > MOVES and not name.startswith(LEFT_TO_LANDMARKS):
            chosen.append(index)
        told = " -> ".join(f"{r:.2f} ({slope:.2f})" for r, slope in (fit, picture))
        print(f"{name:12} moves by {spread:.3f}, r (slope) {told}{' *' if index in chosen else ''}")
    return np.array(chosen, np.int64)


def measure(
    examples: Examples, lacking: Float32[np.ndarray, "frame coef"]
) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """Give correlation and slope (found on true) of every unit, over all frames and within clips, with and without."""
    names = load_head().coef_names
    kinds = {"fit": examples.fitted, "picture": examples.fitted + lacking}
    return {
        where: {
            kind: dict(zip(names, agreement(moved + about, examples.truth + true), strict=True))
            for kind, moved in kinds.items()
        }
        for where, about, true in (
            ("within clips", 0.0, 0.0),
            ("all frames", examples.fitted_mean, examples.truth_mean),
        )
    }


def agreement(
    found: Float[np.ndarray, "frame unit"], true: Float[np.ndarray, "frame unit"]
) -> list[tuple[float, float]]:
    """Give correlation and slope of every unit, 0 where nothing moves."""
    a, b = _centred(found), _centred(true)
    both, of_found, of_true = (a * b).sum(0), (a * a).sum(0), (b * b).sum(0)
    r, slope = both / np.sqrt(of_found * of_true + 1e-9), both / (of_true + 1e-9)
    return [(round(float(one), 3), round(float(other), 3)) for one, other in zip(r, slope, strict=True)]


def _ridge(
    given: Float32[np.ndarray, "frame input"], wanted: Float32[np.ndarray, "frame unit"], strength: float
) -> Float32[np.ndarray, "input unit"]:
    """Least squares of values about their means, inputs standardised."""
    spread = given.std(axis=0) + 1e-6
    standard = (given / spread).astype(np.float64)
    normal = standard.T @ standard + strength * len(given) * np.eye(given.shape[1])
    return (np.linalg.solve(normal, standard.T @ wanted) / spread[:, None]).astype(np.float32)


def _centred(values: Float[np.ndarray, "frame part"]) -> Float[np.ndarray, "frame part"]:
    return values - values.mean(axis=0)


def _asset(
    head: HeadModel,
    corners: Int[np.ndarray, "point 3"],
    barycentric: Float32[np.ndarray, "point 3"],
    region: Bool[np.ndarray, "row column"],
) -> PhotometricRefiner:
    """Give a refiner that corrects nothing yet."""
    return PhotometricRefiner(
        corners=corners.astype(np.int32),
        barycentric=barycentric.astype(np.float16),
        region=region,
        by_picture=np.zeros((0, len(corners)), np.float16),
        error=np.zeros(0, np.float32),
        units=(),
        coef_names=head.coef_names,
        face_model="",
        held_out="{}",
    )


if __name__ == "__main__":
    main()
