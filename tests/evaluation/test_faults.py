"""Faulty versions stand where the chosen clips stood, under the same labels; everything else stays."""

import numpy as np

from mead_manip.evaluation.detection_study import Corpus
from mead_manip.evaluation.faults import chosen_rows, with_faults, wrong_people
from mead_manip.evaluation.injections import Clip


def corpus_of(actors=("A", "B"), emotions=("neutral", "happy", "sad"), takes=3):
    clips = tuple(
        Clip(f"{a}{e}{t}", a, e, 0 if e == "neutral" else 3) for a in actors for e in emotions for t in range(takes)
    )
    frames = tuple(np.full((2, 3), k, np.float32) for k in range(len(clips)))
    return Corpus(clips, emotions, frames, tuple(np.zeros((5, 2), np.float32) for _ in clips), 0.6)


def test_labels_take_turns():
    corpus = corpus_of()
    chosen = chosen_rows(corpus.clips, 6)
    assert sorted(corpus.clips[index].emotion for index in chosen) == ["happy"] * 2 + ["neutral"] * 2 + ["sad"] * 2
    assert len(set(chosen_rows(corpus.clips, 100).tolist())) == len(corpus.clips)


def test_faulty_versions_stand_in_for_the_chosen():
    corpus = corpus_of()
    faulty = {4: np.full((2, 3), 100, np.float32), 7: np.full((2, 3), 101, np.float32)}
    extended, planted = with_faults(corpus, "dark", faulty)
    assert planted.name == "T5 dark" and np.flatnonzero(planted.positive).tolist() == [4, 7]
    assert planted.labels == tuple(clip.emotion for clip in corpus.clips)
    seen = [frames[0, 0] for frames in extended.evidence(planted, 0).frame_probability]
    assert seen == [100 if k == 4 else 101 if k == 7 else k for k in range(len(corpus.clips))]


def test_the_wrong_person_acts_the_same():
    corpus = corpus_of()
    planted = wrong_people(corpus, [0, 4, 10])
    for row in np.flatnonzero(planted.positive):
        here, there = corpus.clips[row], corpus.clips[planted.content[row]]
        assert here.actor != there.actor and (here.emotion, here.level) == (there.emotion, there.level)
    assert planted.positive.sum() == 3
    assert wrong_people(corpus_of(actors=("A",)), [0, 4]) is None
