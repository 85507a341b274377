"""video + ManipulatorWeights -> video, on a rendered talking head and networks that have learned nothing."""

import json
from fractions import Fraction

import numpy as np
import pytest
from faces import talking_head
from toy_edit import RUN, toy_workspace, write_talk


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_talk(tmp_path_factory.mktemp("source") / "talk.mp4")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return toy_workspace(tmp_path_factory.mktemp("work"))


@pytest.fixture
def edit(workspace, video, tmp_path):
    from mead_manip.config import Common, EditConfig
    from mead_manip.stages import edit
    from mead_manip.stages.running.runner import SilentProgress

    def run(*, source=video, out=tmp_path / "out.mp4", force=False, dry_run=False, **settings):
        sources = source if isinstance(source, tuple) else (source,)
        config = EditConfig(
            video=tuple(map(str, sources)), out=out and str(out), **{"to": "happy", "run": RUN, **settings}
        )
        return edit.run(workspace, config, Common(), force=force, dry_run=dry_run, progress=SilentProgress()), out

    return run


def frames_of(path):
    from mead_manip.media.video import read_frames

    return [rgb for _, _, rgb in read_frames(path)]


def audio_packets(path):
    import av

    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_the_result_has_the_source_s_frames_rate_and_sound_and_another_face(edit, video):
    from mead_manip.media.video import probe

    summary, out = edit()

    assert summary.exit_code == 0 and summary.facts["frames"] == 24
    before, after = frames_of(video), frames_of(out)
    assert len(after) == len(before)
    assert probe(out).fps == probe(video).fps == Fraction(25000, 1001)
    assert audio_packets(out) == audio_packets(video)
    change = np.abs(np.stack(after).astype(int) - np.stack(before)).mean(axis=(0, 3))
    face = change[80:180, 80:180] if change.shape[0] > 200 else change
    assert face.max() > 8
    assert change[:10, :10].max() < 4  # a corner of the frame: only the encoder touched it


def test_a_recipe_lies_beside_it_and_makes_it_fresh(edit):
    first, out = edit()
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["frames"] == 24 and "edited" in recipe["note"]

    again, _ = edit()
    assert (first.done, again.fresh) == (["talk.mp4"], ["talk.mp4"])

    other, _ = edit(to="sad")
    assert other.done == ["talk.mp4"]


def test_a_video_that_somebody_changed_is_made_again(edit):
    _, out = edit()
    out.write_bytes(out.read_bytes()[:-10])

    assert edit()[0].done == ["talk.mp4"]


def test_a_dry_run_writes_nothing(edit):
    summary, out = edit(dry_run=True)

    assert summary.planned and not out.exists()


def test_side_by_side_is_twice_as_wide(edit, video):
    _, out = edit(side_by_side=True)

    before, after = frames_of(video), frames_of(out)
    width = before[0].shape[1]
    assert after[0].shape[1] == 2 * width
    assert np.abs(after[3][:, :width].astype(int) - before[3])[40:].mean() < 4  # below the title


def test_a_file_that_is_no_edit_of_ours_stays(edit, tmp_path):
    from mead_manip.errors import UsageError

    precious = tmp_path / "holiday.mp4"
    precious.write_bytes(b"not to be lost")

    with pytest.raises(UsageError, match="no edit of ours"):
        edit(out=precious)
    assert precious.read_bytes() == b"not to be lost"


def test_the_source_is_never_the_destination(edit, video):
    from mead_manip.errors import UsageError

    with pytest.raises(UsageError, match="source itself"):
        edit(out=video)


def test_an_unknown_run_names_those_that_exist(edit):
    from mead_manip.errors import InputMissing

    with pytest.raises(InputMissing, match=f"one of: {RUN}, builtin"):
        edit(run="missing")


def test_an_unknown_emotion_is_refused(edit):
    from mead_manip.errors import UsageError

    with pytest.raises(UsageError, match="emotion"):
        edit(to="hungry")


def test_a_video_without_a_face_is_refused_and_nothing_is_written(edit, tmp_path):
    from mead_manip.errors import MeadManipError
    from mead_manip.media.video import VideoWriter

    path = tmp_path / "wall.mp4"
    with VideoWriter(path, 128, 128, Fraction(30), comment="test") as writer:
        for _ in range(12):
            writer.write(np.full((128, 128, 3), 120, np.uint8))

    with pytest.raises(MeadManipError, match="no face"):
        edit(source=path)
    assert not (tmp_path / "out.mp4").exists()


