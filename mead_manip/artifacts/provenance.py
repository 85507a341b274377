"""What a result was made from, as a record and as a key. Keys chain: an input is named by its own key."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mead_manip.errors import ArtifactInvalid

KEY_LENGTH = 16


@dataclass(frozen=True)
class Provenance:
    """Everything that decides a result. Device, batch size, workers, paths and times stay out."""

    schema: str  # "reconstruction/1"
    stage: str
    stage_version: int  # raised by hand when the stage's output changes
    params: Mapping[str, Any] = field(default_factory=dict)  # every result-affecting setting, defaults included
    inputs: Mapping[str, Any] = field(default_factory=dict)  # name -> key, or name -> {clip id: key}
    backend: str = ""  # "name@digest of the weights"

    @property
    def key(self) -> str:
        """Give the first 16 hex digits of the sha256 of the canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:KEY_LENGTH]

    def record(self) -> dict[str, Any]:
        """Give the plain dictionary that is stored."""
        return {
            "schema": self.schema,
            "stage": self.stage,
            "stage_version": self.stage_version,
            "params": dict(self.params),
            "inputs": dict(self.inputs),
            "backend": self.backend,
        }

    def to_json(self) -> str:
        """Give canonical JSON: sorted keys, no spaces, no NaN; tuples are lists."""
        return json.dumps(self.record(), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Provenance":
        """Read the stored record back."""
        try:
            record = json.loads(text)
            return cls(**record)
        except (TypeError, ValueError) as error:
            raise ArtifactInvalid(f"unreadable provenance: {error}", expected="a provenance record") from error


def differences(old: Provenance, new: Provenance) -> list[str]:
    """Say what changed, one line a value: "params.margin: 0.25 -> 0.3"."""
    before, after = dict(_flatten("", old.record())), dict(_flatten("", new.record()))
    return [
        f"{name}: {_show(before, name)} -> {_show(after, name)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name, _ABSENT) != after.get(name, _ABSENT)
    ]


_ABSENT = object()


def _flatten(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _flatten(f"{prefix}.{name}" if prefix else str(name), part)
    else:
        # Through JSON, so that a tuple here equals the list that was read back.
        yield prefix, json.loads(json.dumps(value))


def _show(values: Mapping[str, Any], name: str) -> str:
    return json.dumps(values[name], ensure_ascii=False) if name in values else "(none)"
