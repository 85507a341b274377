"""Where prompts come from, what is refused, and how several sentences become one vector."""

import numpy as np
import pytest

from mead_manip.backends.prompts import prompt_set
from mead_manip.emotions import EMOTIONS, NED_EMOTIONS
from mead_manip.errors import InputMissing, MeadManipError, UsageError

SENTENCES = "[prompts]\n" + "\n".join(f'{name} = ["a {name} face", "they look {name}"]' for name in EMOTIONS)


def write(folder, text):
    path = folder / "prompts.toml"
    path.write_text(text)
    return str(path)


def test_the_default_is_one_sentence_per_class():
    prompts = prompt_set(None, NED_EMOTIONS)
    assert prompts.flat[4] == "a photo of a face with an expression of happiness"
    assert prompts.classes == NED_EMOTIONS and len(prompts.flat) == 7
    assert prompt_set("a {emotion} face", NED_EMOTIONS).flat[1] == "a angry face"


def test_a_file_of_sentences(tmp_path):
    prompts = prompt_set(write(tmp_path, SENTENCES), NED_EMOTIONS)
    assert prompts.as_dict()["sad"] == ["a sad face", "they look sad"]
    np.testing.assert_array_equal(prompts.owner, np.repeat(np.arange(7), 2))
    assert len(prompts.flat) == 14, "contempt is in the file and no class"
    # The content counts, not where it lies.
    (tmp_path / "other").mkdir()
    assert prompt_set(write(tmp_path / "other", "# mine\n" + SENTENCES), NED_EMOTIONS) == prompts


def test_a_file_of_templates_with_other_nouns(tmp_path):
    text = 'templates = ["a face that looks {noun}", "{emotion}!"]\n'
    text += '[nouns]\nangry = ["mad", "cross"]\nhappiness = "joyous"\n'
    prompts = prompt_set(write(tmp_path, text), EMOTIONS).as_dict()
    assert prompts["angry"] == ["a face that looks mad", "a face that looks cross", "angry!", "angry!"]
    assert prompts["happy"] == ["a face that looks joyous", "happy!"]
    assert prompts["sad"] == ["a face that looks sadness", "sad!"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("[prompts", "cannot read"),
        ('template = "a face"', "the same for every emotion"),
        ('template = "{noun}"\n[prompts]\nsad = "x"', "expected"),
        ('sentences = "{noun}"', "unknown key 'sentences'"),
        ('[prompts]\nhappy = "x"', "no prompt for neutral, angry"),
        ('[prompts]\nhapy = "x"', "did you mean 'happy'"),
        ('[prompts]\nhappy = "x"\njoy = "y"', "happy is there twice"),
        (SENTENCES.replace("a sad face", ""), "prompts.sad"),
        (SENTENCES.replace("a sad face", "a fear face"), "stands for fear and for sad"),
        ('templates = []', "expected a sentence"),
        ('prompts = "x"', "a table"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(tmp_path, text, says):
    with pytest.raises(UsageError, match=says):
        prompt_set(write(tmp_path, text), NED_EMOTIONS)


def test_a_file_that_is_not_there():
    with pytest.raises(InputMissing, match=r"no prompts at mine.toml"):
        prompt_set("mine.toml", NED_EMOTIONS)
    with pytest.raises(MeadManipError, match="the same for every emotion"):
        prompt_set("mine.txt", NED_EMOTIONS)


def test_several_sentences_are_averaged_to_unit_length(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((14, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    features = prompt_set(write(tmp_path, SENTENCES), NED_EMOTIONS).features(lambda texts: rows[: len(texts)])
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1.0, atol=1e-6)
    both = rows[0] + rows[1]
    np.testing.assert_allclose(features[0], both / np.linalg.norm(both), atol=1e-6)
    alone = prompt_set(None, NED_EMOTIONS).features(lambda texts: rows[: len(texts)])
    np.testing.assert_array_equal(alone, rows[:7])
