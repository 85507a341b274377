"""Files of every version that ever was: the present one loads, a retired one is stale with a clear sentence."""

import numpy as np
import pytest
from golden import FOLDER, all_schemas, example, path_of, provenance

from mead_manip.artifacts import store
from mead_manip.artifacts.artifact import specs
from mead_manip.errors import ArtifactInvalid

RETIRED = [path for path in sorted(FOLDER.glob("*/*.h5")) if path not in map(path_of, all_schemas().values())]


@pytest.mark.parametrize("name", all_schemas())
def test_the_golden_file_of_each_schema_loads_as_it_was_written(name):
    schema = all_schemas()[name]
    assert path_of(schema).exists(), "no golden file: run tests/golden.py"
    # A failure here: the layout has changed under the same VERSION. Raise it, and write the new golden file.
    loaded, expected = store.load(schema, path_of(schema)), example(schema)
    for spec in specs(schema):
        np.testing.assert_equal(getattr(loaded, spec.name), getattr(expected, spec.name))
    assert store.check(path_of(schema), schema, provenance(schema)).kind is store.FRESH


@pytest.mark.parametrize("path", RETIRED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_of_a_retired_version_is_stale_with_its_reason(path):
    schema = all_schemas()[path.parent.name]
    state = store.check(path, schema, provenance(schema))
    assert (
        state.kind is store.STALE
        and f"holds {schema.NAME}/{path.stem}; expected {schema.schema_id()}" in state.reasons[0]
    )
    with pytest.raises(ArtifactInvalid):
        store.load(schema, path)
