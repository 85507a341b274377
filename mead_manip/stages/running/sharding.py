"""One part of n of all clips, for batch schedulers: disjoint parts that cover all, whatever clips come and go."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mead_manip import files
from mead_manip.artifacts.workspace import Workspace
from mead_manip.errors import UsageError


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`; the default is all there is."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read "2/8"; "" is all there is."""
        if not text:
            return cls()
        numbers = re.fullmatch(r"(\d+)/(\d+)", text, re.ASCII)
        shard = cls(*map(int, numbers.groups())) if numbers else cls(0)
        if not 1 <= shard.number <= shard.count:
            raise UsageError(f"--shard {text!r}", expected="i/n with 1 <= i <= n, for example 2/8")
        return shard

    @property
    def whole(self) -> bool:
        """Tell whether this is all there is."""
        return self.count == 1

    def holds(self, clip_id: str) -> bool:
        """Tell whether a clip belongs to this part: its name alone decides."""
        return int.from_bytes(hashlib.sha256(clip_id.encode()).digest()[:8]) % self.count == self.number - 1

    def keep(self, workspace: Workspace, stage: str, record: Mapping[str, Any]) -> None:
        """Write what this part did beside the results of the stage: <stage>/shards/2-of-8.json."""
        path = workspace.folder(stage) / "shards" / f"{self.number}-of-{self.count}.json"
        with files.atomic(path) as temporary:
            temporary.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
