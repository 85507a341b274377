"""Every shipped file is described in assets/README.md with the sha256 that it has."""

import pytest

from mead_manip import files
from mead_manip.artifacts.assets import ASSETS, asset_digest, asset_path
from mead_manip.errors import InputMissing

SHIPPED = sorted(path.name for path in ASSETS.glob("*") if path.suffix != ".md")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_readme_names_each_asset_with_its_digest(name):
    text = (ASSETS / "README.md").read_text(encoding="utf-8")
    assert name in text
    assert asset_digest(name) == files.digest(asset_path(name))
    assert asset_digest(name) in text


def test_a_missing_asset_is_one_clear_line():
    with pytest.raises(InputMissing, match=r"no asset nothing\.h5; expected .*; reinstall"):
        asset_path("nothing.h5")
