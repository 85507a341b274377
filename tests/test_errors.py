"""One line: found, expected, remedy; and the documented exit codes."""

import pickle
import re

from mead_manip import errors
from mead_manip.errors import ArtifactMissing, MeadManipError


def test_a_message_is_one_line():
    error = MeadManipError("found\nthis", expected="that", remedy="do so")
    assert str(error) == "found this; expected that; do so"
    assert str(MeadManipError("found")) == "found"


def test_an_error_survives_the_way_from_a_worker():
    error = pickle.loads(pickle.dumps(ArtifactMissing("a", expected="b", remedy="c")))
    assert type(error) is ArtifactMissing and str(error) == "a; expected b; c"


def test_the_tree_in_the_docstring_is_the_tree():
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, MeadManipError)]
    drawn = dict(re.findall(r"(\w+) +(\d) ", errors.__doc__))
    assert {kind.__name__: str(kind.exit_code) for kind in kinds} == drawn