def test_fewer_frames_than_a_window_are_refused(edit, tmp_path, video):
    from mead_manip.errors import MeadManipError
    from mead_manip.media.video import VideoWriter

    path = tmp_path / "short.mp4"
    frames = frames_of(video)[:6]
    with VideoWriter(path, frames[0].shape[1], frames[0].shape[0], Fraction(30), comment="test") as writer:
        for frame in frames:
            writer.write(frame)

    with pytest.raises(MeadManipError, match="10"):
        edit(source=path)


def test_a_recipe_repeats_the_coefficients_and_the_video(edit, video, tmp_path):
    from mead_manip.stages.editing.edit_recipe import plans_from

    _, out = edit(to="happy:0.6,sad:0.4", intensity=0.9, style_seed=4, start=0.2, from_emotion="neutral")
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert set(recipe["provenance"]["inputs"]) == {
        "manipulator_weights",
        "resting_faces",
        "face_track_1",
        "reconstruction_1",
    }
    assert recipe["settings"]["style_seed"] == 4

    again, copy = edit(source=(), to="", out=tmp_path / "again.mp4", recipe=str(out.with_suffix(".json")))

    assert again.exit_code == 0
    repeated = json.loads(copy.with_suffix(".json").read_text())
    assert plans_from(repeated) == plans_from(recipe) and repeated["key"] == recipe["key"]
    assert all(np.array_equal(a, b) for a, b in zip(frames_of(out), frames_of(copy), strict=True))
    early = [np.abs(a.astype(int) - b).max() for a, b in zip(frames_of(out)[:4], frames_of(video), strict=False)]
    assert max(early) < 60  # before --start: only the encoder


def test_a_recipe_with_other_weights_is_refused(edit, tmp_path):
    from mead_manip.errors import InputMissing

    _, out = edit()
    path = out.with_suffix(".json")
    recipe = json.loads(path.read_text())
    recipe["provenance"]["inputs"]["manipulator_weights"] = "0" * 16
    other = tmp_path / "other.json"
    other.write_text(json.dumps(recipe))
    with pytest.raises(InputMissing, match="manipulator weights"):
        edit(to="", recipe=str(other), out=tmp_path / "x.mp4")
    recipe = json.loads(path.read_text())
    recipe["provenance"]["stage_version"] -= 1
    other.write_text(json.dumps(recipe))
    with pytest.raises(InputMissing, match="by version"):
        edit(to="", recipe=str(other), out=tmp_path / "x.mp4")
    assert not (tmp_path / "x.mp4").exists()


