"""What the coefficients of a clip are expected to do before a landmark is seen: the numbers behind the priors."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mead_manip.models.face_model import N_CONTOUR
from mead_manip.models.fitting import Priors, Trust

REFERENCE_FPS = 30.0  # `speed` and `bend` below are per frame at this rate


@dataclass(frozen=True)
class Belief:
    """How one kind of parameter moves, as standard deviations in its own unit."""

    mean: float  # of the clip's mean about rest
    spread: float  # of frames about the clip's mean
    speed: float  # of the change from frame to frame
    bend: float  # of the change of that change
    sparsity: float = 0.0  # constant pull towards rest
    lower: float = 0.0
    upper: float = 1.3


UNIT = Belief(mean=0.25, spread=0.25, speed=0.15, bend=0.06, sparsity=0.3)
UNITS: dict[str, Belief] = {
    "AU5": Belief(mean=0.15, spread=0.2, speed=0.06, bend=0.03, sparsity=0.5),
    "AU6": Belief(mean=0.15, spread=0.15, speed=0.06, bend=0.03, sparsity=0.5),
    "AU7": Belief(mean=0.15, spread=0.2, speed=0.06, bend=0.03, sparsity=0.5),
    # The landmarks hardly see these: they stay where they are put.
    "AU21": Belief(mean=0.05, spread=0.05, speed=0.05, bend=0.03),
    "AU34": Belief(mean=0.05, spread=0.05, speed=0.05, bend=0.03),
    "AU38": Belief(mean=0.1, spread=0.1, speed=0.05, bend=0.03),
    "AU39": Belief(mean=0.1, spread=0.1, speed=0.05, bend=0.03),
    "tongue_up": Belief(mean=0.02, spread=0.02, speed=0.05, bend=0.03),
    "tongue_out": Belief(mean=0.02, spread=0.02, speed=0.05, bend=0.03),
}
JAW = (
    Belief(mean=0.06, spread=0.1, speed=0.08, bend=0.04, lower=-0.02, upper=0.6),
    Belief(mean=0.01, spread=0.02, speed=0.02, bend=0.01, lower=-0.15, upper=0.15),
    Belief(mean=0.005, spread=0.005, speed=0.01, bend=0.005, lower=-0.05, upper=0.05),
)
EYELID = Belief(mean=0.08, spread=0.3, speed=0.5, bend=0.4, upper=1.0)
TURN = Belief(mean=0.0, spread=0.0, speed=0.05, bend=0.01)
LOG_SCALE = Belief(mean=0.0, spread=0.0, speed=0.03, bend=0.004)
SHIFT = Belief(mean=0.0, spread=0.0, speed=0.3, bend=0.03)  # inter-ocular distances

ASYMMETRY = 0.15  # of left minus right, units and eyelids
IDENTITY = 1.0  # of an identity component
DETECTOR_ERROR = 0.02  # of what a detector always gets wrong at a point, dm
WALL = 0.02  # how far a coefficient leans out of its range


def priors_for(
    coef_names: tuple[str, ...],
    n_identity: int,
    fps: float,
    smoothing: float = 1.0,
    convention: Float[Tensor, "fixed=51 2"] | None = None,
) -> Priors:
    """Turn the beliefs into precisions for a head with these units and a clip at this rate."""
    face = [_belief(name) for name in coef_names] + [*JAW, EYELID, EYELID]
    everything = [*face, TURN, TURN, TURN, LOG_SCALE, SHIFT, SHIFT]
    per_frame = (fps / REFERENCE_FPS) / max(smoothing, 1e-6)
    symmetry = _symmetry(coef_names)
    return Priors(
        identity=torch.full((n_identity,), IDENTITY**-2, dtype=torch.float64),
        offset=DETECTOR_ERROR**-2,
        convention=torch.zeros(68 - N_CONTOUR, 2, dtype=torch.float64) if convention is None else convention,
        centre=torch.zeros(len(face), dtype=torch.float64),
        mean=torch.diag(_tensor([belief.mean**-2 for belief in face])) + symmetry,
        spread=torch.diag(_tensor([belief.spread**-2 for belief in face])) + symmetry,
        sparsity=_tensor([belief.sparsity for belief in face]),
        lower=_tensor([belief.lower for belief in face]),
        upper=_tensor([belief.upper for belief in face]),
        wall=WALL**-2,
        first=_tensor([(per_frame / belief.speed) ** 2 for belief in everything]),
        second=_tensor([(per_frame**2 / belief.bend) ** 2 for belief in everything]),
    )


def default_trust() -> Trust:
    """How far 68 landmarks of a common detector are believed."""
    point = torch.full((68,), 0.015, dtype=torch.float64)
    return Trust(point=point[N_CONTOUR:], gap=0.015, contour_across=0.03, contour_along=0.15, robust=0.06)


def _belief(name: str) -> Belief:
    return UNITS.get(name.removesuffix("_L").removesuffix("_R"), UNIT)


def _symmetry(coef_names: tuple[str, ...]) -> Tensor:
    """Precision of left minus right."""
    pairs = [
        (index, coef_names.index(name[:-2] + "_R"))
        for index, name in enumerate(coef_names)
        if name.endswith("_L") and name[:-2] + "_R" in coef_names
    ]
    eyelids = (len(coef_names) + 3, len(coef_names) + 4)
    precision = torch.zeros(len(coef_names) + 5, len(coef_names) + 5, dtype=torch.float64)
    for left, right in [*pairs, eyelids]:
        precision[[left, right], [left, right]] += ASYMMETRY**-2
        precision[[left, right], [right, left]] -= ASYMMETRY**-2
    return precision


def _tensor(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
