"""What films say: captions that can be read, and the engines that will speak."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from cloning_installs import install_gpt_sovits
from test_voice_engines import clone
from voice_studio import VoiceStudio, voice_studio

from backends.voice.wav import read_wav
from configs.settings import load_settings
from tools.film.assemble import spoken_captions
from tools.film.make_film import MakeFilm, MakeFilmArgs
from tools.film.production import Voice
from tools.film.reading import read_story
from tools.film.shot import Line

LONG = "Well, I never thought that we would really find the old lighthouse again after so many years of looking for it."


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    folder = tmp_path_factory.mktemp("speech")
    install_gpt_sovits(folder / "warehouse")
    memory = {"index": "numpy", "embedder": "letters"}
    settings = load_settings(home=folder / "home", warehouse=folder / "warehouse", brain="offline", memory=memory)
    with voice_studio(settings) as made:
        clone(made, "Rita", 220.0, engine="gpt_sovits")
        yield made


def _voices(studio: VoiceStudio, *lines: tuple[str, str]) -> list[Voice]:
    voices = []
    for number, (who, text) in enumerate(lines):
        _, asset = studio.made("speak", text=text, character=who, engine="espeak", language="en")
        samples, rate = read_wav(studio.file(asset))
        line = Line(character=who, text=text)
        voices.append(Voice("shot-1", number, line, asset, len(samples) / rate, None, ()))
    return voices


def test_captions_of_a_film_can_be_read_and_never_overlap(studio: VoiceStudio) -> None:
    voices = _voices(studio, ("Luca", LONG), ("Nino", "Look!"), ("Luca", "Where?"), ("Nino", "There, by the sea."))
    spans, at = [], 0.3
    for voice in voices:
        spans.append((at, at + voice.seconds))
        at += voice.seconds + 0.05
    total = round(at + 0.1, 3)
    shown = spoken_captions(voices, spans, total)
    assert all(one.end <= two.start for one, two in pairwise(shown)) and shown[-1].end <= total
    for one in shown:
        rows = one.text.split("\n")
        assert len(rows) <= 2 and all(len(row) <= 42 for row in rows) and one.end - one.start <= 7.0
    words = " ".join(" ".join(one.text.split()) for one in shown)
    assert words.replace("- ", "") == " ".join(voice.line.text for voice in voices)
    assert any(one.text == "- Look!\n- Where?" for one in shown)  # too short to be read one after the other
    assert shown[0].start == pytest.approx(0.3, abs=0.01) and len(shown[0].text) < len(LONG)


def test_subtitles_of_a_film_tell_who_speaks(studio: VoiceStudio) -> None:
    voices = _voices(
        studio, ("Luca", "Where is the lamp?"), ("Nino", "It is there, by the sea."), ("Nino", "Look at it.")
    )
    spans = [(index * 3.0, index * 3.0 + voice.seconds) for index, voice in enumerate(voices)]
    named = [one.text for one in spoken_captions(voices, spans, 9.0, "changes")]
    assert named == ["Luca: Where is the lamp?", "Nino: It is there, by the sea.", "Look at it."]


def test_a_film_whose_lines_are_kept_needs_no_voice_engine(studio: VoiceStudio) -> None:
    args = MakeFilmArgs(story='Luca walks on the beach. Luca says "We will keep this line for ever and ever."')
    fresh = MakeFilm().forecast(args, studio.studio).seconds
    assert "espeak" in MakeFilm().uses(args, studio.studio)
    story = read_story(args.story, [], "en")
    (line,) = [beat.line for beat in story.beats if beat.line is not None]
    studio.made("speak", text=line.text, character="Luca", emotion=line.emotion, language=line.language)
    assert "espeak" not in MakeFilm().uses(args, studio.studio)
    assert MakeFilm().forecast(args, studio.studio).seconds < fresh


def test_a_film_counts_the_engines_that_will_speak_its_lines(studio: VoiceStudio) -> None:
    args = MakeFilmArgs(story="Luca and Rita meet at the beach. LUCA: Hello! RITA: Hi, Luca, how are you today?")
    assert {"espeak", "gpt_sovits"} <= MakeFilm().uses(args, studio.studio)
    alone = MakeFilmArgs(story="Luca walks on the beach. LUCA: Hello!")
    assert "gpt_sovits" not in MakeFilm().uses(alone, studio.studio)
    board = {"title": "x", "story": "x", "seconds": 3, "shots": [
        {"id": "shot-1", "lines": [{"character": "Rita", "text": "Hi there."}]}]}  # fmt: skip
    assert "gpt_sovits" in MakeFilm().uses(MakeFilmArgs(story="x", storyboard=board), studio.studio)
    longer = MakeFilmArgs(story=args.story + " RITA: " + "I could talk for ever. " * 40)
    assert MakeFilm().forecast(longer, studio.studio).seconds > MakeFilm().forecast(args, studio.studio).seconds + 5
