"""MakeHuman expression targets and our own shapes -> expression units, named after FACS where they resemble it.

No certified coder has looked at these: the names say what a unit is like, not that it is the action unit.
Coordinates are those of the base mesh (dm; lip line at y 6.607, eye centres at 0.308, 7.284, 1.245).
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from jaxtyping import Float64, Int64, UInt8
from scipy.spatial import cKDTree

from mead_manip.synthetic.head_mesh import PARTS, HeadMesh
from mead_manip.synthetic.makehuman import MakeHumanSource

Points = Float64[np.ndarray, "vertex 3"]
Weights = Float64[np.ndarray, " vertex"]

UNIT_NAMES = (
    "AU1_L", "AU1_R", "AU2_L", "AU2_R", "AU4_L", "AU4_R", "AU5_L", "AU5_R", "AU6_L", "AU6_R", "AU7_L", "AU7_R",
    "AU9_L", "AU9_R", "AU38", "AU39", "AU10_L", "AU10_R", "AU12_L", "AU12_R", "grin_L", "grin_R", "AU14_L", "AU14_R",
    "AU15_L", "AU15_R", "AU16_L", "AU16_R", "AU20_L", "AU20_R", "AU17", "AU18", "AU21", "AU22", "AU23", "AU24", "AU25",
    "AU28", "AU32", "AU34", "mouth_left", "mouth_right", "tongue_up", "tongue_out",
)  # fmt: skip
_EXPRESSIONS = "expression/units/caucasian/"
_SIDED = {"AU5": "eye-{}-opened-up"}
_SPLIT = {
    "AU10": "mouth-elevation",
    "AU12": "mouth-corner-puller",
    "grin": "mouth-upward-retraction",
    "AU15": "mouth-depression",
    "AU16": "mouth-depression-retraction",
}
_WHOLE = {
    "AU17": "mouth-eversion",
    "AU18": "mouth-pursing",
    "AU21": "neck-platysma",
    "AU22": "mouth-protusion",
    "AU25": "mouth-parling",
    "AU39": "nose-compression",
}
SPLIT_WIDTH = 0.06  # dm, of the sigmoid between left and right
LIP_LINE_Y = 6.607
MOUTH_HALF_WIDTH = 0.259
BROW_Y = 7.38


class Units:
    """Shapes of one head mesh on the base identity."""

    def __init__(self, source: MakeHumanSource, mesh: HeadMesh, base: Float64[np.ndarray, "base 3"]) -> None:
        self._source, self._mesh, self._n_base = source, mesh, len(base)
        self.points = mesh.positions(base)
        self.mirror = mirror_of(self.points, mesh.vertex_part)
        # Teeth, tongue and eyeballs are rigid: only jaw, gaze and the tongue units move them.
        rigid = [PARTS.index(p) for p in ("eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue")]
        self.soft = (~np.isin(mesh.vertex_part, rigid)).astype(np.float64)
        self.left = 1 / (1 + np.exp(-self.points[:, 0] / SPLIT_WIDTH))

    def all(self) -> Float64[np.ndarray, "unit vertex 3"]:
        """Every unit at full strength, in the order of UNIT_NAMES."""
        return np.stack([self.unit(name) for name in UNIT_NAMES])

    def unit(self, name: str) -> Points:
        """Displacements of one unit."""
        stem, _, side = name.partition("_")
        if side in ("L", "R"):
            left = self._left_unit(stem)
            return left if side == "L" else self.mirrored(left)
        if stem in _WHOLE:
            return self._symmetric(self.target(_WHOLE[stem]))
        shape = cast(Callable[[], Points], getattr(self, f"_{name}"))
        return shape()

    def target(self, leaf: str) -> Points:
        """Carry one MakeHuman expression target to the soft parts of the head."""
        raw = self._source.target(_EXPRESSIONS + leaf, self._n_base)
        return self._mesh.displacements(raw) * self.soft[:, None]

    def mirrored(self, displacements: Points) -> Points:
        """Reflect displacements at the plane x = 0."""
        return displacements[self.mirror] * (-1.0, 1.0, 1.0)

    def lid_closure(self) -> Points:
        """Close the left eye."""
        return self.target("eye-left-closure")

    def _left_unit(self, stem: str) -> Points:
        if stem in _SIDED:
            return self.target(_SIDED[stem].format("left"))
        if stem in _SPLIT:
            return self._symmetric(self.target(_SPLIT[stem])) * self.left[:, None]
        if stem == "AU7":
            return 0.6 * self.target("eye-left-slit")
        ours = {
            "AU1": self._inner_brow_raise,
            "AU2": self._outer_brow_raise,
            "AU4": self._brow_lower,
            "AU6": self._cheek_raise,
            "AU9": self._nose_wrinkle,
            "AU14": self._dimple,
            "AU20": self._lip_stretch,
        }
        return ours[stem]()

    def _symmetric(self, displacements: Points) -> Points:
        return 0.5 * (displacements + self.mirrored(displacements))

    def _bell(self, centre: tuple[float, float, float], width: tuple[float, float, float]) -> Weights:
        return np.exp(-0.5 * (((self.points - centre) / width) ** 2).sum(1)) * self.soft

    def _push(self, weights: Weights, direction: tuple[float, float, float]) -> Points:
        return weights[:, None] * np.array(direction)

    # ---- brows and nose: MakeHuman's targets give the folds, ours the range that people have (5 to 8 mm) -------------

    def _brow(self, x: float, width: float) -> Weights:
        """A piece of the left brow: it reaches far up the forehead and ends above the lid."""
        height = (self.points[:, 1] - BROW_Y) / np.where(self.points[:, 1] > BROW_Y, 0.17, 0.036)
        across = (self.points[:, 0] - x) / width
        front = np.clip((self.points[:, 2] - 0.75) / 0.25, 0, 1)
        return np.exp(-0.5 * (across**2 + height**2)) * front * self.soft

    def _inner_brow_raise(self) -> Points:
        return 0.6 * self.target("eyebrows-left-inner-up") + self._push(self._brow(0.14, 0.11), (0.004, 0.055, 0.0))

    def _outer_brow_raise(self) -> Points:
        return 0.6 * self.target("eyebrows-left-extern-up") + self._push(self._brow(0.38, 0.15), (0.004, 0.055, 0.0))

    def _brow_lower(self) -> Points:
        inner = self._push(self._brow(0.13, 0.11), (-0.028, -0.04, 0.008))
        outer = self._push(self._brow(0.36, 0.14), (-0.012, -0.022, 0.004))
        return 0.6 * self.target("eyebrows-left-down") + inner + outer

    def _nose_wrinkle(self) -> Points:
        brow = self._push(self._brow(0.12, 0.10), (-0.008, -0.018, 0.004))
        wing = self._push(self._bell((0.15, 6.94, 1.45), (0.09, 0.10, 0.14)), (0.004, 0.03, 0.008))
        return self.target("nose-left-elevation") + brow + wing

    def _lip_stretch(self) -> Points:
        pull = self._bell((MOUTH_HALF_WIDTH, LIP_LINE_Y, 1.4), (0.13, 0.09, 0.16)) * self.left
        stretch = self._symmetric(self.target("mouth-retraction")) * self.left[:, None]
        return stretch + self._push(pull, (0.04, -0.045, -0.02))

    # ---- cheeks ------------------------------------------------------------------------------------------------------

    def _cheek_raise(self) -> Points:
        below_lid = 1 / (1 + np.exp((self.points[:, 1] - 7.262) / 0.012))
        cheek = self._push(self._bell((0.40, 6.99, 1.3), (0.17, 0.12, 0.2)) * below_lid, (0.01, 0.055, 0.03))
        lid = self._push(self._bell((0.31, 7.22, 1.4), (0.13, 0.04, 0.12)) * below_lid, (0.0, 0.022, 0.004))
        corner = self._push(self._bell((0.55, 7.24, 1.2), (0.09, 0.09, 0.15)), (-0.012, 0.008, 0.008))
        return cheek + lid + corner

    def _dimple(self) -> Points:
        corner = self._bell((MOUTH_HALF_WIDTH, 6.612, 1.4), (0.075, 0.06, 0.12))
        stretch = self._symmetric(self.target("mouth-retraction")) * self.left[:, None]
        return 0.35 * stretch + self._push(corner, (0.02, 0.012, -0.04))

    def _AU38(self) -> Points:
        return self._symmetric(self.target("nose-left-dilatation") + self.target("nose-right-dilatation"))

    # ---- lips --------------------------------------------------------------------------------------------------------

    def _roll_in(self, thin: float, back: float) -> Points:
        upper, lower = lip_weights(self.points, self.soft)
        weight = upper + lower
        height = self.points[:, 1] - LIP_LINE_Y
        return np.stack([0 * weight, -thin * height * weight, -back * weight], axis=1)

    def _AU23(self) -> Points:
        narrow = self._bell((0, LIP_LINE_Y, 1.5), (0.22, 0.09, 0.2)) * self.points[:, 0]
        return self._roll_in(0.35, 0.02) + self._push(narrow, (-0.10, 0, 0))

    def _AU24(self) -> Points:
        # The target lifts the corners as well, which would make every angry mouth smile.
        corner = self._bell((MOUTH_HALF_WIDTH, LIP_LINE_Y, 1.4), (0.09, 0.07, 0.14)) * self.left
        left = self._push(corner, (0, -0.085, 0))
        return self._symmetric(self.target("mouth-compression")) + left + self.mirrored(left)

    def _AU28(self) -> Points:
        return self._roll_in(0.6, 0.045)

    def _AU32(self) -> Points:
        upper, lower = lip_weights(self.points, self.soft)
        middle = np.exp(-0.5 * (self.points[:, 0] / 0.14) ** 2)
        chin = self._bell((0, 6.42, 1.5), (0.16, 0.1, 0.2))
        lip = self._push(lower * middle, (0, 0.03, -0.055)) + self._push(upper * middle, (0, 0.022, 0.006))
        return lip + self._push(chin, (0, 0.015, -0.02))

    def _AU34(self) -> Points:
        cheek = self._bell((0.42, 6.6, 1.2), (0.16, 0.17, 0.2))
        left = self._push(cheek, (0.085, 0.0, 0.045))
        lips = self._push(self._bell((0, LIP_LINE_Y, 1.55), (0.25, 0.12, 0.2)), (0, 0, 0.02))
        return left + self.mirrored(left) + lips

    def _mouth_left(self) -> Points:
        weight = self._bell((0, 6.58, 1.5), (0.27, 0.16, 0.25))
        curvature = -2.0 * self.points[:, 0] * 0.09
        return np.stack([0.09 * weight, 0 * weight, curvature * weight], axis=1)

    def _mouth_right(self) -> Points:
        return self.mirrored(self._mouth_left())

    # ---- tongue ------------------------------------------------------------------------------------------------------

    def _tip(self) -> Weights:
        tongue = (self._mesh.vertex_part == PARTS.index("tongue")).astype(np.float64)
        return np.clip((self.points[:, 2] - 0.85) / 0.54, 0, 1) ** 1.6 * tongue

    def _tongue_up(self) -> Points:
        return self._push(self._tip(), (0, 0.13, 0.02))

    def _tongue_out(self) -> Points:
        return self._push(self._tip(), (0, 0.15, 0.2))


def lip_weights(points: Points, soft: Weights) -> tuple[Weights, Weights]:
    """How much each vertex belongs to the red of the upper and of the lower lip."""
    x, y, z = points.T
    across = np.clip(1 - (abs(x) / (MOUTH_HALF_WIDTH + 0.02)) ** 8, 0, 1)
    front = np.clip((z - (1.36 + 0.1 * across)) / 0.06, 0, 1) * soft
    profile = np.sqrt(np.clip(1 - (x / (MOUTH_HALF_WIDTH + 0.02)) ** 2, 0.05, 1))
    upper = np.clip(2.0 - (y - LIP_LINE_Y) / (0.085 * profile), 0, 1) * (y >= LIP_LINE_Y)
    lower = np.clip(2.0 - (LIP_LINE_Y - y) / (0.11 * profile), 0, 1) * (y < LIP_LINE_Y)
    return upper * across * front, lower * across * front


def mirror_of(points: Points, part: UInt8[np.ndarray, " vertex"]) -> Int64[np.ndarray, " vertex"]:
    """Index of the vertex at the mirrored place; parts swap left and right."""
    swap = {PARTS.index("eye_left"): PARTS.index("eye_right"), PARTS.index("eye_right"): PARTS.index("eye_left")}
    mirror = np.zeros(len(points), np.int64)
    for value in np.unique(part):
        there = np.flatnonzero(part == swap.get(int(value), int(value)))
        here = np.flatnonzero(part == value)
        _, nearest = cKDTree(points[there]).query(points[here] * (-1.0, 1.0, 1.0))
        mirror[here] = there[nearest]
    return mirror
