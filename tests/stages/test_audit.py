"""Every flaw that is planted in a tree is found, and nothing else; a tree that is whole is called so."""

import json
import shutil
import tarfile

import numpy as np
import pytest
from takes import resized, speech, sway, write_take


@pytest.fixture
def audit(tmp_path):
    """Run the stage on tmp_path/MEAD; options are settings of its config."""
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.config import AuditConfig, Common
    from mead_manip.stages import audit
    from mead_manip.stages.running.runner import SilentProgress

    def run(progress=None, *, dry_run=False, force=False, **settings):
        config = AuditConfig(path=str(tmp_path / "MEAD"), **{"workers": 2, **settings})
        workspace = Workspace(tmp_path / "work")
        progress = progress or SilentProgress()
        return audit.run(workspace, config, Common(), force=force, dry_run=dry_run, progress=progress)

    return run


def take(seed, n_frames=45):
    return sway(seed, n_frames, size=64), speech(seed, n_frames / 30, rate=16000)


def put(path, seed, n_frames=45, **changes):
    frames, sound = take(seed, n_frames)
    settings = {"frames": frames, "sound": sound, "rate": 16000, **changes}
    return write_take(path, **settings)


def found(summary):
    return {
        (finding["kind"], finding["path"], finding["other"]) if finding["other"] else (finding["kind"], finding["path"])
        for finding in summary.facts["findings"]
    }


HAPPY = "M003/video/front/happy/level_3"


@pytest.fixture
def good(tmp_path):
    """Give a folder of takes with which nothing is wrong."""
    folder = tmp_path / "MEAD" / HAPPY
    for number in range(1, 7):
        put(folder / f"{number:03d}.mp4", number)
    return folder


def test_good_takes_raise_no_alarm_and_a_part_is_incomplete(audit, good):
    summary = audit()
    assert summary.facts["findings"] == []
    assert summary.exit_code == 3 and "incomplete (6 of 670 clips)" in summary.line()
    (cell,) = (cell for cell in summary.facts["cells"] if cell["found"])
    assert (cell["actor"], cell["view"], cell["emotion"], cell["level"]) == ("M003", "front", "happy", 3)
    assert (cell["found"], cell["expected"]) == (6, 30)
    assert "W009" in summary.facts["absent"] and "M003" not in summary.facts["absent"]
    assert summary.facts["layouts"] == {"<actor>/video/<view>/<emotion>/<level>/<take>.mp4": 6}


