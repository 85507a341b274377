"""FLAME as a torch module: identity, expression, jaw, gaze and pose -> vertices -> landmarks, whole clips at once.

Li, Bolkart, Black, Li and Romero, "Learning a model of facial shape and expression from 4D scans", SIGGRAPH Asia 2017.
Linear blend skinning with five joints (root, neck, jaw, left eye, right eye) after blend shapes and pose correctives.
Space in metres: +y up, +z out of the face, +x the subject's left. The interface is that of `HeadModel`; FLAME's eyelids
are part of its expressions, so `eyelids` has to be open or absent.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mead_manip.artifacts.schemas import FlameAsset
from mead_manip.errors import InputMissing
from mead_manip.models.rigid import rotation

N_JOINTS = 5
MAX_YAW = 39  # degrees; the contour's tables go from here to there
ROOT, NECK, JAW, EYE_LEFT, EYE_RIGHT = range(N_JOINTS)


class FlameModel(nn.Module):
    """A linear head with five joints. Every batch argument may have a batch of 1, and fewer coefficients than bases."""

    template: Tensor
    identity_basis: Tensor
    expression_basis: Tensor
    pose_basis: Tensor
    joint_template: Tensor
    joint_identity: Tensor
    joint_expression: Tensor
    skin_weights: Tensor
    triangles: Tensor
    static_triangles: Tensor
    static_weights: Tensor
    contour_triangles: Tensor
    contour_weights: Tensor

    def __init__(self, buffers: dict[str, Tensor], parents: tuple[int, ...]) -> None:
        super().__init__()
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)
        self.parents = parents

    def forward(
        self,
        identity: Float[Tensor, "#batch identity"],
        expression: Float[Tensor, "#batch coef"] | None = None,
        jaw_pose: Float[Tensor, "#batch 3"] | None = None,
        eyelids: Float[Tensor, "#batch side=2"] | None = None,
        gaze: Float[Tensor, "#batch yaw_pitch=2"] | None = None,
        head_pose: Float[Tensor, "#batch 3"] | None = None,
        neck_pose: Float[Tensor, "#batch 3"] | None = None,
    ) -> Float[Tensor, "batch vertex 3"]:
        """Place the vertices, m. What is None is at rest. `head_pose` turns about the root joint."""
        if eyelids is not None and bool(eyelids.any()):
            raise ValueError("FLAME has no eyelids of their own: its expressions close them")
        given = [identity, expression, jaw_pose, eyelids, gaze, head_pose, neck_pose]
        batch = max(len(value) for value in given if value is not None)
        shaped, joints = self._shape(identity, expression)
        rotations = self._rotations(jaw_pose, gaze, head_pose, neck_pose, batch)
        bent = (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(1)
        corrected = shaped + (bent @ self.pose_basis.flatten(1)).unflatten(1, self.template.shape)
        return self._skin(corrected, rotations, joints.expand(batch, -1, -1))

    def joints(
        self, identity: Float[Tensor, "#batch identity"], expression: Float[Tensor, "#batch coef"] | None = None
    ) -> Float[Tensor, "batch joint=5 3"]:
        """Place the joints at rest, m."""
        return self._shape(identity, expression)[1]

    def landmarks(
        self, vertices: Float[Tensor, "batch vertex 3"], head_pose: Float[Tensor, "#batch 3"] | None = None
    ) -> Float[Tensor, "batch 68 3"]:
        """Pick the iBUG-68 landmarks of posed vertices; the contour's lie where such a head ends in a picture."""
        if not len(self.static_triangles):
            raise InputMissing(
                "this FLAME has no landmarks",
                expected="a landmark embedding",
                remedy="run `mead-manip import-flame` again with --landmarks landmark_embedding.npy",
            )
        batch = len(vertices)
        row = torch.zeros(1, dtype=torch.long) if head_pose is None else contour_row(head_pose)
        row = row.to(self.contour_triangles.device).expand(batch)
        triangles = torch.cat([self.contour_triangles[row], self.static_triangles.expand(batch, -1)], dim=1)
        weights = torch.cat([self.contour_weights[row], self.static_weights.expand(batch, -1, -1)], dim=1)
        corners = self.triangles[triangles].flatten(1)
        points = vertices.gather(1, corners[..., None].expand(-1, -1, 3)).unflatten(1, (-1, 3))
        return (weights[..., None] * points).sum(dim=2)

    def nmfc(self) -> Float[Tensor, "vertex 3"]:
        """Colour of every vertex in a normalised mean face coordinate image: the mean face scaled to 0..1 per axis."""
        low, high = self.template.amin(0), self.template.amax(0)
        return (self.template - low) / (high - low)

    # ---- below: blend shapes, kinematics, skinning -------------------------------------------------------------------

    def _shape(
        self, identity: Float[Tensor, "#batch identity"], expression: Float[Tensor, "#batch coef"] | None
    ) -> tuple[Float[Tensor, "batch vertex 3"], Float[Tensor, "batch joint=5 3"]]:
        """Person and expression without any pose; the joints follow both."""
        shaped = self.template + _blend(identity, self.identity_basis)
        joints = self.joint_template + _blend(identity, self.joint_identity)
        if expression is not None:
            shaped = shaped + _blend(expression, self.expression_basis)
            joints = joints + _blend(expression, self.joint_expression)
        return shaped, joints

    def _rotations(
        self,
        jaw_pose: Float[Tensor, "#batch 3"] | None,
        gaze: Float[Tensor, "#batch 2"] | None,
        head_pose: Float[Tensor, "#batch 3"] | None,
        neck_pose: Float[Tensor, "#batch 3"] | None,
        batch: int,
    ) -> Float[Tensor, "{batch} joint=5 3 3"]:
        rest = torch.eye(3).to(self.template)[None]
        turns = {ROOT: head_pose, NECK: neck_pose, JAW: jaw_pose}
        given = {joint: rotation(pose) for joint, pose in turns.items() if pose is not None}
        if gaze is not None:
            zero = torch.zeros_like(gaze[:, :1])
            yaw, pitch = torch.cat([zero, gaze[:, :1], zero], 1), torch.cat([-gaze[:, 1:], zero, zero], 1)
            given[EYE_LEFT] = given[EYE_RIGHT] = rotation(yaw) @ rotation(pitch)
        return torch.stack([given.get(joint, rest).expand(batch, 3, 3) for joint in range(N_JOINTS)], dim=1)

    def _skin(
        self,
        vertices: Float[Tensor, "#batch vertex 3"],
        rotations: Float[Tensor, "batch joint=5 3 3"],
        joints: Float[Tensor, "batch joint=5 3"],
    ) -> Float[Tensor, "batch vertex 3"]:
        """Linear blend skinning: every joint turns what its parent has turned, about its own place."""
        turns, places = [rotations[:, ROOT]], [joints[:, ROOT]]
        for joint in range(1, N_JOINTS):
            parent = self.parents[joint]
            arm = (joints[:, joint] - joints[:, parent])[..., None]
            turns.append(turns[parent] @ rotations[:, joint])
            places.append(places[parent] + (turns[parent] @ arm)[..., 0])
        turn, place = torch.stack(turns, 1), torch.stack(places, 1)
        shift = place - (turn @ joints[..., None])[..., 0]
        moves = torch.cat([turn.flatten(2), shift], dim=2)
        blended = self.skin_weights @ moves
        turned = (blended[..., :9].unflatten(2, (3, 3)) * vertices[:, :, None]).sum(dim=3)
        return turned + blended[..., 9:]


