"""What import-linter cannot see of the house's rules."""

import ast
import importlib.util
from pathlib import Path

import pytest

from mead_manip.stages import STAGES

PACKAGE = Path(importlib.util.find_spec("mead_manip").origin).parent
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


def trees():
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def test_only_media_opens_videos_with_opencv():
    for name, tree in trees().items():
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cv2"
        }
        assert name.startswith("media/") or not {attr for attr in used if attr.startswith("Video")}, name


@pytest.mark.parametrize("stage", STAGES)
def test_the_first_line_of_a_stage_says_what_becomes_what(stage):
    path = MODULES["/".join(STAGES[stage].module.split(".")[1:]) + ".py"]
    first = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]
    assert " -> " in first, f"{path.name}: {first}"


def test_nothing_is_half_done_or_swallowed():
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{name}:{node.lineno}: a bare except"
            if isinstance(node, ast.Raise) and node.exc is not None:
                assert "NotImplementedError" not in ast.unparse(node.exc), f"{name}:{node.lineno}"
        source = MODULES[name].read_text(encoding="utf-8")
        assert not {"TO" + "DO", "FIX" + "ME", "X" + "XX"} & set(source.replace(":", " ").split()), name


def test_every_module_says_what_it_is_for():
    for name, tree in trees().items():
        assert ast.get_docstring(tree), name


def test_the_old_ways_of_seeding_are_not_used():
    # A generator is passed on; the global state of numpy would be shared by whatever runs beside.
    for name, path in MODULES.items():
        assert "np.random.seed" not in path.read_text(encoding="utf-8"), name
