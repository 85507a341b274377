"""How like the true frames are those that a renderer draws of frames it never learned from?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mead_manip.models.face_renderer import RGB
from mead_manip.training.renderer import Footage, Learner, Moment, drawn, mouth_side, nothing_drawn
from mead_manip.training.renderer_losses import cropped, pixel_distance
from mead_manip.training.renderer_sequences import Piece, Shot

# Called with the number of a held-out frame, what was asked for and what was drawn.
Seen = Callable[[int, Moment, Tensor], None]


@torch.no_grad()
def validate(learner: Learner, footage: Footage, shots: Sequence[Shot], seen: Seen | None = None) -> dict[str, float]:
    """Draw held-out shots from beginning to end, and give the mean distances from the true frames.

    `l1` and `mouth_l1` are in grey levels of 255; `sharpness` is the ratio of the Laplacian's mean square inside the
    mask, 1 where pictures are as sharp as the truth; `score` is what the best weights have least of.
    """
    generator, totals = learner.published, {"l1": 0.0, "mouth_l1": 0.0, "energy": 0.0, "true_energy": 0.0}
    n_frames = 0
    was_training = generator.training
    generator.eval()
    for shot in shots:
        previous: Tensor | None = None
        for frame in range(shot.start, shot.end):
            moment = footage.moment([Piece(shot, frame, frame + 1, frame == shot.start, 0)], 0, learner.device)
            previous = nothing_drawn(learner.architecture, moment) if previous is None else previous
            fake = drawn(learner, generator, moment, previous).clamp(-1, 1)
            previous = torch.cat([previous, fake], dim=1)[:, RGB:]
            for name, value in _distances(learner, moment, fake).items():
                totals[name] += value
            if seen is not None:
                seen(n_frames, moment, fake)
            n_frames += 1
    generator.train(was_training)
    l1, mouth = totals["l1"] / n_frames, totals["mouth_l1"] / n_frames
    sharpness = totals["energy"] / max(totals["true_energy"], 1e-12)
    # A blurred picture is near the truth pixel by pixel, and no good.
    score = l1 * (1 + 0.5 * abs(math.log(max(sharpness, 1e-6))))
    return {"l1": l1, "mouth_l1": mouth, "sharpness": sharpness, "score": score}


def _distances(learner: Learner, moment: Moment, fake: Tensor) -> dict[str, float]:
    mask = (moment.view.mask >= 0.5).float()
    mouths = [cropped(of, moment.mouths, mouth_side(learner.architecture)) for of in (fake, moment.target, mask)]
    return {
        "l1": 127.5 * float(pixel_distance(fake, moment.target, mask)),
        "mouth_l1": 127.5 * float(pixel_distance(*mouths)),
        "energy": _energy(fake, mask),
        "true_energy": _energy(moment.target, mask),
    }


def _energy(picture: Tensor, mask: Tensor) -> float:
    """Give the mean square of the Laplacian of the grey levels, inside the mask."""
    kernel = picture.new_tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    laplacian = functional.conv2d(picture.mean(dim=1, keepdim=True), kernel)
    inside = mask[..., 1:-1, 1:-1]
    return float((laplacian.square() * inside).sum() / inside.sum().clamp(min=1))
