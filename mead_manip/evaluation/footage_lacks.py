"""FootageFacts -> plain lines: what the footage shows, and what a renderer trained on it will have to invent."""

from __future__ import annotations

from mead_manip.evaluation.footage_sufficiency import COVERED, Coverage, FootageFacts

MINUTES = 2.0
YAW_DEGREES, PITCH_DEGREES = 20.0, 10.0
MOUTH_OPENS, LIPS_MEET = 0.15, 0.02  # inter-ocular distances
BLINKS = 5
BLURRED = 0.55  # the built-in head rendered sharply gives .3 to .4
UNSEEN = 0.2  # share of frames


def shown_lines(facts: FootageFacts, targets: str) -> list[str]:
    """Tell what the footage shows; `targets` says where the faces that edits ask for come from."""
    lines = [
        f"{facts.clips} clip(s), {_minutes(facts.usable_seconds)} usable of {_minutes(facts.seconds)}"
        f" ({facts.usable_frames} frames); {facts.shots} shot(s), the longest {facts.longest_shot:.1f} s"
    ]
    if not facts.usable_frames:
        return lines
    lines += [
        f"face {facts.face_px:.0f} px high; one pixel of a 256 px crop is {facts.crop_scale:.2f} of the frame;"
        f" blur {facts.blur:.2f} (0 sharp, 1 blurred)",
        f"head turns {_range(facts.yaw)} and nods {_range(facts.pitch)} degrees (98 % of frames)",
        f"lips part {max(facts.mouth_opening[0], 0):.2f} to {facts.mouth_opening[1]:.2f} of the distance of the eyes;"
        f" {facts.blinks} blink(s)",
    ]
    if facts.coverage:
        shares = ", ".join(f"{name} {100 * found.share:.0f} %" for name, found in facts.coverage.items())
        lines.append(f"faces that edits ask for and the footage has alike: {shares} ({targets})")
        lines.append(f"for comparison, its own last fifth against what comes before: {100 * facts.own_coverage:.0f} %")
    return lines


def lacking_lines(facts: FootageFacts) -> list[str]:
    """Tell what is missing and what will come of that; empty where nothing is."""
    if not facts.usable_frames:
        return ["no frame shows a face that could be fitted: there is nothing to learn from"]
    width, height = facts.yaw[1] - facts.yaw[0], facts.pitch[1] - facts.pitch[0]
    low, high = facts.mouth_opening
    unseen = 1 - facts.usable_seconds / facts.seconds
    found = [
        (
            facts.usable_seconds < 60 * MINUTES,
            f"{_minutes(facts.usable_seconds)} of face: below {MINUTES:g} min mouths and teeth come out blurred",
        ),
        (unseen > UNSEEN, f"the face is not usable in {100 * unseen:.0f} % of the frames"),
        (
            facts.crop_scale < 1,
            f"a face of {facts.face_px:.0f} px fills no 256 px crop: the finest detail is not there to learn",
        ),
        (facts.blur > BLURRED, f"the footage is blurred ({facts.blur:.2f}): so will the renderer's faces be"),
        (width < YAW_DEGREES, f"the head turns over {width:.0f} degrees only: other views will be guessed"),
        (height < PITCH_DEGREES, f"the head nods over {height:.0f} degrees only: other views will be guessed"),
        (high < MOUTH_OPENS, _mouth(facts)),
        (low > LIPS_MEET, f"the lips never close (least {low:.2f}): closed mouths will be invented"),
        (facts.blinks < BLINKS, f"{facts.blinks} blink(s): closed eyes will be invented"),
    ]
    lines = [text for wrong, text in found if wrong]
    return lines + [_emotion(name, cover) for name, cover in facts.coverage.items() if cover.share < COVERED]


def _mouth(facts: FootageFacts) -> str:
    wide = [name for name, cover in facts.coverage.items() if cover.mouth_opening > facts.mouth_opening[1]]
    who = ", ".join(wide) or "an open mouth"
    return f"the mouth never opens beyond {facts.mouth_opening[1]:.2f}: the inside of it will be invented for {who}"


def _emotion(name: str, cover: Coverage) -> str:
    poor = [f"{region} {100 * share:.0f} %" for region, share in cover.regions.items() if share < COVERED]
    text = f"{name}: {100 * (1 - cover.share):.0f} % of its faces are like none here"
    text += f" (alike: {', '.join(poor)})" if poor else " (every part is there, but not together)"
    units = [f"{unit.name} {unit.asked:.2f}, footage {_end(unit.above)} {unit.shown:.2f}" for unit in cover.units[:3]]
    text += f"; asks for {'; '.join(units)}" if units else ""
    return text + f"; covered up to --intensity {cover.intensity:g}"


def _end(above: bool) -> str:
    return "up to" if above else "from"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _range(span: tuple[float, float]) -> str:
    return f"{span[0]:.0f} to {span[1]:.0f}"
