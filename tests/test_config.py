"""Flag > environment > ./mead-manip.toml > default, each with its origin; nothing misspelt is dropped."""

import dataclasses

import pytest

from mead_manip import config, resolution
from mead_manip.config import ClipScoreConfig, Common, EditConfig, PreprocessConfig, SynthConfig, TrainConfig
from mead_manip.errors import UsageError
from mead_manip.resolution import resolve


def write(folder, text):
    (folder / resolution.FILE_NAME).write_text(text, encoding="utf-8")


def test_each_source_beats_the_next(in_folder):
    def value(flags=None, environment=None):
        resolved = resolve(ClipScoreConfig, flags, environment=environment or {})
        return resolved.config.threshold, resolved.origins["threshold"]

    assert value() == (0.6, "default")
    write(in_folder, "[clip-score]\nthreshold = 0.5\n")
    assert value() == (0.5, "mead-manip.toml")
    environment = {"MEAD_MANIP_CLIP_SCORE_THRESHOLD": "0.4"}
    assert value(None, environment) == (0.4, "environment MEAD_MANIP_CLIP_SCORE_THRESHOLD")
    assert value({"threshold": 0.3}, environment) == (0.3, "flag --threshold")
    assert value({"threshold": None}, environment)[0] == 0.4


def test_the_common_variables_carry_no_section(in_folder):
    assert resolve(Common, environment={"MEAD_MANIP_WORKSPACE": "w", "MEAD_MANIP_SEED": "7"}).config == Common(
        "w", seed=7
    )


def test_values_become_their_type(in_folder):
    write(
        in_folder,
        '[train]\nlearning-rate = 1\nval_actors = ["M003", "W009"]\niterations = 5\n[edit]\nside_by_side = true\n',
    )
    train = resolve(TrainConfig, environment={}).config
    assert train.learning_rate == 1.0 and type(train.learning_rate) is float
    assert train.val_actors == ("M003", "W009") and train.iterations == 5
    assert resolve(EditConfig, environment={}).config.side_by_side is True
    variables = {"MEAD_MANIP_EDIT_SIDE_BY_SIDE": "no", "MEAD_MANIP_PREPROCESS_ACTORS": "M003, W009"}
    assert resolve(EditConfig, environment=variables).config.side_by_side is False
    assert resolve(PreprocessConfig, environment=variables).config.actors == ("M003", "W009")


def test_emotions_are_written_in_their_canonical_form(in_folder):
    assert resolve(EditConfig, {"to": "Anger"}).config.to == "angry"
    assert resolve(PreprocessConfig, {"emotions": ["joy,fear", "sad"]}).config.emotions == ("happy", "fear", "sad")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[clip-scor]\n", r"unknown section \[clip-scor\]; did you mean 'clip-score'"),
        ("[clip-score]\ntreshold = 1\n", "unknown key 'treshold' in .clip-score.; did you mean 'threshold'"),
        ("[clip-score]\nthreshold = 'x'\n", r"--threshold: 'x' \(from mead-manip.toml\); expected a number"),
        ("[clip-score]\nthreshold = 2\n", r"expected between 0 and 1"),
        ("[clip-score]\nthreshold = nan\n", r"expected between 0 and 1"),
        ("[clip-score]\nframes = 2.5\n", "expected a whole number"),
        ("[clip-score]\nframes = true\n", "expected a whole number"),
        ("[clip-score]\nframes = 0\n", "expected at least 1"),
        ("[clip-score]\nmodel = 3\n", "expected text"),
        ("clip-score = 1\n", r"expected a section \[clip-score\]"),
        ("[preprocess]\npath = 'x'\n", "unknown key 'path'"),
        ("[clip-score\n", "cannot read .*expected a TOML file"),
    ],
)
def test_a_wrong_file_is_one_clear_line(in_folder, text, message):
    write(in_folder, text)
    with pytest.raises(UsageError, match=message) as error:
        resolve(ClipScoreConfig, environment={})
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_utf8_is_one_clear_line(in_folder):
    (in_folder / resolution.FILE_NAME).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot read"):
        resolve(ClipScoreConfig, environment={})


def test_a_misspelt_variable_is_refused(in_folder):
    with pytest.raises(UsageError, match="MEAD_MANIP_TRAIN_EPOHCS; did you mean 'MEAD_MANIP_TRAIN_EPOCHS'"):
        resolve(TrainConfig, environment={"MEAD_MANIP_TRAIN_EPOHCS": "3"})
    resolve(TrainConfig, environment={"MEAD_MANIP_SOMETHING_OF_YOURS": "3"})


def test_choices_are_checked_whatever_the_source(in_folder):
    for flags, environment in (({"size": "ful"}, {}), ({}, {"MEAD_MANIP_TRAIN_SIZE": "ful"})):
        with pytest.raises(UsageError, match="--size: 'ful' .*; expected one of full, small; did you mean 'full'"):
            resolve(TrainConfig, flags, environment=environment)


def test_required_values_are_asked_for():
    with pytest.raises(UsageError, match="preprocess: no PATH; expected a MEAD tree"):
        resolution.check_required(PreprocessConfig())
    with pytest.raises(UsageError, match="synth: no DIRECTORY"):
        resolution.check_required(SynthConfig())
    resolution.check_required(EditConfig())  # its videos may be named by a recipe


def test_an_argument_may_be_several_paths_with_commas_in_them():
    assert resolve(EditConfig, {"video": ["a,b.mp4", "c.mp4"]}).config.video == ("a,b.mp4", "c.mp4")
    assert resolve(EditConfig, {"video": "a,b.mp4"}).config.video == ("a,b.mp4",)
    assert resolve(EditConfig).config.video == ()


def test_execution_settings_stay_out_of_the_key():
    params = config.result_params(PreprocessConfig(path="/somewhere", workers=4))
    assert {"path", "workers", "actors"}.isdisjoint(params)
    assert params["landmarks"] == "builtin"
    assert config.result_params(Common()) == {"seed": 0}


@pytest.mark.parametrize("kind", config.SECTIONS.values(), ids=config.SECTIONS)
def test_every_default_passes_its_own_rules_and_every_setting_explains_itself(kind, in_folder):
    assert resolve(kind, environment={}).config == kind()
    for field in dataclasses.fields(kind):
        assert field.metadata.get("help", "").endswith("."), f"{kind.__name__}.{field.name} has no help sentence"
