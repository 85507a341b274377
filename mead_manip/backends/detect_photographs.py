"""Photographs -> JSON: the 68 landmarks and two pupils that a detector sees in each, by file name without its ending

python -m mead_manip.backends.detect_photographs PHOTOGRAPHS --model face_landmarker.task --out seen.json

`training.landmarker --seen` reads from it how the smiling London photographs differ from the neutral ones.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mead_manip.backends import registry
from mead_manip.backends.interfaces import LandmarkDetector
from mead_manip.errors import UsageError
from mead_manip.files import atomic
from mead_manip.media.images import read_image


def main() -> None:
    """Detect and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="folder of .jpg files")
    parser.add_argument("--detector", default="mediapipe")
    parser.add_argument("--model", default=None, help="the detector's weights")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    detector = registry.load("landmarks", arguments.detector, model=arguments.model)
    photographs = sorted(arguments.photographs.glob("*.jpg"))
    seen = detect(detector, photographs)
    detector.close()
    with atomic(arguments.out) as temporary:
        temporary.write_text(json.dumps(seen))
    unseen = sorted({path.stem for path in photographs} - set(seen))
    print(f"{arguments.out}: {len(seen)} photographs; no face in {', '.join(unseen) or 'none of the others'}")


def detect(detector: LandmarkDetector, photographs: Sequence[Path]) -> dict[str, list[list[float]]]:
    """Give the points (px) of the largest face of every photograph that shows one."""
    seen = {}
    for path in photographs:
        (faces,) = detector.detect([read_image(path)])
        if not faces:
            continue
        if faces[0].pupils_px is None:
            raise UsageError(
                f"{detector.name} gives no pupils", expected="a detector that sees them, as mediapipe does"
            )
        points = np.concatenate([faces[0].landmarks_px, faces[0].pupils_px])
        seen[path.stem] = points.round(3).tolist()
    return seen


if __name__ == "__main__":
    main()
