"""Backends are named, imported late, and missing packages are one clear line."""

import importlib.util

import pytest

from mead_manip.backends import registry
from mead_manip.errors import BackendUnavailable, UsageError


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        UsageError, match="unknown landmarks backend 'mediapip'; expected one of builtin, .*did you mean"
    ):
        registry.load("landmarks", "mediapip")


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in registry.BACKENDS for name in registry.names(kind)]
)
def test_every_line_of_the_table_names_a_class_that_exists(kind, name):
    where, extra = registry.BACKENDS[kind][name]
    if extra and importlib.util.find_spec(extra) is None:
        pytest.skip(f"{extra} is not installed")
    module, _, attribute = where.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert isinstance(found, type)


def test_a_package_that_is_not_installed_says_which_extra_brings_it(monkeypatch, tmp_path):
    (tmp_path / "needs_something.py").write_text("import a_package_that_nobody_has")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry.BACKENDS["landmarks"], "toy", ("needs_something:Toy", "toy"))
    with pytest.raises(BackendUnavailable, match=r"a_package_that_nobody_has.*pip install 'mead-manip\[toy\]'"):
        registry.load("landmarks", "toy")