def contour_row(head_pose: Float[Tensor, "batch 3"]) -> Int[Tensor, " batch"]:
    """Row of the contour's tables: 0..39 for a yaw of 0..-39 degrees, 40..78 for 1..39; beyond, the last of a side."""
    turn = rotation(head_pose)
    across = (turn[:, 0, 0] ** 2 + turn[:, 1, 0] ** 2).sqrt()
    right = -torch.rad2deg(torch.atan2(-turn[:, 2, 0], across))
    degrees = right.clamp(-MAX_YAW, MAX_YAW).round().long()
    return torch.where(degrees < 0, MAX_YAW - degrees, degrees)


def flame_model_from(asset: FlameAsset) -> FlameModel:
    """Build the module from the asset's arrays."""
    arrays = {name: torch.from_numpy(getattr(asset, name)) for name in _ARRAYS}
    regressor = torch.from_numpy(asset.joint_regressor)
    buffers = {
        **arrays,
        "joint_template": regressor @ arrays["template"],
        "joint_identity": regressor @ arrays["identity_basis"],
        "joint_expression": regressor @ arrays["expression_basis"],
        **{name: torch.from_numpy(getattr(asset, name)).long() for name in _INDICES},
    }
    return FlameModel(buffers, tuple(int(parent) for parent in asset.parents)).requires_grad_(False)


_ARRAYS = (
    *("template", "identity_basis", "expression_basis", "pose_basis", "skin_weights"),
    *("static_weights", "contour_weights"),
)
_INDICES = ("triangles", "static_triangles", "contour_triangles")


def _blend(coefs: Float[Tensor, "batch coef"], basis: Float[Tensor, "basis row 3"]) -> Float[Tensor, "batch row 3"]:
    """Sum the first bases, as many as there are coefficients."""
    if coefs.shape[1] > len(basis):
        raise ValueError(f"{coefs.shape[1]} coefficients for {len(basis)} bases")
    return (coefs @ basis[: coefs.shape[1]].flatten(1)).unflatten(1, basis.shape[1:])