def test_each_planted_flaw_is_found_and_nothing_else(audit, good, tmp_path):
    root, sad = tmp_path / "MEAD", "M003/video/front/sad/level_3"
    whole = put(good / "007.mp4", 7).read_bytes()
    (good / "007.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    (good / "008.mp4").write_bytes(b"")
    (good / "009.mp4").symlink_to(root / "nowhere.mp4")
    put(good / "010.mp4", 10, sound=None)
    put(good / "011.mp4", 11, sound=np.zeros(24000, np.float32))
    put(good / "012.mp4", 12, n_frames=6)
    put(good / "013.mp4", 13, n_frames=14)  # a third of the others would be 15
    put(good / "014.mp4", 14, fps=25)
    put(good / "015.mp4", 15, frames=resized(take(15)[0], 48))
    put(root / "M041/video/front/sad/level_2/020.mp4", 41, sound=None)
    put(root / sad / "001.mp4", 1, crf=30, sound=0.7 * take(1)[1])
    put(root / sad / "002.mp4", 16, sound=take(2)[1])
    put(root / "M003/2/front/happy/level_3/004.mp4", 17)
    shutil.copy(good / "010.mp4", root / sad / "010.mp4")
    put(root / "M003/video/left_30/happy/level_3/003.mp4", 18, sound=take(3)[1])  # the same take, seen from the left
    put(root / "holiday.mp4", 19)
    (root / "notes.txt").write_text("mine")
    (root / "M003/audio").mkdir()
    (root / "M003/audio/001.m4a").write_bytes(b"sound")
    for actor in ("M003", "W011"):
        (root / actor).mkdir(exist_ok=True)
        with tarfile.open(root / actor / "video.tar", "w") as archive:
            archive.add(good / "001.mp4", "video/front/happy/level_3/001.mp4")
    packed = (root / "W011/video.tar").read_bytes()
    (root / "W011/video.tar").write_bytes(packed[:4096])

    summary = audit()
    assert found(summary) == {
        ("unreadable", f"{HAPPY}/007.mp4"),
        ("unreadable", f"{HAPPY}/008.mp4"),
        ("unreadable", f"{HAPPY}/009.mp4"),
        ("silent", f"{HAPPY}/010.mp4"),
        ("silent", f"{sad}/010.mp4"),
        ("silent", f"{HAPPY}/011.mp4"),
        ("silent", "M041/video/front/sad/level_2/020.mp4"),
        ("short", f"{HAPPY}/012.mp4"),
        ("short", f"{HAPPY}/013.mp4"),
        ("rate", f"{HAPPY}/014.mp4"),
        ("size", f"{HAPPY}/015.mp4"),
        ("duplicate", f"{HAPPY}/001.mp4", f"{sad}/001.mp4"),
        ("duplicate", f"{HAPPY}/010.mp4", f"{sad}/010.mp4"),
        ("same sound", f"{HAPPY}/002.mp4", f"{sad}/002.mp4"),
        ("twice", "M003/2/front/happy/level_3/004.mp4", f"{HAPPY}/004.mp4"),
        ("unlabelled", "holiday.mp4"),
        ("archive", "W011/video.tar"),
        ("unknown file", "notes.txt"),
    }
    reasons = {finding["path"]: finding["reason"] for finding in summary.facts["findings"]}
    assert "cut short" in reasons["W011/video.tar"] and "18 GB" in reasons["W011/video.tar"]
    assert "0 bytes" in reasons[f"{HAPPY}/008.mp4"] and "does not exist" in reasons[f"{HAPPY}/009.mp4"]
    assert [f["path"] for f in summary.facts["findings"] if f["known"]] == ["M041/video/front/sad/level_2/020.mp4"]
    assert summary.facts["layouts"]["<actor>/2/<view>/<emotion>/<level>/<take>.mp4"] == 1


def test_a_complete_cell_is_complete_and_a_known_gap_does_not_count(audit, tmp_path):
    for number in range(1, 31):
        put(tmp_path / f"MEAD/W033/front/contempt/level_1/{number:03d}.mp4", number, n_frames=12)
    only = {"emotions": ("contempt",), "levels": ("1",)}
    summary = audit(**only)
    assert summary.exit_code == 0 and summary.line().startswith("audit: complete (30 of 30 clips)")
    for number in range(17, 31):
        (tmp_path / f"MEAD/W033/front/contempt/level_1/{number:03d}.mp4").unlink()
    summary = audit(**only)  # W033's contempt of level 1 has 16 clips in the lists
    assert summary.exit_code == 0 and "14 known to be missing" in summary.line()
    (tmp_path / "MEAD/W033/front/contempt/level_1/016.mp4").unlink()
    summary = audit(**only)
    assert summary.exit_code == 3 and summary.facts["lacking"] == 15


def test_what_is_expected_follows_the_options(audit, good):
    def expected(**settings):
        cells = audit(**settings).facts["cells"]
        actors, views = {cell["actor"] for cell in cells}, {cell["view"] for cell in cells}
        return len(actors), views, sum(cell["expected"] for cell in cells)

    assert expected() == (1, {"front"}, 670)
    assert expected(actors=("M003", "W009")) == (2, {"front"}, 1340)
    assert expected(views=("front", "top")) == (1, {"front", "top"}, 1340)
    assert expected(emotions=("neutral",)) == (1, {"front"}, 40)
    assert expected(levels=("3",)) == (1, {"front"}, 210)
    assert expected(split="ned") == (4, {"front"}, 4 * (40 + 6 * 30))
    assert expected(all=True) == (48, {"front", "down"}, 48 * 670)  # W017 has the view from below only


def test_actors_that_are_not_asked_for_are_not_looked_at(audit, good, tmp_path):
    (tmp_path / "MEAD/W009/front/sad/level_1").mkdir(parents=True)
    (tmp_path / "MEAD/W009/front/sad/level_1/001.mp4").write_text("broken")
    assert ("unreadable", "W009/front/sad/level_1/001.mp4") in found(audit())
    assert found(audit(actors=("M003",))) == set()


def test_damage_inside_a_clip_is_found_by_decoding(audit, good):
    path = good / "003.mp4"
    content = bytearray(path.read_bytes())
    middle = len(content) * 2 // 5
    content[middle : middle + 1500] = bytes(1500)
    path.write_bytes(content)
    assert ("unreadable", f"{HAPPY}/003.mp4") in found(audit(deep=True))


def test_a_second_run_looks_at_what_changed(audit, good):
    audit()
    assert not audit(dry_run=True).planned
    assert len(audit(dry_run=True, force=True).planned) == 6
    assert len(audit(dry_run=True, deep=True).planned) == 6
    put(good / "002.mp4", 22)
    assert [name.rpartition("/")[2] for name in audit(dry_run=True).planned] == ["002.mp4"]
    first, second = audit().facts, audit().facts
    assert first == second
    audit(deep=True)
    assert not audit(dry_run=True).planned  # a thorough look serves a quick one


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_audit_keeps_what_it_saw(audit, good, workers):
    from mead_manip.stages.running.runner import SilentProgress

    class Interrupting(SilentProgress):
        def clips(self, items, total, description):
            for index, item in enumerate(items):
                if index == 3:
                    raise KeyboardInterrupt
                yield item

    with pytest.raises(KeyboardInterrupt):
        audit(Interrupting(), workers=workers)
    assert len(audit(dry_run=True).planned) <= 3


def test_a_torn_memory_is_made_again(audit, good, tmp_path):
    before = audit().facts
    memory = tmp_path / "work/audit/seen.jsonl"
    memory.write_bytes(memory.read_bytes()[:-40])
    assert len(audit(dry_run=True).planned) == 1
    assert audit().facts == before
    memory.write_text("nonsense\n" + memory.read_text())
    assert audit().facts == before and "nonsense" not in memory.read_text()


def test_the_report_is_json_and_the_page_stands_alone(audit, good, tmp_path):
    summary = audit(out=str(tmp_path / "page.html"))
    assert json.loads(json.dumps(summary.as_json()))["facts"]["cells"]
    page = (tmp_path / "page.html").read_text()
    assert summary.destination.endswith("page.html") and "6 of 670" in page


def test_the_command_ends_with_the_verdict_and_its_code(good, in_folder):
    from typer.testing import CliRunner

    from mead_manip.cli import app

    result = CliRunner().invoke(app, ["audit", "MEAD", "--quiet", "--out", "page.html"])
    assert result.exit_code == 3
    assert result.stdout == "audit: incomplete (6 of 670 clips) -> page.html\n"
    result = CliRunner().invoke(app, ["audit", "MEAD", "--json", "--actors", "W009"])
    record = json.loads(result.stdout)
    assert result.exit_code == record["exit_code"] == 3 and record["facts"]["lacking"] == 670


def test_a_path_that_is_no_tree(audit, tmp_path):
    from mead_manip.errors import InputMissing

    with pytest.raises(InputMissing, match="is no folder; expected a MEAD tree"):
        audit()
    (tmp_path / "MEAD").mkdir()
    summary = audit()
    assert summary.exit_code == 3 and "incomplete (no clip of MEAD" in summary.line()
