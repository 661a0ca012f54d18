"""Reading a line: what is spoken, what is a sound, what is a direction; and which language it is in."""

from __future__ import annotations

import numpy as np
import pytest

from backends.voice.emotions.prosody import prosody
from backends.voice.sounds import render_sounds
from backends.voice.texts.language import detect_language, language_tag
from backends.voice.texts.script import Segment, read_line, sounds_lexicon, speakable
from configs.errors import UsageError


def _shape(segments: tuple[Segment, ...]) -> list[str]:
    return [f"~{segment.sound}" if segment.kind == "sound" else segment.text for segment in segments]


@pytest.mark.parametrize(
    ("text", "species", "expected"),
    [
        ("beep boop", "robot", ["~beep", "~boop"]),
        ("beep boop", "human", ["beep boop"]),
        ("Beeeeep!", "robot", ["~beep"]),
        ("*beeps*", "robot", ["~beep"]),
        ("*beeps happily* Hello!", "robot", ["~beep", "Hello!"]),
        ("(emette un bip)", "robot", ["~beep"]),
        ("Hello, bip, Luca.", "robot", ["Hello,", "~beep", "Luca."]),
        ("Click click", "robot", ["~click", "~click"]),
        ("Click the button", "robot", ["Click the button"]),
        ("Meow!", "cat", ["~meow"]),
        ("Woof woof", "dog", ["~woof", "~woof"]),
        ("Woof woof", "robot", ["Woof woof"]),
        ("*laughs* Come on!", "human", ["Ha ha ha!", "Come on!"]),
        ("*smiles* Come on!", "human", ["Come on!"]),
        ("(sadly) Goodbye.", "human", ["Goodbye."]),
        ("I am *really* sorry", "human", ["I am  really  sorry"]),
        ("Wait (if you can) here", "human", ["Wait (if you can) here"]),
        ("😀 Hi 🎉", "human", ["Hi"]),
        ("😀", "human", []),
        ("...", "human", []),
        ("", "robot", []),
    ],
)
def test_reading(text: str, species: str, expected: list[str]) -> None:
    assert _shape(read_line(text, species)) == expected


def test_laughter_follows_the_language() -> None:
    assert read_line("*ride*", "human", "it")[0].text == "Ah ah ah!"


def test_drawn_out_sounds_last_longer() -> None:
    short, long = read_line("beep", "robot")[0], read_line("beeeeeeep", "robot")[0]
    lengths = [len(render_sounds([s], "robot", 0.0, prosody("neutral"), 22050, 1)[0]) for s in (short, long)]
    assert lengths[1] > 1.5 * lengths[0]


def test_text_is_cleaned_but_kept() -> None:
    assert speakable("  È\tcosì\n\n5 °C\u200b… €3 👍🏽 ") == "È così 5 °C… €3"


@pytest.mark.parametrize("name", sorted(sounds_lexicon()["sounds"]))
def test_every_sound_of_the_lexicon_sounds(name: str) -> None:
    species = sounds_lexicon()["sounds"][name]["species"][0]
    for emotion in ("neutral", "sad", "surprised", "whispering"):
        samples, phonemes, words = render_sounds(
            [Segment("sound", name, name)], species, 0.0, prosody(emotion, 1.0), 22050, 7
        )
        assert np.isfinite(samples).all()
        assert np.sqrt(np.mean(samples**2)) > 0.05 and np.abs(samples).max() < 2.0
        assert phonemes[0].start == 0.0
        assert phonemes[-1].end == pytest.approx(len(samples) / 22050, abs=0.01)
        assert words == ((0.0, len(samples) / 22050, name),)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ciao, piccolo!", "it"), ("Andiamo!", "it"), ("Il mare è blu", "it"), ("C'era una volta un re", "it"),
        ("Ho trovato un robot piccolissimo", "it"), ("Che bello", "it"), ("Non c’è più nessuno", "it"),
        ("Hello little robot", "en"), ("Wait for me!", "en"), ("I love pizza", "en"), ("Good morning, mamma", "en"),
        ("Boo, come here", "en"), ("Yes!", "en"), ("Don't go", "en"), ("You are the best friend ever", "en"),
    ],
)  # fmt: skip
def test_language_of_a_line(text: str, language: str) -> None:
    assert detect_language(text, default="??") == language


@pytest.mark.parametrize("text", ["Luca!", "beep boop", "123", ""])
def test_too_little_to_tell_gives_the_default(text: str) -> None:
    assert detect_language(text, default="it") == "it"
    assert detect_language(text, default="en") == "en"


def test_names_of_languages() -> None:
    known = {"en", "it", "fr", "zh"}
    assert language_tag("Italian", known) == language_tag("italiano", known) == language_tag("it-IT", known) == "it"
    assert language_tag("British", known) == "en-gb"
    with pytest.raises(UsageError, match="'it'"):
        language_tag("Itallian", known)
    with pytest.raises(UsageError, match="cannot speak 'klingon'"):
        language_tag("klingon", known)
