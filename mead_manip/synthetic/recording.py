"""Records takes: pictures and sound into a video file, and the truth of a whole data set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mead_manip.artifacts.assets import asset_digest, load_asset
from mead_manip.artifacts.schemas import HeadAsset, SyntheticTruth
from mead_manip.media.colour import Colour
from mead_manip.media.writer import VideoWriter
from mead_manip.models.face_model import HeadModel, head_model_from
from mead_manip.synthetic import speech
from mead_manip.synthetic.actors import Actor, generator, make_actor
from mead_manip.synthetic.mead import FPS, ClipSpec, Take, landmarks_of, make_take, neutral_vertices, vertices_of
from mead_manip.synthetic.scene import Scene
from mead_manip.synthetic.scene_kit import SceneKit

HEAD = "head.h5"
_BT709 = Colour(matrix=1, primaries=1, transfer=1, range=1)
_SUPERSAMPLE_BELOW = 320  # pixels: a small picture needs more samples a pixel to look like a photograph


def head_name() -> str:
    """Name the head and its content, for cache keys."""
    return f"{HEAD}@{asset_digest(HEAD)[:16]}"


@dataclass
class Studio:
    """The head and the people of one data set, loaded on first use."""

    seed: int
    size: int  # side of a frame in pixels
    n_frames: int

    def __post_init__(self) -> None:
        self._actors: dict[str, Actor] = {}
        self._scenes: dict[str, Scene] = {}

    @cached_property
    def asset(self) -> HeadAsset:
        return load_asset(HeadAsset, HEAD)

    @cached_property
    def model(self) -> HeadModel:
        return head_model_from(self.asset)

    @cached_property
    def _kit(self) -> SceneKit:
        return SceneKit(self.asset, self.model)

    def actor(self, name: str) -> Actor:
        if name not in self._actors:
            self._actors[name] = make_actor(self.asset, self.model.coef_names, self.seed, name)
        return self._actors[name]

    def take(self, spec: ClipSpec) -> Take:
        actor = self.actor(spec.actor)
        return make_take(spec, actor, self.model.coef_names, self.seed, self.n_frames, self.size)

    def draw(self, take: Take, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Draw some frames of a take (all, if not said), one after another: RGB, uint8."""
        actor, frames = self.actor(take.spec.actor), range(self.n_frames) if frames is None else frames
        scene = self._scene(actor)
        supersample = 2 if self.size < _SUPERSAMPLE_BELOW else 1
        posed = vertices_of(self.model, actor, take.performance, frames)
        for frame, vertices in zip(frames, posed, strict=True):
            yield scene.draw(
                vertices,
                take.camera[frame],
                self.size,
                self.size,
                head_pose=take.performance.head_pose[frame],
                supersample=supersample,
            ).rgb

    def record(self, spec: ClipSpec, path: Path, comment: str) -> None:
        """Write the clip's video with its sound; the file appears complete or not at all."""
        take = self.take(spec)
        heard = speech.sound(
            take.performance.speech,
            float(FPS),
            generator(self.seed, spec.clip_id, "sound"),
            pitch=self.actor(spec.actor).style.pitch_hertz,
        )
        with VideoWriter(
            path,
            self.size,
            self.size,
            FPS,
            colour=_BT709,
            sound=(heard, speech.SAMPLE_RATE),
            crf=17,
            preset="veryfast",
            threads=1,  # drawing is what takes time
            comment=comment,
        ) as writer:
            for picture in self.draw(take):
                writer.write(picture)

    def truth(self, specs: Sequence[ClipSpec]) -> SyntheticTruth:
        """Gather what is true of every frame of every clip."""
        takes = [self.take(spec) for spec in specs]
        points = self.model.restricted(self.model.required_vertices())
        names = list(dict.fromkeys(spec.actor for spec in specs))
        performances = [take.performance for take in takes]

        def joined(name: str) -> np.ndarray:
            return np.concatenate([getattr(performance, name) for performance in performances])

        return SyntheticTruth(
            clip_ids=tuple(spec.clip_id for spec in specs),
            paths=tuple(spec.path for spec in specs),
            actors=tuple(names),
            emotions=tuple(spec.emotion for spec in specs),
            acted_emotions=tuple(take.acted_name for take in takes),
            outliers=tuple(spec.outlier for spec in specs),
            level=np.array([spec.level for spec in specs], np.int32),
            actor=np.array([names.index(spec.actor) for spec in specs], np.int32),
            acted_strength=np.array([take.strength for take in takes], np.float32),
            clip_start=np.arange(len(specs) + 1, dtype=np.int64) * self.n_frames,
            identity=np.stack([self.actor(name).identity for name in names]),
            landmarks_px=np.concatenate([landmarks_of(points, self.actor(take.spec.actor), take) for take in takes]),
            expression=joined("expression"),
            jaw_pose=joined("jaw_pose"),
            eyelids=joined("eyelids"),
            gaze=joined("gaze"),
            head_pose=joined("head_pose"),
            camera=np.concatenate([take.camera for take in takes]),
            strength=joined("strength"),
            lip_closure=np.concatenate([performance.speech.closure for performance in performances]),
            loudness=np.concatenate([performance.speech.loudness for performance in performances]),
            coef_names=tuple(self.model.coef_names),
            fps_num=FPS.numerator,
            fps_den=FPS.denominator,
            width=self.size,
            height=self.size,
        )

    # ---- below ---------------------------------------------------------------------------------------------------

    def _scene(self, actor: Actor) -> Scene:
        if actor.name not in self._scenes:
            # Clips come actor by actor: one scene with its textures is enough.
            self._scenes = {actor.name: Scene(self._kit, actor.look, neutral_vertices(self.model, actor))}
        return self._scenes[actor.name]
