"""Shots for other programs, read back: every list conforms the film onto itself, frame for frame."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from made_record import MIX, SHOT_FRAMES, made_record, made_shot
from media_fixtures import make_video

from backends.vision.record import FilmRecord
from configs.errors import StudioError
from tools.analysis.cutting import cut_events, edge_fades, one_line, reel_name, start_timecode
from tools.analysis.exports import csv_text, export_shots
from tools.analysis.exports_edl import edl_text
from tools.analysis.timecode import FrameRate, clock

NTSC = 30000 / 1001
EVENT = re.compile(r"^(\d{3,}) +(\S+) +V +(C|D|W\d{3}) +(\d{3})? *((?:\d\d:\d\d:\d\d[:;]\d\d ?){4})$")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("exports") / "A film.mp4", 2.0, sound=False)


@pytest.mark.parametrize("fps", [23.976, 24, 25, NTSC, 30, 50, 60000 / 1001])
def test_timecode_agrees_with_opentimelineio(fps: float) -> None:
    import opentimelineio as otio

    rate = FrameRate.of(fps)
    for frame in (0, 1, 29, 30, 1799, 1800, 1801, 3597, 3598, 17981, 17982, 17983, 107892, 1_000_003):
        time = otio.opentime.RationalTime(frame, float(rate.exact))
        assert rate.timecode(frame) == otio.opentime.to_timecode(time, float(rate.exact))
        assert rate.frame_of(rate.timecode(frame)) == frame


def test_drop_frame_numbers_skip_two_a_minute_but_not_the_tenth() -> None:
    rate = FrameRate.of(29.97)
    assert rate.drop and [rate.timecode(f) for f in (1799, 1800, 17981, 17982)] == [
        "00:00:59;29", "00:01:00;02", "00:09:59;29", "00:10:00;00",
    ]  # fmt: skip
    assert not FrameRate.of(23.976).drop and FrameRate.of(23.98).exact == FrameRate.of(23.976).exact
    for wrong in ("00:01:00;00", "00:00:61:00", "nothing", "00:00:00:30"):
        with pytest.raises(ValueError, match="timecode"):
            rate.frame_of(wrong)


def test_rates_that_tape_did_not_know_still_count() -> None:
    assert FrameRate.of(12).timecode(25) == "00:00:02:01"
    assert FrameRate.of(0).nominal == 25 and FrameRate.of(float("nan")).nominal == 25
    assert [clock(7.26), clock(59.96), clock(3723.5), clock(61.5, 2), clock(0.4, 0)] == [
        "0:07.3", "1:00.0", "1:02:03.5", "1:01.50", "0:00",
    ]  # fmt: skip


def events_of(text: str) -> list[tuple[int, str, str, int, list[str]]]:
    """Number, reel, kind, length and the four times of each line."""
    found = []
    for line in text.splitlines():
        if line[:1].isdigit():
            match = EVENT.match(line.rstrip())
            assert match, line
            found.append((int(match[1]), match[2], match[3], int(match[4] or 0), match[5].split()))
    return found


@pytest.mark.parametrize("fps", [24.0, 25.0, 23.976, NTSC])
def test_edl_conforms_the_film_onto_itself(fps: float) -> None:
    record, rate = made_record(9, fps=fps), FrameRate.of(fps)
    text, lost = edl_text(record)
    lines = events_of(text)
    assert text.splitlines()[1] == f"FCM: {'DROP FRAME' if fps == NTSC else 'NON-DROP FRAME'}"
    position = 0
    for _, reel, _, _, times in lines:
        source_in, source_out, record_in, record_out = (rate.frame_of(time) for time in times)
        assert (source_in, source_out) == (record_in, record_out) and reel == "A_FILM"
        assert record_in == position
        position = record_out
    assert position == record.film.frames
    mixes = [(kind, length) for _, _, kind, length, _ in lines if kind != "C"]
    assert mixes == [("D", MIX), ("D", MIX), ("W001", MIX), ("D", MIX), ("D", MIX), ("W001", MIX)]
    assert [number for number, *_ in lines] == [1, 2, 3, 3, 4, 4, 5, 5, 6, 7, 7, 8, 8, 9, 9]
    assert (
        any("Fades between shots (2)" in sentence for sentence in lost)
        and "* COMMENT: FADE THROUGH BLACK, 12 FRAMES" in text
    )
    assert f"* LOC: {rate.timecode(rate.frame_at(record.shots[1].coherence.faults[0].seconds[0]))} RED" in text


def test_a_transition_begins_where_it_was_found() -> None:
    record = made_record(3)
    event = cut_events(record, FrameRate.of(24))[2]
    assert (event.mix_first, event.first, event.mix_last) == (2 * SHOT_FRAMES - 6, 2 * SHOT_FRAMES, 2 * SHOT_FRAMES + 6)


def with_edge_fades(record: FilmRecord) -> FilmRecord:
    """The film fades in over its first 12 frames and out over its last 12."""
    fade = record.transitions[0].model_copy(update={"kind": "fade", "frames": 12, "end": 0.5})
    end = record.film.frames - 12
    first = fade.model_copy(update={"first_frame": 0, "start": 0.0, "detail": "from black"})
    last = fade.model_copy(update={"first_frame": end, "start": end / 24, "end": (end + 12) / 24, "detail": "to black"})
    return record.model_copy(update={"transitions": (first, *record.transitions, last)})


def test_fades_at_the_films_ends_join_no_shots() -> None:
    record = with_edge_fades(made_record(3))
    assert [change.detail for change in edge_fades(record)] == ["from black", "to black"]
    plain, faded = (cut_events(one, FrameRate.of(24)) for one in (made_record(3), record))
    assert plain == faded
    text, lost = edl_text(record)
    assert "FADE FROM BLACK, 12 FRAMES" in text and "FADE TO BLACK, 12 FRAMES" in text
    assert any("film's ends (2)" in sentence for sentence in lost)
    single = with_edge_fades(made_record(1).model_copy(update={"transitions": made_record(2).transitions}))
    assert len(cut_events(single, FrameRate.of(24))) == 1


def test_edl_is_read_by_the_adapter_of_opentimelineio() -> None:
    import opentimelineio as otio

    record = made_record(9)
    back = otio.adapters.read_from_string(edl_text(record)[0], adapter_name="cmx_3600", rate=24)
    assert len(list(back.find_clips())) == 9 and back.duration().value == record.film.frames


def test_edl_keeps_to_its_limits(film: Path) -> None:
    record = made_record(2, name='ÇA\nTITLE: other "file" ' + "x" * 300 + ".mp4", fps=12.0)
    text, lost = edl_text(record)
    assert all(line.isascii() for line in text.splitlines())
    assert sum(line.startswith("TITLE:") for line in text.splitlines()) == 1
    assert any("counts 12" in sentence for sentence in lost)
    many = record.model_copy(update={"shots": tuple(made_shot(at) for at in range(1001)), "transitions": ()})
    assert any("1001 events" in sentence for sentence in edl_text(many)[1])
    assert edl_text(record.model_copy(update={"shots": (), "transitions": ()}))[0].startswith("TITLE:")


@pytest.mark.parametrize(
    ("name", "reel"),
    [
        ("Summer night 2.mp4", "SUMMER_N"), ("bl.mov", "BL_1"), ("ax.mov", "AX_1"), ("夏.mp4", "FILM"),
        ("__.mp4", "FILM"), ("Città.mp4", "CITTA"), ("a b-c.d.mp4", "A_B_C_D"),
    ],
)  # fmt: skip
def test_reel_names(name: str, reel: str) -> None:
    assert reel_name(name) == reel


def test_one_line_holds_no_control_characters() -> None:
    assert one_line("a\r\nb\u2028c\x00d\te") == "a b c d e" and len(one_line("x" * 500)) == 200


def test_otio_comes_back_with_its_transitions_and_facts(film: Path, tmp_path: Path) -> None:
    import opentimelineio as otio

    record, out = made_record(9, name="Città #1.mp4"), tmp_path / "shots.otio"
    lost = export_shots(record, "otio", out, film=film)
    line = otio.adapters.read_from_file(str(out))
    track = line.tracks[0]
    clips = list(line.find_clips())
    assert len(line.tracks) == 1 and len(clips) == 9
    assert track.trimmed_range().duration == otio.opentime.RationalTime(record.film.frames, 24)
    assert [clip.source_range.start_time.value for clip in clips] == [at * SHOT_FRAMES for at in range(9)]
    assert clips[0].media_reference.target_url == quote(film.name)  # the file beside it, whatever the film is called
    assert clips[0].media_reference.available_range.duration.value == record.film.frames
    joins = [item for item in track if isinstance(item, otio.schema.Transition)]
    assert [(j.in_offset.value, j.out_offset.value) for j in joins] == [(6, 6)] * 6
    assert [j.metadata["studio"]["transition"]["kind"] for j in joins[:3]] == ["dissolve", "fade", "wipe"]
    assert joins[0].transition_type == otio.schema.TransitionTypes.SMPTE_Dissolve
    assert joins[1].transition_type == otio.schema.TransitionTypes.Custom
    fault = next(marker for marker in clips[1].markers if "fault" in marker.metadata["studio"])
    assert fault.marked_range.start_time.value == SHOT_FRAMES + 12
    assert [m.name for c in clips for m in c.markers if m.name.startswith("Scene")] == [
        f"Scene {at}" for at in range(1, 6)
    ]
    shot = FilmRecord.model_validate(record.model_dump()).shots[1]
    assert type(shot).model_validate_json(json.dumps(_plain(clips[1].metadata["studio"]["shot"]))) == shot
    assert _plain(line.metadata["studio"]["film_record"])["film"]["name"] == record.film.name
    assert any("custom transitions" in sentence for sentence in lost)


def _plain(data: object) -> object:
    import opentimelineio as otio

    if isinstance(data, otio._otio.AnyDictionary):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, otio._otio.AnyVector):
        return [_plain(value) for value in data]
    return data


def test_the_films_own_timecode_is_kept(tmp_path: Path) -> None:
    import av
    import opentimelineio as otio

    path = tmp_path / "with.mov"
    with av.open(str(path), "w", format="mov") as container:
        container.metadata["timecode"] = "01:00:00:00"
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame(64, 36, "yuv420p")))
        container.mux(stream.encode(None))
    rate = FrameRate.of(24)
    assert start_timecode(path, rate) == 24 * 3600 and start_timecode(tmp_path / "none.mp4", rate) == 0
    record = made_record(2)
    export_shots(record, "edl", tmp_path / "a.edl", film=path)
    first = events_of((tmp_path / "a.edl").read_text())[0][4]
    assert first == ["01:00:00:00", "01:00:02:00", "00:00:00:00", "00:00:02:00"]
    export_shots(record, "otio", tmp_path / "a.otio", film=path)
    clip = next(iter(otio.adapters.read_from_file(str(tmp_path / "a.otio")).find_clips()))
    assert clip.media_reference.available_range.start_time.value == 86400 == clip.source_range.start_time.value


def test_csv_is_one_row_per_shot_and_runs_no_formula(film: Path, tmp_path: Path) -> None:
    hostile = made_shot(0, text='=HYPERLINK("http://x")', words=())
    record = made_record(3)
    record = record.model_copy(update={"shots": (hostile, *record.shots[1:])})
    assert export_shots(record, "csv", tmp_path / "s.csv", film=film)
    raw = (tmp_path / "s.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert len(rows) == 3 and rows[0]["text"].startswith("'=")
    assert rows[1]["timecode_in"] == "00:00:02:00" and rows[2]["transition"] == "dissolve"
    assert float(rows[1]["loudness_lufs"]) == -21.0 and rows[1]["faults"] == "flicker 1.70 at 2.500 s"
    assert rows[1]["camera"] == "pan" and rows[1]["direction"] == "left" and rows[2]["transition_frames"] == "12"


def test_json_is_the_whole_record(film: Path, tmp_path: Path) -> None:
    record = made_record()
    assert export_shots(record, "json", tmp_path / "r.json", film=film) == []
    assert FilmRecord.model_validate_json((tmp_path / "r.json").read_text()) == record


def test_html_takes_its_pictures_from_the_film(film: Path, tmp_path: Path) -> None:
    record = made_record(1)
    lost = export_shots(record, "html", tmp_path / "r.html", film=film)
    page = (tmp_path / "r.html").read_text()
    assert page.count("data:image/jpeg;base64,") > 20 and "choose it" in lost[0]


def test_varying_rates_are_counted_by_the_clock() -> None:
    record = made_record(3, vfr=True)
    moved = record.shots[1].model_copy(update={"start": 2.5, "first_frame": 40})
    record = record.model_copy(update={"shots": (record.shots[0], moved, record.shots[2]), "transitions": ()})
    assert [event.first for event in cut_events(record, FrameRate.of(24))] == [0, 60, 96]
    assert any("varies" in sentence for sentence in edl_text(record)[1])
    assert "00:00:02:12" in csv_text(record)


def test_nothing_half_written_is_left(film: Path, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="cannot be written"):
        export_shots(made_record(), "json", tmp_path / "no" / "r.json", film=film)
    (tmp_path / "taken").mkdir()
    with pytest.raises(StudioError, match="cannot be written"):
        export_shots(made_record(), "csv", tmp_path / "taken", film=film)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    with pytest.raises(ValueError, match="no export"):
        export_shots(made_record(), "avi", tmp_path / "x", film=film)  # type: ignore[arg-type]
