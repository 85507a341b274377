"""T5: which clips get a technical fault, and the corpus in which their faulty versions stand in their places.

A fault that is painted changes what open_clip sees (evaluation/corruptions.py); another person in the track changes
what moves too, and needs no paint: the clip of somebody else of the same emotion stands there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32, Int64

from mead_manip.evaluation.detection_study import Corpus
from mead_manip.evaluation.injections import Clip, Injection, as_it_is

WRONG_PERSON = "wrong person"
PREFIX = "T5 "


def chosen_rows(clips: Sequence[Clip], count: int, seed: int = 0) -> Int64[np.ndarray, " row"]:
    """Choose clips of the training set, the labels in turn; all of them where there are not more."""
    plain = as_it_is(clips)
    order = np.random.default_rng([seed, 8]).permutation(len(plain.content))
    labels = np.asarray(plain.labels)[order]
    turn = np.array([int((labels[:place] == label).sum()) for place, label in enumerate(labels)])
    return plain.content[order[np.argsort(turn, kind="stable")][:count]]


def with_faults(
    corpus: Corpus, fault: str, faulty: Mapping[int, Float32[np.ndarray, "_ class"]]
) -> tuple[Corpus, Injection]:
    """Put faulty versions (clip -> probabilities of its frames) after the clips, and in their places in the rows."""
    chosen = list(faulty)
    extended = Corpus(
        clips=corpus.clips + tuple(corpus.clips[index] for index in chosen),
        classes=corpus.classes,
        frame_probability=corpus.frame_probability + tuple(faulty.values()),
        coefs=corpus.coefs + tuple(corpus.coefs[index] for index in chosen),
        threshold=corpus.threshold,
    )
    stand_ins = {index: len(corpus.clips) + place for place, index in enumerate(chosen)}
    return extended, _replaced(corpus, fault, stand_ins)


def wrong_people(corpus: Corpus, chosen: Sequence[int], seed: int = 0) -> Injection | None:
    """Put the clip of another actor, of the same emotion and level, in the place of each; None where nobody has one."""
    rng = np.random.default_rng([seed, 9])
    stand_ins = {}
    for index in chosen:
        clip = corpus.clips[index]
        others = [
            place
            for place, other in enumerate(corpus.clips)
            if other.actor != clip.actor and (other.emotion, other.level) == (clip.emotion, clip.level)
        ]
        if others:
            stand_ins[int(index)] = int(rng.choice(others))
    return _replaced(corpus, WRONG_PERSON, stand_ins) if stand_ins else None


def _replaced(corpus: Corpus, fault: str, stand_ins: Mapping[int, int]) -> Injection:
    plain = as_it_is(corpus.clips)
    positive = np.isin(plain.content, list(stand_ins))
    content = np.array([stand_ins.get(int(index), int(index)) for index in plain.content], np.int64)
    return Injection(PREFIX + fault, content, plain.labels, positive)
