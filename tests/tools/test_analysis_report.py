"""The page of a film: whole, self-contained, and deaf to what names and words try."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_record import made_record, made_shot

from backends.sound.result import ShotSound, SoundSegment, Words
from backends.vision.composition.result import Colour, Composition
from backends.vision.record import FilmRecord
from tools.analysis.phrases import camera_words, move_words, sound_words, without_folders
from tools.analysis.report import PICTURE_BYTES, report_html, telling, write_report

HOSTILE = """</script><img src=x onerror="alert(1)"><svg/onload=alert(2)>'"--></style>{{ 7 * 7 }}"""


class Page(HTMLParser):
    """Elements with their attributes, text by element, and the contents of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.raw:
            self._inside = tag
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.raw[self._inside][-1] += data
        else:
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def pictures(count: int, size: tuple[int, int] = (90, 160)) -> list[np.ndarray]:
    pick = np.random.default_rng(1)
    return [pick.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


def page_of(record: FilmRecord, film_url: str = "") -> Page:
    return Page(report_html(record, pictures(len(record.shots)), pictures(12), film_url))


def test_every_part_of_the_record_is_on_the_page() -> None:
    record = made_record()
    page = page_of(record, "A%20film.mp4")
    text = " ".join(" ".join(page.texts).split())
    for told in (
        "A film.mp4", "24 fps", "-21.5 LUFS", "120 bpm", "slow pan left", "CU close-up", "navy",
        "flickering light", "1.7 times its mark", "Line 2, said aloud", "Two frames are damaged", "through black",
        "AdaptiveDetector", "no encoder is installed", "no recogniser", "00:00:02:00", "0:02.50",
    ):  # fmt: skip
        assert told in text, told
    rows = [attrs for attrs in page.all("tr") if attrs.get("id", "") and attrs["id"].startswith("shot-")]
    assert [row["data-t"] for row in rows] == ["0.0", "2.0", "4.0", "6.0", "8.0"]
    kinds = [attrs["class"] for attrs in page.all("g") if (attrs.get("class") or "").startswith("join")]
    assert kinds == ["join cut", "join dissolve", "join fade", "join wipe"]
    lanes = [attrs["data-lane"] for attrs in page.all("g") if "data-lane" in attrs]
    assert lanes == [
        "ruler", "scenes", "strip", "joins", "shots", "camera", "colours", "motion", "luma", "level", "heard", "beats",
        "faults",
    ]  # fmt: skip
    assert page.all("video")[0]["src"] == "A%20film.mp4"


def test_it_asks_nobody_and_runs_only_its_own_script() -> None:
    page = page_of(made_record(), "film.mp4")
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for kind in ("script", "style"):
        hashed = re.search(rf"{kind}-src 'sha256-([^']+)'", policy)
        assert hashed and hashed[1] == base64.b64encode(hashlib.sha256(page.raw[kind][-1].encode()).digest()).decode()
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            assert not name.startswith("on") and name != "style", (tag, name)
            if name in ("src", "href", "poster"):
                assert (value or "").startswith(("data:image/jpeg;base64,", "#", "film.mp4")), (tag, value)
    assert [a.get("type") for a in page.all("script")] == ["application/json", None]


def test_hostile_names_and_words_stay_words() -> None:
    plain = page_of(made_record(2))
    shot = made_shot(
        0, text=HOSTILE, text_by=HOSTILE, words=(Words(start=0, end=1, text=HOSTILE, by=HOSTILE),),
        composition=Composition(scale_reason=HOSTILE, colours=(Colour(name=HOSTILE, hex='"/><script>', share=1.0),)),
    )  # fmt: skip
    record = made_record(2, name=f"{HOSTILE}.mp4")
    record = record.model_copy(
        update={
            "shots": (shot, record.shots[1]), "warnings": (HOSTILE,), "methods": {HOSTILE: HOSTILE},
            "not_measured": {HOSTILE: HOSTILE},
        }
    )  # fmt: skip
    page = page_of(record)

    def made_of(page: Page) -> set[str]:
        return {tag for tag, _ in page.tags}

    assert made_of(page) == made_of(plain) and len(page.all("script")) == 2 == len(page.raw["script"])
    assert len(page.all("img")) <= len(plain.all("img"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.raw["script"][1] == plain.raw["script"][1] and page.raw["style"] == plain.raw["style"]
    assert " ".join(page.texts).count(HOSTILE) >= 8
    assert json.loads(page.raw["script"][0])["seconds"] == 4.0


@pytest.mark.parametrize(
    "address", ["https://x.org/a.mp4", "//x.org/a.mp4", "javascript:alert(1)", "file:///etc/passwd", "\\\\x\\a.mp4"]
)
def test_the_film_lies_beside_the_page_or_is_chosen(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="beside the page"):
        write_report(made_record(1), tmp_path / "r.html", keyframes=[], strip=[], film_url=address)
    assert not list(tmp_path.iterdir())


def test_odd_addresses_are_quoted_and_without_one_a_file_is_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    write_report(made_record(1), out, keyframes=[], strip=[], film_url='a "b" #1.mp4')
    assert Page(out.read_text()).all("video")[0]["src"] == "a%20%22b%22%20%231.mp4"
    write_report(made_record(1), out, keyframes=[], strip=[])
    page = Page(out.read_text())
    assert "src" not in page.all("video")[0] and page.all("input")[0]["type"] == "file"
    chooser = next(attrs for attrs in page.all("div") if attrs.get("id") == "chooser")
    assert "hidden" not in chooser


@pytest.mark.parametrize("shots", [100, 600])
def test_a_long_film_stays_a_small_page(shots: int, tmp_path: Path) -> None:
    """Noise is the worst that JPEG can get; the pictures of films take a fifth of it."""
    out = tmp_path / "r.html"
    write_report(made_record(shots), out, keyframes=pictures(shots), strip=pictures(48))
    assert out.stat().st_size < 3_000_000 + 3_000 * shots
    coded = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="" loading', out.read_text())
    assert sum(map(len, coded[:shots])) * 3 / 4 <= PICTURE_BYTES


def test_what_was_not_measured_is_not_shown_as_zero() -> None:
    record = made_record(2)
    bare = tuple(
        shot.model_copy(update={"camera": None, "composition": None, "coherence": None, "sound": None, "words": ()})
        for shot in record.shots
    )
    record = record.model_copy(update={"shots": bare, "sound": None, "curves": type(record.curves)()})
    page = page_of(record)
    assert [a["data-lane"] for a in page.all("g") if "data-lane" in a] == ["ruler", "strip", "joins", "shots"]
    assert sum(text.strip() == "not measured" for text in page.texts) == 10
    assert "holds together?" not in " ".join(page.texts).lower()


def test_a_film_of_one_picture_and_one_without_shots_make_a_page() -> None:
    assert page_of(made_record(1)).all("tr")
    empty = made_record(1).model_copy(update={"shots": (), "transitions": (), "scenes": ()})
    assert Page(report_html(empty, [], [], "")).all("video")


def test_fades_at_the_ends_are_shown_where_they_are() -> None:
    record = made_record(2)
    fade = record.transitions[0].model_copy(update={"kind": "fade", "frames": 12, "first_frame": 0, "start": 0.0})
    last = fade.model_copy(update={"first_frame": 84, "start": 3.5, "end": 4.0, "detail": "to black"})
    ends = (fade.model_copy(update={"end": 0.5, "detail": "from black"}), *record.transitions, last)
    page = page_of(record.model_copy(update={"transitions": ends}))
    kinds = [attrs["class"] for attrs in page.all("g") if (attrs.get("class") or "").startswith("join")]
    assert kinds == ["join fade", "join cut", "join fade"]
    told = [text.strip() for text in page.texts]
    assert "fade, 12 frames, from black" in told and "fade, 12 frames, to black" not in told


def test_silence_is_no_number_that_json_lacks() -> None:
    record = made_record(1)
    assert record.sound is not None
    sound = record.sound.model_copy(update={"curve_dbfs": (float("-inf"),) * 10, "loudness_lufs": None})
    page = page_of(record.model_copy(update={"sound": sound}))
    assert min(json.loads(page.raw["script"][0])["curves"]["level"]) == -120 and "silent" in page.texts


def test_pictures_must_be_as_many_as_shots(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 pictures for 2 shots"):
        write_report(made_record(2), tmp_path / "r.html", keyframes=pictures(3), strip=[])


def test_moves_are_told_as_an_editor_would() -> None:
    camera = made_shot(0).camera
    assert camera is not None and camera_words(camera) == "slow pan left"
    part = camera.segments[0]
    assert move_words(part.model_copy(update={"speed": 0.6})) == "fast pan left"
    assert move_words(part.model_copy(update={"move": "zoom_or_push", "direction": "in"})) == "push-in or zoom in"
    still = part.model_copy(update={"move": "static", "direction": "", "speed": 0.0})
    mixed = camera.model_copy(update={"move": "mixed", "segments": (part, still)})
    assert camera_words(mixed) == "slow pan left, then static camera" and camera_words(None) == ""


def test_sounds_have_one_name_in_legend_table_and_timeline() -> None:
    record = made_record(2)
    assert record.sound is not None
    part = SoundSegment(start=0, end=4, label="noise", confidence=0.9)
    heard = ShotSound(loudness_lufs=-31.0, label="noise", speech_share=0.2)
    shots = tuple(shot.model_copy(update={"sound": heard}) for shot in record.shots)
    sound = record.sound.model_copy(update={"segments": (part,)})
    page = page_of(record.model_copy(update={"shots": shots, "sound": sound}))
    told = [text.strip() for text in page.texts]
    assert "other sounds" in told and "other sounds, 0:00.0 to 0:04.0, 90 % sure" in told
    assert told.count("other sounds, some speech, -31.0 LUFS") == 2
    assert not any("noise" in text for text in told)
    assert sound_words(heard.model_copy(update={"speech_share": 0.09})) == "other sounds, -31.0 LUFS"
    assert sound_words(ShotSound(label="speech+music", speech_share=0.9)) == "speech and music"


def test_the_poster_is_a_picture_that_shows_something() -> None:
    def flat(level: int) -> np.ndarray:
        return np.full((9, 16, 3), level, np.uint8)

    def level(*levels: int) -> int:
        return int(telling([flat(one) for one in levels])[0, 0, 0])

    assert level(5, 90, 120, 200) == 120, "the middle shot's"
    assert level(5, 90, 10, 200) == 90, "else the first that is not dark"
    assert (level(5, 20, 10), level(3)) == (20, 3), "else the brightest"
    black = [flat(0), flat(200), flat(0)]
    page = Page(report_html(made_record(3), black, [], "film.mp4"))
    import cv2

    poster = (page.all("video")[0]["poster"] or "").removeprefix("data:image/jpeg;base64,")
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(poster), np.uint8), cv2.IMREAD_COLOR)
    assert shown.mean() > 190
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert "img-src data:" in policy
    assert "poster" not in Page(report_html(made_record(1), [], [], "")).all("video")[0]


def test_a_text_of_measurements_does_not_fill_the_table() -> None:
    record = made_record(3)
    shots = (
        record.shots[0],
        record.shots[1].model_copy(update={"text_by": "a model"}),
        record.shots[2].model_copy(update={"words": ()}),
    )
    page = page_of(record.model_copy(update={"shots": shots}))
    assert [a.get("class") for a in page.all("p") if a.get("class") in (None, "measured")].count("measured") == 2
    (table,) = (a for a in page.all("table") if a.get("id") == "shots")
    assert "class" not in table and "#shots .measured" in page.raw["style"][0]
    silent = tuple(shot.model_copy(update={"words": ()}) for shot in record.shots)
    page = page_of(record.model_copy(update={"shots": silent}))
    (table,) = (a for a in page.all("table") if a.get("id") == "shots")
    assert table["class"] == "wordless", "a column that repeats the others is left out"


def test_an_editor_reads_no_folders_and_no_configuration_files() -> None:
    record = made_record(2)
    why = {"words": "the recogniser has no weights here (/home/ada/ai/models/whisper-small lacks model.bin)"}
    look = Composition(scale_reason="nobody: there are no .onnx files in /srv/warehouse/buffalo_l")
    shots = tuple(shot.model_copy(update={"composition": look}) for shot in record.shots)
    page = page_of(record.model_copy(update={"not_measured": why, "shots": shots}))
    read = " ".join([*page.texts, *(a.get("title") or "" for _, a in page.tags)])
    assert "(whisper-small lacks model.bin)" in read and "no .onnx files in buffalo_l" in read
    assert not re.search(r"/home|/srv|\.yaml|configs/", read)
    assert without_folders("24/25 of them, http://localhost:80/v1/models, and/or") == (
        "24/25 of them, http://localhost:80/v1/models, and/or"
    )
