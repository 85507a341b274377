"""Every default, once: a dataclass per command. Where a value comes from is settled in resolution.py."""

import dataclasses
from typing import Any

from mead_manip.config.clips import (
    AuditConfig,
    ClipScoreConfig,
    FacesConfig,
    ImportFlameConfig,
    InspectConfig,
    PreprocessConfig,
    Reconstruct3dConfig,
)
from mead_manip.config.common import OWN_RUN, SHIPPED_RUN, Common
from mead_manip.config.editing import CompareConfig, EditConfig
from mead_manip.config.judging import (
    EvaluateDetectionConfig,
    EvaluateEditConfig,
    EvaluateManipulatorConfig,
    EvaluateOptionsConfig,
    StudyConfig,
)
from mead_manip.config.synthesis import DemoConfig, SynthConfig
from mead_manip.config.training import TrainConfig, TrainRendererConfig

SECTIONS: dict[str, type] = {
    "common": Common,
    "audit": AuditConfig,
    "preprocess": PreprocessConfig,
    "faces": FacesConfig,
    "import-flame": ImportFlameConfig,
    "reconstruct3d": Reconstruct3dConfig,
    "clip-score": ClipScoreConfig,
    "train": TrainConfig,
    "train-renderer": TrainRendererConfig,
    "edit": EditConfig,
    "evaluate-detection": EvaluateDetectionConfig,
    "evaluate-manipulator": EvaluateManipulatorConfig,
    "evaluate-edit": EvaluateEditConfig,
    "compare": CompareConfig,
    "evaluate-options": EvaluateOptionsConfig,
    "synth": SynthConfig,
    "demo": DemoConfig,
    "inspect": InspectConfig,
}


def result_params(config: Any) -> dict[str, Any]:
    """Give the settings that decide what a result is, for its key: all but the execution ones."""
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if not field.metadata.get("execution", False)
    }


__all__ = [
    "OWN_RUN",
    "SECTIONS",
    "SHIPPED_RUN",
    "AuditConfig",
    "ClipScoreConfig",
    "Common",
    "CompareConfig",
    "DemoConfig",
    "EditConfig",
    "EvaluateDetectionConfig",
    "EvaluateEditConfig",
    "EvaluateManipulatorConfig",
    "EvaluateOptionsConfig",
    "FacesConfig",
    "ImportFlameConfig",
    "InspectConfig",
    "PreprocessConfig",
    "Reconstruct3dConfig",
    "StudyConfig",
    "SynthConfig",
    "TrainConfig",
    "TrainRendererConfig",
    "result_params",
]
