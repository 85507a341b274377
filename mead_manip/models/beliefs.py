"""What the coefficients of a clip are expected to do before a landmark is seen: the numbers behind the priors.

Faces: what acted takes do (FacePrior), widened so that a face may also do what no take did. The rest is set here.
"""

import functools
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mead_manip.artifacts.assets import load_asset
from mead_manip.artifacts.schemas import FacePrior, LandmarkConventions
from mead_manip.models.face_model import N_CONTOUR
from mead_manip.models.fit_rows import Person, Trust
from mead_manip.models.fitting import Priors
from mead_manip.models.point_head import PointHead, seen_by

REFERENCE_FPS = 30.0  # speeds and bends are per frame at this rate


class Convention(NamedTuple):
    """Where a detector puts its landmarks, off the head's own: across and up, dm."""

    offsets: Float[Tensor, "68 2"]  # on a face at rest
    response: Float[Tensor, "68 2 face"]  # more, for every unit of what the face does
    pupil_rise: float


@dataclass(frozen=True)
class Freedom:
    """How far one kind of parameter goes beyond the acted takes, as standard deviations, and where it must stay."""

    mean: float  # of a clip's mean
    spread: float  # of frames about the clip's mean
    speed: float  # least deviation of the change from frame to frame
    bend: float  # least deviation of the change of that change
    sparsity: float  # constant pull of the clip's mean towards rest
    lower: float
    upper: float


UNIT = Freedom(mean=0.1, spread=0.08, speed=0.05, bend=0.03, sparsity=1.0, lower=0.0, upper=1.3)
JAW = (
    Freedom(mean=0.03, spread=0.03, speed=0.03, bend=0.03, sparsity=0.0, lower=-0.02, upper=0.6),
    Freedom(mean=0.01, spread=0.01, speed=0.01, bend=0.005, sparsity=0.0, lower=-0.15, upper=0.15),
    Freedom(mean=0.003, spread=0.003, speed=0.01, bend=0.005, sparsity=0.0, lower=-0.05, upper=0.05),
)
EYELID = Freedom(mean=0.15, spread=0.35, speed=0.3, bend=0.4, sparsity=0.0, lower=0.0, upper=1.0)
HASTE = 2.5  # how much faster than acted takes a face may move

ASYMMETRY = 0.15  # standard deviation of left minus right, units and eyelids
IDENTITY = 0.3  # how far an identity component goes beyond the people of the head's own statistics
DETECTOR_ERROR = 0.007  # of what a detector always gets wrong at a point, dm
RIM_ERROR = 0.006  # of the difference of that between two rims that meet, dm
RIMS = ((37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65))  # lids and inner lips
REST = 0.05  # of a unit's mean over a clip labelled neutral
KNOWN_IDENTITY = 0.01  # doubt about a person who is known, per component
KNOWN_OFFSET = 0.001  # and about a detector's error on them, dm
WALL = 0.02  # how far a coefficient leans out of its range

PITCH = 0.1  # radians: cameras look level, and so do people on average

# Head and camera: deviations of the first and second differences; lengths in inter-ocular distances.
TURN = (0.05, 0.01)  # radians
LOG_SCALE = (0.03, 0.004)
SHIFT = (0.3, 0.03)


@functools.lru_cache(maxsize=1)
def conventions() -> dict[str, Convention]:
    """Load where each detector puts its landmarks, off the head's own. One that is not there follows the head."""
    table = load_asset(LandmarkConventions, "landmark_conventions.h5")
    offsets, response = (torch.from_numpy(part).double() for part in (table.offsets, table.response))
    rows = zip(table.detectors, offsets, response, table.pupil_rise, strict=True)
    return {name: Convention(moved, more, float(rise)) for name, moved, more, rise in rows}


def as_seen(head: PointHead, detector: str) -> PointHead:
    """Give the head with the landmarks of this detector."""
    known = conventions().get(detector)
    return head if known is None else seen_by(head, known.offsets, known.response)


@functools.lru_cache(maxsize=1)
def face_prior() -> FacePrior:
    """Load the statistics that ship with the package."""
    return load_asset(FacePrior, "face_prior.h5")


