"""MakeHuman macro and detail targets -> identity basis, and where people of each skin stand in it.

The prior is hand-chosen, not a population: race by Dirichlet, gender by a beta that favours the ends, age from young
to old, face details by normal deviations of the sliders.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from scipy.sparse import vstack

from mead_manip.synthetic.head_mesh import PARTS, HeadMesh
from mead_manip.synthetic.head_rig import joint_carrier
from mead_manip.synthetic.head_units import lip_weights, mirror_of
from mead_manip.synthetic.makehuman import AGES, GENDERS, RACES, MakeHumanSource

N_SAMPLES = 1000
N_IDENTITY = 60
BROAD_SD = {"": 0.3, "asym": 0.12, "ears": 0.21, "head": 0.15}  # spread the basis has to cover
PLAUSIBLE = 0.62  # share of that spread which looks like a person met in the street
OLDNESS = {"young": 0.08, "middleage": 0.45, "old": 0.9}
# Base vertices of the upper and the lower lip that meet, from the middle to the subject's left corner.
_LIP_PAIRS = ((474, 493), (7226, 7236), (7225, 7231), (7178, 7198), (7190, 7203))
_LIP_GAP = 0.001  # dm
_OPPOSITES = (
    ("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex"),
    ("compress", "uncompress"),
)  # fmt: skip
_DETAIL_FOLDERS = ("head", "nose", "mouth", "eyes", "cheek", "chin", "forehead", "eyebrows", "ears", "neck", "asym")


@dataclass(frozen=True)
class IdentityModel:
    """Neutral head = mean + coefficients (in standard deviations) @ basis; rows of `basis` carry the deviation."""

    mean: Float64[np.ndarray, "vertex 3"]
    basis: Float32[np.ndarray, "identity vertex 3"]
    joint_mean: Float64[np.ndarray, "joint 3"]
    joint_basis: Float32[np.ndarray, "identity joint 3"]
    anchor_names: tuple[str, ...]
    anchor_mean: Float32[np.ndarray, "anchor identity"]
    detail_factor: Float32[np.ndarray, "identity identity"]


class Sliders:
    """All targets as rows of displacements of head vertices and joints; a person is a vector of row weights."""

    def __init__(self, source: MakeHumanSource, mesh: HeadMesh, n_base: int) -> None:
        self.rows: dict[str, int] = {}
        carrier = vstack([mesh.carrier, joint_carrier(n_base)], format="csr")
        displacements: list[Float32[np.ndarray, "point 3"]] = []
        for name in [*_macro_names(), *_detail_names(source)]:
            self.rows[name] = len(displacements)
            displacements.append((carrier @ source.target(name, n_base)).astype(np.float32))
        self.displacements = np.stack(displacements)
        self.details = _signed_details(_detail_names(source))

    def macro(
        self, race: Float64[np.ndarray, " race"], gender: float, old: float, muscle: float, weight: float
    ) -> Float32[np.ndarray, " row"]:
        """Weights of the macro targets; gender 0 female to 1 male, old 0 to 1, muscle and weight 0 to 1."""
        row = np.zeros(len(self.rows), np.float32)
        genders = dict(zip(GENDERS, (1 - gender, gender), strict=True))
        ages = {"young": 1 - old, "old": old}
        for g, wg in genders.items():
            for a, wa in ages.items():
                for r, wr in zip(RACES, race, strict=True):
                    row[self.rows[f"macrodetails/{r}-{g}-{a}"]] += wg * wa * wr
                for m, wm in _three_steps(muscle).items():
                    for w, ww in _three_steps(weight).items():
                        row[self.rows[f"macrodetails/universal-{g}-{a}-{m}muscle-{w}weight"]] += wg * wa * wm * ww
        return row

    def detail(self, rng: np.random.Generator, scale: float = 1.0) -> Float32[np.ndarray, " row"]:
        """Draw every face slider; the left and the right twin move together."""
        row = np.zeros(len(self.rows), np.float32)
        for folder, slider in self.details:
            value = scale * BROAD_SD.get(folder, BROAD_SD[""]) * rng.normal()
            for positive, negative in slider:
                if value >= 0 or negative is None:
                    row[self.rows[positive]] += abs(value)
                else:
                    row[self.rows[negative]] += -value
        return row


def build_identity(
    source: MakeHumanSource, mesh: HeadMesh, base: Float64[np.ndarray, "base 3"], seed: int = 0
) -> IdentityModel:
    """Sample people, remove translation, keep the main components."""
    rng = np.random.default_rng(seed)
    sliders = Sliders(source, mesh, len(base))
    rest = np.concatenate([mesh.positions(base), joint_carrier(len(base)) @ base])
    n_vertices = len(mesh.vertex_part)
    skull = np.flatnonzero((mesh.vertex_part == 0) & (rest[:n_vertices, 1] > 6.6))
    flat = sliders.displacements.reshape(len(sliders.rows), -1)

    seal = _LipSeal(mesh, rest)

    def heads(rows: Float32[np.ndarray, "sample row"]) -> Float32[np.ndarray, "sample point 3"]:
        moved = (rows @ flat).reshape(len(rows), -1, 3)
        return seal(moved - moved[:, skull].mean(1, keepdims=True))

    components = _Components(heads(np.stack([_broad_person(sliders, rng) for _ in range(N_SAMPLES)])), _emphasis(rest))
    names = tuple(f"{age}_{race}_{gender}" for age in AGES for race in RACES for gender in GENDERS)
    anchors = components.coefficients(heads(np.stack([_anchor(sliders, name) for name in names])))
    spread = np.stack([_plausible_deviation(sliders, rng) for _ in range(N_SAMPLES)])
    deviations = components.coefficients(heads(spread) + components.mean)
    factor = np.linalg.cholesky(np.cov(deviations.T) + 1e-6 * np.eye(N_IDENTITY))
    mean = rest + components.mean
    return IdentityModel(
        mean=mean[:n_vertices],
        basis=components.basis[:, :n_vertices],
        joint_mean=mean[n_vertices:],
        joint_basis=components.basis[:, n_vertices:],
        anchor_names=names,
        anchor_mean=anchors.astype(np.float32),
        detail_factor=factor.astype(np.float32),
    )


class _LipSeal:
    """Closes the lips of a face at rest, whatever the sliders did to them. Affine, so the basis keeps it."""

    def __init__(self, mesh: HeadMesh, rest: Float64[np.ndarray, "point 3"]) -> None:
        number = {int(base): i for i, base in enumerate(mesh.base_ids)}
        pairs = np.array([(number[upper], number[lower]) for upper, lower in _LIP_PAIRS])
        mirror = mirror_of(rest[: len(mesh.vertex_part)], mesh.vertex_part)
        pairs = np.concatenate([mirror[pairs[:0:-1]], pairs])
        soft = np.zeros(len(rest))
        soft[: len(mesh.vertex_part)] = mesh.vertex_part <= PARTS.index("mouth")
        upper, lower = lip_weights(rest, soft)
        self._pairs, self._gap = pairs, rest[pairs[:, 0], 1] - rest[pairs[:, 1], 1] - _LIP_GAP
        # Row k: how much of the gap at pair k closes at each point; half by the upper lip, half by the lower one.
        knots = rest[pairs].mean(1)[:, 0]
        hats = np.stack([np.interp(rest[:, 0], knots, row) for row in np.eye(len(pairs))])
        self._close = (hats * (0.5 * (lower - upper))).astype(np.float32)

    def __call__(self, moved: Float32[np.ndarray, "sample point 3"]) -> Float32[np.ndarray, "sample point 3"]:
        gaps = moved[:, self._pairs[:, 0], 1] - moved[:, self._pairs[:, 1], 1] + self._gap
        sealed = moved.copy()
        sealed[:, :, 1] += gaps.astype(np.float32) @ self._close
        return sealed


class _Components:
    """Principal components of displaced heads in which every point counts by its emphasis."""

    def __init__(self, people: Float32[np.ndarray, "sample point 3"], emphasis: Float64[np.ndarray, " point"]) -> None:
        self.mean = people.mean(0)
        self._emphasis = emphasis[:, None].astype(np.float32)
        n = len(people)
        centred = (people - self.mean).reshape(n, -1)
        weighted = ((people - self.mean) * self._emphasis).reshape(n, -1)
        variance, scores = np.linalg.eigh((weighted @ weighted.T).astype(np.float64) / (n - 1))
        variance, scores = variance[::-1][:N_IDENTITY], scores[:, ::-1][:, :N_IDENTITY]
        scores = scores * np.sign(scores[abs(scores).argmax(0), np.arange(N_IDENTITY)]) * np.sqrt(n - 1)
        self.basis = (scores.T @ centred / (n - 1)).reshape(N_IDENTITY, *self.mean.shape).astype(np.float32)
        self._projector = (self.basis * self._emphasis).reshape(N_IDENTITY, -1) / variance[:, None]

    def coefficients(self, people: Float32[np.ndarray, "sample point 3"]) -> Float64[np.ndarray, "sample identity"]:
        """Express people in standard deviations of the components."""
        return ((people - self.mean) * self._emphasis).reshape(len(people), -1) @ self._projector.T


def _emphasis(points: Float64[np.ndarray, "point 3"]) -> Float64[np.ndarray, " point"]:
    """The face counts most, the back of the head and the bust little."""
    front = 1 / (1 + np.exp(-(points[:, 2] - 0.7) / 0.15))
    high = 1 / (1 + np.exp(-(points[:, 1] - 6.1) / 0.1))
    return high * (0.35 + 0.65 * front) + 0.12 * (1 - high)


def _broad_person(sliders: Sliders, rng: np.random.Generator) -> Float32[np.ndarray, " row"]:
    race = rng.dirichlet((0.5, 0.5, 0.5))
    macro = sliders.macro(race, rng.beta(0.5, 0.5), rng.uniform(), rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8))
    return macro + sliders.detail(rng)


def _anchor(sliders: Sliders, name: str) -> Float32[np.ndarray, " row"]:
    age, race, gender = name.split("_")
    races = np.full(3, 0.06)
    races[RACES.index(race)] = 0.88
    return sliders.macro(races, 0.92 if gender == "male" else 0.08, OLDNESS[age], 0.5, 0.5)


def _plausible_deviation(sliders: Sliders, rng: np.random.Generator) -> Float32[np.ndarray, " row"]:
    """Difference of a person from the anchor of his or her skin."""
    middle = sliders.macro(np.full(3, 1 / 3), 0.5, 0.4, 0.5, 0.5)
    race = np.clip(np.full(3, 1 / 3) + 0.1 * rng.normal(size=3), 0, 1)
    values = np.clip([0.5, 0.4, 0.5, 0.5] + 0.12 * rng.normal(size=4), 0, 1)
    return sliders.macro(race / race.sum(), *map(float, values)) - middle + sliders.detail(rng, PLAUSIBLE)


def _three_steps(value: float) -> dict[str, float]:
    return {"min": max(0.0, 1 - 2 * value), "average": 1 - abs(2 * value - 1), "max": max(0.0, 2 * value - 1)}


def _macro_names() -> list[str]:
    universal = [
        f"macrodetails/universal-{g}-{a}-{m}muscle-{w}weight"
        for g in GENDERS
        for a in ("young", "old")
        for m in ("min", "average", "max")
        for w in ("min", "average", "max")
    ]
    return [f"macrodetails/{r}-{g}-{a}" for r in RACES for g in GENDERS for a in ("young", "old")] + universal


def _detail_names(source: MakeHumanSource) -> list[str]:
    return [name for folder in _DETAIL_FOLDERS for name in source.target_names(folder)]


def _signed_details(names: list[str]) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """Merge opposites (incr/decr, ...) and left/right twins into signed sliders: (folder, [(positive, negative)])."""
    known, used = set(names), set()
    sliders: dict[str, list[tuple[str, str | None]]] = {}
    for name in names:
        if name in used:
            continue
        negative = next((o for o in (_opposite(name),) if o in known), None)
        used |= {name} | ({negative} if negative else set())
        folder, leaf = name.split("/", 1)
        twin = leaf[2:] if leaf[:2] in ("l-", "r-") else leaf
        sliders.setdefault(f"{folder}/{twin}", []).append((name, negative))
    return [(key.split("/")[0], pairs) for key, pairs in sliders.items()]


def _opposite(name: str) -> str | None:
    if name.startswith("asym/"):
        return name[:-1] + {"l": "r", "r": "l"}[name[-1]] if name[-2:] in ("-l", "-r") else None
    stem, _, end = name.rpartition("-")
    for first, second in _OPPOSITES:
        if end in (first, second):
            return f"{stem}-{second if end == first else first}"
    return None