def test_all_emotions_lie_in_one_video(edit, video):
    from mead_manip.media.video import read_comment

    _, out = edit(to="", grid=True)
    frame = frames_of(out)[5]
    height, width = frames_of(video)[0].shape[:2]
    assert frame.shape[:2] == (2 * height, 4 * width)
    tiles = [frame[r * height : (r + 1) * height, c * width : (c + 1) * width] for r in (0, 1) for c in range(4)]
    lit = [tile[height // 2 :].std() > 5 for tile in tiles]
    assert lit == [True] * 7 + [False]
    assert "surprised" in read_comment(out)


def test_a_picture_becomes_a_picture_that_differs_in_the_face_only(edit, video, tmp_path):
    from PIL import Image

    picture = tmp_path / "face.png"
    Image.fromarray(frames_of(video)[0]).save(picture)
    _, out = edit(source=picture, out=tmp_path / "happy.png", intensity=2.0)

    before, after = (np.asarray(Image.open(path)) for path in (picture, out))
    changed = (before != after).any(axis=2)
    assert after.shape == before.shape and changed.sum() > 100
    assert not changed[:8].any() and not changed[:, :8].any()
    assert "mead-manip" in Image.open(out).text["Comment"]
    assert json.loads((tmp_path / "happy.png.json").read_text())["frames"] == 1


def test_previews_and_styles_are_sheets(edit, tmp_path):
    from mead_manip.media.images import read_image

    _, strip = edit(preview=3, out=tmp_path / "preview.png")
    _, sheet = edit(styles=3, out=tmp_path / "styles.png")
    assert read_image(strip).shape[1] == 3 * 320 and read_image(sheet).shape[1] == 4 * 320
    assert read_image(strip).std() > 10 and read_image(sheet).std() > 10


def test_of_many_videos_one_may_fail(edit, video, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    summary, _ = edit(source=(broken, video), out=tmp_path / "{stem}_{emotion}{intensity}.mp4", intensity=0.5)
    assert summary.exit_code == 1 and list(summary.failures) == [str(broken)]
    assert summary.done == [str(tmp_path / "talk_happy0.5.mp4")] and (tmp_path / "talk_happy0.5.mp4").exists()


def test_at_intensity_nought_frames_are_the_source_s_bit_for_bit(edit, video):
    _, out = edit(intensity=0.0)
    from mead_manip.media.video import probe, read_decoded, writer_like

    plain = out.with_name("plain.mp4")
    info = probe(video)
    with writer_like(plain, info, comment="test") as writer:
        for _, pts, decoded in read_decoded(video):
            canvas = decoded.canvas(None)
            writer.write_frame(canvas.patched(canvas.rgb, info.colour), pts)
    assert all(np.array_equal(a, b) for a, b in zip(frames_of(plain), frames_of(out), strict=True))


def test_trim_keeps_frames_and_sound_of_the_part(edit, video):
    from mead_manip.media.video import probe

    summary, out = edit(start=0.2, end=0.6, trim=True)
    assert summary.facts["frames"] == len(frames_of(out)) == 10  # at 25 frames/s
    assert 0 < len(audio_packets(out)) < len(audio_packets(video))
    assert probe(out).fps == probe(video).fps


def test_a_face_that_is_not_there_and_a_late_start_are_refused(edit):
    from mead_manip.errors import MeadManipError, UsageError

    with pytest.raises(MeadManipError, match="--face 1 to 1"):
        edit(face=2)
    with pytest.raises(UsageError, match="ends at 0.9"):
        edit(start=9.0)


def test_another_video_is_the_reference(edit, video):
    _, out = edit(to="", reference=str(video))
    plan = json.loads(out.with_suffix(".json").read_text())["plans"]["1"]
    assert len(plan["passages"][0]["style"]["code"]) == 16


def test_time_stamps_of_a_variable_rate_and_a_turned_picture_are_kept(edit, video, tmp_path):
    import av

    from mead_manip.media.video import VideoWriter, probe, read_times

    stamps = np.cumsum([40 + 20 * (k % 3) for k in range(24)]).tolist()
    upright = frames_of(video)
    plain, turned = tmp_path / "plain.mp4", tmp_path / "turned.mp4"
    with VideoWriter(plain, *upright[0].shape[:2], Fraction(20), time_base=Fraction(1, 1000), comment="test") as writer:
        for frame, stamp in zip(upright, stamps, strict=True):
            writer.write(np.ascontiguousarray(np.rot90(frame, -1)), stamp)
    with av.open(str(plain)) as source, av.open(str(turned), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    assert np.abs(frames_of(turned)[0].astype(int) - upright[0]).mean() < 10
    assert probe(turned).rotation % 180 == 90

    summary, out = edit(source=turned, out=tmp_path / "edited.mp4")

    assert summary.exit_code == 0
    assert np.allclose(read_times(out), read_times(turned), atol=1e-3)
    assert np.abs(np.stack(frames_of(out)).astype(int) - np.stack(frames_of(turned))).mean() < 10


def test_two_faces_get_an_emotion_each(edit, tmp_path):
    from faces import write_clip

    left, right = (talking_head(person=person)[0] for person in (0, 4))
    film = write_clip(tmp_path / "two.mp4", [np.concatenate(pair, axis=1) for pair in zip(left, right, strict=True)])

    def changed(name, to):
        _, out = edit(source=film, to=to, out=tmp_path / name, intensity=2.0)
        change = np.abs(np.stack(frames_of(out)).astype(int) - np.stack(frames_of(film))).mean(axis=(0, 3))
        # Far more than the encoder does.
        return change[:, :160].max() > 25, change[:, 160:].max() > 25

    assert changed("both.mp4", "1=angry,2=happy") == (True, True)
    assert sorted(changed("one.mp4", "2=happy")) == [False, True]
    recipe = json.loads((tmp_path / "both.json").read_text())
    assert [plan["passages"][0]["style"]["blend"] for plan in recipe["plans"].values()] == [
        {"angry": 1.0},
        {"happy": 1.0},
    ]