def priors_for(
    prior: FacePrior,
    fps: float,
    smoothing: float = 1.0,
) -> Priors:
    """Turn the beliefs into precisions for a clip at this rate; `smoothing` slows everything down."""
    n_identity = len(prior.identity_moment)
    free = [UNIT] * len(prior.coef_names) + [*JAW, EYELID, EYELID]
    symmetry = _symmetry(prior.coef_names)
    per_frame = fps / REFERENCE_FPS * smoothing
    acted = HASTE * prior.fps / REFERENCE_FPS
    speed, bend = acted * torch.from_numpy(prior.speed).double(), acted**2 * torch.from_numpy(prior.bend).double()
    camera = torch.tensor([TURN, TURN, TURN, LOG_SCALE, SHIFT, SHIFT], dtype=torch.float64).T
    speed = torch.cat([torch.maximum(speed, _field(free, "speed")), camera[0]])
    bend = torch.cat([torch.maximum(bend, _field(free, "bend")), camera[1]])
    return Priors(
        about=torch.zeros(n_identity, dtype=torch.float64),
        identity=_precision(torch.from_numpy(prior.identity_moment), torch.full((n_identity,), IDENTITY)),
        offset=_detector_precision(),
        offsets=torch.zeros(68, 2, dtype=torch.float64),
        mean=_precision(torch.from_numpy(prior.mean_moment), _field(free, "mean")) + symmetry,
        spread=_precision(torch.from_numpy(prior.spread), _field(free, "spread")) + symmetry,
        sparsity=_field(free, "sparsity"),
        lower=_field(free, "lower"),
        upper=_field(free, "upper"),
        wall=WALL**-2,
        pitch=PITCH**-2,
        first=(per_frame / speed) ** 2,
        second=(per_frame**2 / bend) ** 2,
    )


def speaking_at_rest(priors: Priors) -> Priors:
    """Believe that what the face does on average is speech and no emotion: for clips labelled neutral."""
    still = torch.full((len(priors.sparsity) - 2,), REST**-2, dtype=torch.float64)
    return replace(priors, mean=priors.mean + torch.diag(torch.cat([still, torch.zeros(2, dtype=torch.float64)])))


def of_person(priors: Priors, person: Person) -> Priors:
    """Believe to know who it is and how the detector errs on this face: what differs from it is expression."""
    n_identity = len(priors.identity)
    return replace(
        priors,
        about=person.identity,
        identity=KNOWN_IDENTITY**-2 * torch.eye(n_identity, dtype=torch.float64),
        offsets=person.offsets,
        offset=KNOWN_OFFSET**-2 * torch.eye(68, dtype=torch.float64),
    )


def at_rest(priors: Priors) -> Priors:
    """Believe that the face is neutral, but for lids that may hang: for photographs known to be so."""
    n_rest = len(priors.sparsity) - 2
    rest, lids = torch.full((n_rest,), 1e6, dtype=torch.float64), torch.full((2,), 3.0**2, dtype=torch.float64)
    neutral = torch.diag(torch.cat([rest, lids]))
    return replace(priors, mean=neutral, spread=neutral)


def default_trust() -> Trust:
    """Say how far 68 landmarks of a common detector are believed."""
    point = torch.full((68 - N_CONTOUR,), 0.018, dtype=torch.float64)
    return Trust(point=point, gap=0.018, contour_across=0.03, contour_along=0.15, robust=0.06)


def _detector_precision() -> Float[Tensor, "68 68"]:
    """Precision of a detector's constant errors: a closed eye or mouth has no gap, so both its rims err alike."""
    precision = DETECTOR_ERROR**-2 * torch.eye(68, dtype=torch.float64)
    for upper, lower in RIMS:
        precision[[upper, lower], [upper, lower]] += RIM_ERROR**-2
        precision[[upper, lower], [lower, upper]] -= RIM_ERROR**-2
    return precision


def _field(free: list[Freedom], name: str) -> Tensor:
    return torch.tensor([getattr(freedom, name) for freedom in free], dtype=torch.float64)


def _precision(covariance: Tensor, freedom: Tensor) -> Tensor:
    return torch.linalg.inv(covariance.double() + torch.diag(freedom**2))


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
