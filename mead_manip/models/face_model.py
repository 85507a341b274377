"""The built-in head as a torch module: identity, expression, jaw, lids, gaze and pose -> vertices -> landmarks.

Head space is in dm: +y up, +z out of the face, +x the subject's left, origin between the ears. Expression units are
0 at rest and 1 at full strength; identity is in standard deviations.
"""

import functools

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor, nn

from mead_manip.artifacts.assets import load_asset
from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.models.head_buffers import Attachment, attachments_of, hang, head_buffers, part_slices
from mead_manip.models.rigid import project, rotation

__all__ = ["N_CONTOUR", "HeadModel", "head_model_from", "load_head", "project", "rotation", "sample_identity"]

N_CONTOUR = 17  # iBUG-68 points 0-16
LID_FOLLOWS_DOWN, LID_FOLLOWS_UP = 0.7, 0.5  # closure per radian of gaze


class HeadModel(nn.Module):
    """A linear head with a jaw, lids and eyeballs that turn. Every batch argument may have a batch of 1."""

    template: Tensor
    identity_basis: Tensor
    expression_basis: Tensor
    eyelid_close: Tensor
    eyelid_arc: Tensor
    eyelid_seal: Tensor
    lid_ids: Tensor
    jaw_weight: Tensor
    neck_weight: Tensor
    joints: Tensor
    joint_basis: Tensor
    eyeball: Tensor
    triangles: Tensor
    triangle_part: Tensor
    landmark_ids: Tensor
    contour_candidates: Tensor
    lid_fade: Tensor
    extent_pairs: Tensor

    def __init__(
        self,
        buffers: dict[str, Tensor],
        coef_names: tuple[str, ...],
        part_names: tuple[str, ...],
        part_slices: dict[str, slice],
        attachments: dict[str, Attachment],
    ) -> None:
        super().__init__()
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)
        self.coef_names = coef_names
        self.part_names = part_names
        self.part_slices = part_slices
        self.attachments = attachments

    @property
    def n_identity(self) -> int:
        """Number of identity coefficients."""
        return self.identity_basis.shape[0]

    @property
    def n_expression(self) -> int:
        """Number of expression units."""
        return self.expression_basis.shape[0]

    @property
    def n_vertices(self) -> int:
        """Number of vertices."""
        return self.template.shape[0]

    @property
    def n_skin(self) -> int:
        """Vertices of the skin with mouth cavity and eye sockets: the first ones."""
        return self.part_slices["socket"].stop

    def forward(
        self,
        identity: Float[Tensor, "#batch identity"],
        expression: Float[Tensor, "#batch coef"] | None = None,
        jaw_pose: Float[Tensor, "#batch 3"] | None = None,
        eyelids: Float[Tensor, "#batch side=2"] | None = None,
        gaze: Float[Tensor, "#batch yaw_pitch=2"] | None = None,
        head_pose: Float[Tensor, "#batch 3"] | None = None,
        body_pose: Float[Tensor, "#batch 3"] | None = None,
    ) -> Float[Tensor, "batch vertex 3"]:
        """Place the vertices, dm. What is None is at rest; without `body_pose` the bust turns with the head."""
        given = [identity, expression, jaw_pose, eyelids, gaze, head_pose, body_pose]
        batch = max(len(value) for value in given if value is not None)
        vertices = self.neutral(identity)
        closure = self._closure(eyelids, gaze)
        if expression is not None:
            weights = self._faded(expression, closure)
            flat = weights @ self.expression_basis.flatten(1)
            vertices = vertices + flat.unflatten(1, self.template.shape)
        if closure is not None:
            vertices = self._close_lids(vertices, identity, closure)
        if jaw_pose is not None:
            arm = vertices - self.joints[0]
            swung = arm @ rotation(jaw_pose).mT
            vertices = vertices + self.jaw_weight[:, None] * (swung - arm)
        if gaze is not None:
            vertices = self._turn_eyes(vertices, identity, gaze)
        return self._pose(vertices, head_pose, body_pose).expand(batch, -1, -1)

    def neutral(self, identity: Float[Tensor, "batch identity"]) -> Float[Tensor, "batch vertex 3"]:
        """Place the vertices of people at rest who look ahead."""
        return self.template + (identity @ self.identity_basis.flatten(1)).unflatten(1, self.template.shape)

    def landmarks(
        self, vertices: Float[Tensor, "batch vertex 3"], head_pose: Float[Tensor, "#batch 3"] | None = None
    ) -> Float[Tensor, "batch 68 3"]:
        """Pick the iBUG-68 landmarks of posed vertices; the contour ones follow the visible outline.

        Of each row from the jaw rim over the cheek, the vertex that stands out most to its side of the face is taken,
        sideways as the head sees it in the picture, so that a tilted head is no different.
        """
        fixed = vertices[:, self.landmark_ids[N_CONTOUR:]]
        with torch.no_grad():
            candidates = vertices[:, self.contour_candidates][..., :2]
            sideways = self._sideways(head_pose, vertices)
            outward = (candidates * sideways[:, None, None]).sum(-1) * self._contour_side()[:, None]
            chosen = self.contour_candidates.gather(1, outward.argmax(-1).mT).mT
        contour = vertices.gather(1, chosen[..., None].expand(-1, -1, 3))
        return torch.cat([contour, fixed], dim=1)

    def attachment(
        self,
        name: str,
        vertices: Float[Tensor, "batch vertex 3"],
        neutral: Float[Tensor, "#batch vertex 3"],
        head_pose: Float[Tensor, "#batch 3"] | None = None,
    ) -> Float[Tensor, "batch hung 3"]:
        """Hang brows, lashes or hair on posed `vertices`; hair ignores expression and hangs on `neutral` instead."""
        hung = self.attachments[name]
        turn = rotation(head_pose) if head_pose is not None else torch.eye(3).to(vertices)[None]
        if hung.kind == "hair":
            at_rest = hang(hung, neutral) + hung.offsets.to(neutral) * self._growth(neutral)
            return (at_rest @ turn.mT).expand(len(vertices), -1, -1)
        return hang(hung, vertices) + hung.offsets.to(vertices) @ turn.mT

    def attachment_template(self, name: str) -> Float32[np.ndarray, "hung 3"]:
        """Vertices of an attachment on the mean person at rest."""
        rest = self.template[None]
        return self.attachment(name, rest, rest)[0].numpy(force=True)

    def nmfc(self) -> Float[Tensor, "vertex 3"]:
        """Colour of every vertex in a normalised mean face coordinate image: the mean face scaled to 0..1 per axis."""
        low, high = self.template.amin(0), self.template.amax(0)
        return (self.template - low) / (high - low)

    def required_vertices(self) -> Int[Tensor, " used"]:
        """Vertices that landmarks need, sorted: `restricted` to them, the head fits fastest."""
        return torch.unique(torch.cat([self.landmark_ids, self.contour_candidates.flatten()]))

    def restricted(self, vertex_ids: Int[Tensor, " used"]) -> "HeadModel":
        """Keep some vertices only, in the given order. They have to include `required_vertices()`."""
        number = torch.full((self.n_vertices,), -1, dtype=torch.long, device=self.template.device)
        number[vertex_ids] = torch.arange(len(vertex_ids), device=number.device)
        if (number[self.required_vertices()] < 0).any():
            raise ValueError("a restricted head needs the vertices of all landmarks")
        kept_lids = (number[self.lid_ids] >= 0).nonzero()[:, 0]
        whole = (number[self.triangles] >= 0).all(1)
        buffers = dict(self.named_buffers())
        per_vertex = ("template", "jaw_weight", "neck_weight", "eyeball")
        buffers |= {name: buffers[name][vertex_ids] for name in per_vertex}
        buffers |= {name: buffers[name][:, vertex_ids] for name in ("identity_basis", "expression_basis")}
        buffers |= {name: buffers[name][:, kept_lids] for name in ("eyelid_close", "eyelid_arc")}
        buffers |= {
            "eyelid_seal": self.eyelid_seal[:, :, kept_lids],
            "lid_ids": number[self.lid_ids[kept_lids]],
            "triangles": number[self.triangles[whole]],
            "triangle_part": self.triangle_part[whole],
            "landmark_ids": number[self.landmark_ids],
            "contour_candidates": number[self.contour_candidates],
            "extent_pairs": number[self.extent_pairs],
        }
        return HeadModel(buffers, self.coef_names, self.part_names, {}, {})

    # ---- below: how the parts move -----------------------------------------------------------------------------------

    def _closure(
        self, eyelids: Float[Tensor, "#batch 2"] | None, gaze: Float[Tensor, "#batch 2"] | None
    ) -> Float[Tensor, "#batch 2"] | None:
        """How far each lid is closed, where it follows the eye up and down."""
        if gaze is None:
            return eyelids
        pitch = gaze[:, 1:]
        follow = LID_FOLLOWS_DOWN * (-pitch).clamp(min=0) - LID_FOLLOWS_UP * pitch.clamp(min=0)
        return follow.expand(-1, 2) if eyelids is None else eyelids + (1 - eyelids) * follow

    def _faded(
        self, expression: Float[Tensor, "#batch coef"], closure: Float[Tensor, "#batch 2"] | None
    ) -> Float[Tensor, "#batch coef"]:
        if closure is None:
            return expression
        return expression * (1 - closure.clamp(0, 1) @ self.lid_fade)

    def _close_lids(
        self,
        vertices: Float[Tensor, "#batch vertex 3"],
        identity: Float[Tensor, "#batch identity"],
        closure: Float[Tensor, "#batch 2"],
    ) -> Float[Tensor, "batch vertex 3"]:
        personal = self.eyelid_close + torch.einsum("bi,silc->bslc", identity, self.eyelid_seal)
        bow = 4 * closure * (1 - closure)
        travel = closure[:, :, None, None] * personal + bow[:, :, None, None] * self.eyelid_arc
        batch = max(len(vertices), len(travel))
        moved = travel.sum(1).expand(batch, -1, -1)
        return vertices.expand(batch, -1, -1).index_add(1, self.lid_ids, moved)

    def _turn_eyes(
        self,
        vertices: Float[Tensor, "#batch vertex 3"],
        identity: Float[Tensor, "#batch identity"],
        gaze: Float[Tensor, "#batch 2"],
    ) -> Float[Tensor, "batch vertex 3"]:
        joints = self.joints + torch.einsum("bi,ijc->bjc", identity, self.joint_basis)
        zero = torch.zeros_like(gaze[:, :1])
        turn = rotation(torch.cat([zero, gaze[:, :1], zero], 1)) @ rotation(torch.cat([-gaze[:, 1:], zero, zero], 1))
        for side in (1, 2):
            ids = (self.eyeball == side).nonzero()[:, 0]
            arm = vertices[:, ids] - joints[:, side : side + 1]
            moved = arm @ turn.mT - arm
            batch = max(len(vertices), len(moved))
            vertices = vertices.expand(batch, -1, -1).index_add(1, ids, moved.expand(batch, -1, -1))
        return vertices

    def _pose(
        self,
        vertices: Float[Tensor, "#batch vertex 3"],
        head_pose: Float[Tensor, "#batch 3"] | None,
        body_pose: Float[Tensor, "#batch 3"] | None,
    ) -> Float[Tensor, "batch vertex 3"]:
        head = vertices if head_pose is None else vertices @ rotation(head_pose).mT
        if body_pose is None:
            return head
        body = vertices @ rotation(body_pose).mT
        return body + self.neck_weight[:, None] * (head - body)

    def _contour_side(self) -> Float[Tensor, " contour"]:
        """+1 for contour points of the subject's left, -1 for the right, 0 for the chin (which then stays)."""
        return torch.sign(torch.arange(N_CONTOUR, device=self.template.device) - N_CONTOUR // 2).to(self.template)

    def _sideways(
        self, head_pose: Float[Tensor, "#batch 3"] | None, vertices: Float[Tensor, "batch vertex 3"]
    ) -> Float[Tensor, "#batch 2"]:
        """Direction in the picture, across the head's upright axis, towards the subject's left in a frontal view."""
        if head_pose is None:
            return torch.tensor([[1.0, 0.0]]).to(vertices)
        upright = rotation(head_pose)[:, :2, 1]
        upright = upright / upright.norm(dim=1, keepdim=True).clamp(min=1e-6)
        return torch.stack([upright[:, 1], -upright[:, 0]], dim=1)

    def _growth(self, neutral: Float[Tensor, "batch vertex 3"]) -> Float[Tensor, "batch 1 3"]:
        """How much larger a skull is than the mean one, per axis."""
        low, high = self.extent_pairs
        axis = torch.arange(3)
        person = neutral[:, high, axis] - neutral[:, low, axis]
        return (person / (self.template[high, axis] - self.template[low, axis]))[:, None]


def head_model_from(asset: HeadAsset) -> HeadModel:
    """Build the module from the asset's arrays."""
    return HeadModel(head_buffers(asset), asset.coef_names, asset.part_names, part_slices(asset), attachments_of(asset))


@functools.lru_cache(maxsize=1)
def load_head() -> HeadModel:
    """Build the head that ships with the package; one copy per process, not to be changed."""
    return head_model_from(load_asset(HeadAsset, "head.h5")).requires_grad_(False)


def sample_identity(
    asset: HeadAsset, rng: np.random.Generator, anchor: int | None = None, spread: float = 1.0
) -> Float32[np.ndarray, " identity"]:
    """Draw a plausible person whose skin is `skin_<anchor name>`; without `anchor`, any."""
    index = int(rng.integers(len(asset.anchor_names))) if anchor is None else anchor
    noise = rng.standard_normal(asset.detail_factor.shape[0])
    return (asset.anchor_mean[index] + spread * (asset.detail_factor @ noise)).astype(np.float32)
