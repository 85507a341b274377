"""What a text-image model is asked: one or more sentences per emotion, ours, from a template, or from a file.

The default is one sentence, "a photo of a face with an expression of {noun}". In the logs published with Exp-CLIP
(Zhao et al., WACV 2025) it is the best prompt for ViT-L/14, our default model, by weighted recall on RAF-DB (65.9 %),
and by both recalls on AffectNet-7 (44.5) and DFEW (40.7 / 47.1); their ensembles of five and ten sentences lie up to 5
points below it there, and bare nouns 7. For ViT-B/16 "an expression of {noun}." was better (57.0 against 48.4 on
RAF-DB): the wording matters most for small models. Those logs are with Exp-CLIP's head; CLIP's own ranking may differ.

Of several sentences for a class the features are averaged, each of unit length, and the mean is brought to unit length
again, as in CLIP's own zero-shot recipe. (The mean of the logits, which Exp-CLIP takes, is the same but for that last
step: it gives a class with unlike sentences a short vector, and with it lower probabilities for no other reason.)

A file holds either sentences or templates, for every class that is scored:

    [prompts]                                        templates = ["a face that looks {noun}"]
    happy = ["a smiling face", "a joyful person"]
    neutral = "a face at rest"                       [nouns]           # optional: other words than ours
    ...                                              happy = "joyful"
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from mead_manip.emotions import NOUNS, parse_emotion
from mead_manip.errors import InputMissing, UsageError
from mead_manip.models.suppression import TEMPLATE, emotion_prompts, filled

_KEYS = ("prompts", "template", "templates", "nouns")
_FORMAT = "[prompts] with sentences per emotion, or templates with {noun} or {emotion}"


@dataclass(frozen=True)
class PromptSet:
    """The sentences of every class, in the order of the classes. Where they came from is no part of them."""

    classes: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]

    @property
    def flat(self) -> tuple[str, ...]:
        """Give all sentences, one class after another."""
        return tuple(sentence for of_class in self.sentences for sentence in of_class)

    @property
    def owner(self) -> np.ndarray:
        """Give the index of the class of every sentence."""
        return np.repeat(np.arange(len(self.classes), dtype=np.int32), [len(part) for part in self.sentences])

    def as_dict(self) -> dict[str, list[str]]:
        """Give the sentences by class."""
        return {name: list(part) for name, part in zip(self.classes, self.sentences, strict=True)}

    def features(
        self, embed: Callable[[Sequence[str]], Float32[np.ndarray, "text feature"]]
    ) -> Float32[np.ndarray, "class feature"]:
        """Give one vector of unit length per class: the mean of its sentences' features."""
        rows, owner = embed(self.flat), self.owner
        if len(self.flat) == len(self.classes):
            return rows
        means = np.stack([rows[owner == index].mean(axis=0) for index in range(len(self.classes))])
        return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)


def prompt_set(text: str | None, classes: Sequence[str]) -> PromptSet:
    """Give the prompts that --prompts means: ours where it is empty, a .toml file's, or a template's."""
    if text and (text.endswith(".toml") or Path(text).is_file()):
        return read_prompts(Path(text), classes)
    return PromptSet(tuple(classes), tuple((sentence,) for sentence in emotion_prompts(text or TEMPLATE, classes)))


def read_prompts(path: Path, classes: Sequence[str]) -> PromptSet:
    """Read a file of prompts; classes that are not scored may be in it too."""
    table = _read(path)
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise UsageError(f"{path}: unknown key {unknown[0]!r}", expected="one of " + ", ".join(_KEYS))
    templates = table.get("templates", table.get("template"))
    if (templates is None) == ("prompts" not in table) or ("template" in table and "templates" in table):
        raise UsageError(f"{path}: {', '.join(table) or 'is empty'}", expected=_FORMAT)
    if templates is None:
        found = _by_emotion(path, "prompts", table["prompts"])
        lacking = [name for name in classes if name not in found]
        if lacking:
            raise UsageError(f"{path}: no prompt for {', '.join(lacking)}", expected="one for every scored class")
        sentences = tuple(found[name] for name in classes)
    else:
        nouns = {name: (noun,) for name, noun in NOUNS.items()} | _by_emotion(path, "nouns", table.get("nouns", {}))
        forms = _texts(path, "templates", templates)
        sentences = tuple(tuple(filled(form, noun, name) for form in forms for noun in nouns[name]) for name in classes)
    _refuse_shared(path, classes, sentences)
    return PromptSet(tuple(classes), sentences)


# ---- below: one table ---------------------------------------------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputMissing(f"no prompts at {path}", expected="a TOML file: " + _FORMAT) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}", expected="a TOML file: " + _FORMAT) from error


def _by_emotion(path: Path, key: str, table: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {key} = {table!r}", expected=f"a table [{key}] of emotions")
    found: dict[str, tuple[str, ...]] = {}
    for word, value in table.items():
        name = parse_emotion(word)
        if name in found:
            raise UsageError(f"{path}: {key}.{word}: {name} is there twice")
        found[name] = _texts(path, f"{key}.{word}", value)
    return found


def _texts(path: Path, key: str, value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise UsageError(f"{path}: {key} = {value!r}", expected="a sentence or a list of sentences")
    return tuple(texts)


def _refuse_shared(path: Path, classes: Sequence[str], sentences: Sequence[Sequence[str]]) -> None:
    """A sentence of two classes would tell nothing about either."""
    owners: dict[str, str] = {}
    for name, of_class in zip(classes, sentences, strict=True):
        for sentence in of_class:
            if owners.setdefault(sentence, name) != name:
                raise UsageError(f"{path}: {sentence!r} stands for {owners[sentence]} and for {name}")
