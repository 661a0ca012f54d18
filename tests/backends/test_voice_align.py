"""Forced alignment: eSpeak's own times found again from the sound and the text, in voices that the aligner has not."""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pytest

from backends.voice.alignment.align import Aligned, align
from backends.voice.alignment.pauses import condense
from backends.voice.alignment.stretch import base_letters
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest, SpeechResult, VoiceProfile
from backends.voice.texts.reading import read_tokens
from configs.errors import EngineError, UsageError

CHILD = VoiceProfile("c", age="child", gender="male")
ELDER = VoiceProfile("d", age="elder", gender="female")
WIND = "The north wind and the sun were arguing over which of them was the stronger."
TRAMONTANA = "Il vento di tramontana e il sole discutevano su chi fosse il più forte."


@pytest.fixture(scope="module")
def engine() -> EspeakEngine:
    made = EspeakEngine()
    made.load()
    return made


def _errors(said: SpeechResult, found: Aligned) -> np.ndarray:
    """Seconds between the starts of the phonemes that both have."""
    ours, theirs = [base_letters(p.ipa) for p in said.phonemes], [base_letters(p.ipa) for p in found.phonemes]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return np.array(
        [abs(said.phonemes[b.a + k].start - found.phonemes[b.b + k].start) for b in blocks for k in range(b.size)]
    )


@pytest.mark.parametrize(("text", "language"), [(WIND, "en"), (TRAMONTANA, "it")])
@pytest.mark.parametrize("voice", [CHILD, ELDER], ids=["child", "elder"])
def test_sounds_are_found_where_they_are(engine: EspeakEngine, text: str, language: str, voice: VoiceProfile) -> None:
    said = engine.speak(SpeechRequest(text, voice, language))
    found = align(said.samples, said.sample_rate, text, language)
    errors = _errors(said, found)
    assert len(errors) >= 0.9 * len(said.phonemes)
    assert np.median(errors) < 0.010 and np.percentile(errors, 90) < 0.040
    assert [word for _, _, word in found.words] == [token.written for token in read_tokens(text, language)]
    assert found.fits and found.fit is not None and found.fit > 0.2


def test_noise_before_and_after_the_words_is_no_word(engine: EspeakEngine) -> None:
    """Rumble of an old recording, louder than what ends are trimmed by: the first word lay in it, with no length."""
    text = "A man, and a woman, were here."
    said = engine.speak(SpeechRequest(text, CHILD))
    rate, lead = said.sample_rate, round(0.3 * said.sample_rate)
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=len(said.samples) + 2 * lead))
    spectrum /= 1 + (np.fft.rfftfreq(len(said.samples) + 2 * lead, 1 / rate) / 200) ** 4
    rumble = np.fft.irfft(spectrum, len(said.samples) + 2 * lead)
    sound = (rumble * float(np.abs(said.samples).max()) * 10 ** (-42 / 20) / rumble.std()).astype(np.float32)
    sound[lead : lead + len(said.samples)] += said.samples
    found = align(sound, rate, text, "en")
    (start, end, word), last = found.words[0], found.words[-1]
    assert word == "A" and abs(start - said.words[0][0] - 0.3) < 0.05 and end - start > 0.03
    assert last[1] < 0.35 + len(said.samples) / rate


@pytest.mark.parametrize(("word", "within_s"), [("were", 0.1), ("which", 0.04), ("was", 0.04)])
def test_pauses_and_silent_ends_hold_no_sounds(engine: EspeakEngine, word: str, within_s: float) -> None:
    said = engine.speak(SpeechRequest(WIND, CHILD))
    quiet = np.zeros(said.sample_rate, np.float32)
    half = next(int(start * said.sample_rate) for start, _, written in said.words if written == word)
    sound = np.concatenate([quiet, said.samples[:half], quiet, said.samples[half:], quiet])
    found = align(sound, said.sample_rate, WIND, "en")
    cut = 1.0 + half / said.sample_rate
    assert found.phonemes[0].start == pytest.approx(1.0, abs=0.1)
    assert all(p.end <= cut + 0.1 or p.start >= cut + 0.85 for p in found.phonemes)
    assert all(end <= cut + 0.1 or start >= cut + 0.85 for start, end, _ in found.words)
    begun = next(start for start, _, written in found.words if written == word)
    assert begun == pytest.approx(cut + 1.0, abs=within_s)


def test_a_pause_full_of_room_noise_is_left_out_and_put_back(engine: EspeakEngine) -> None:
    said = engine.speak(SpeechRequest(WIND, CHILD))
    rate = said.sample_rate
    half = next(round(start * rate) for start, _, word in said.words if word == "which")
    sound = np.concatenate([said.samples[:half], np.zeros(2 * rate, np.float32), said.samples[half:]])
    noisy = sound + np.random.default_rng(3).normal(0, 0.004, len(sound)).astype(np.float32)
    dense = condense(noisy, rate)
    assert len(dense.pauses) == 1 and len(noisy) - len(dense.samples) > 1.5 * rate
    begin, end = dense.pauses[0]
    assert half / rate - 0.1 < begin < end < half / rate + 2.0
    assert dense.original(begin, end=True) == pytest.approx(begin) and dense.original(begin) == pytest.approx(end)
    last = len(dense.samples) / rate
    assert dense.original(last) == pytest.approx(len(noisy) / rate, abs=0.001)
    found = align(noisy, rate, WIND, "en")
    assert not [word for start, stop, word in found.words if start < half / rate + 0.5 < stop]


def test_a_long_recording_is_cut_into_pieces(engine: EspeakEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.voice.alignment.align.STRETCH_S", 6.0)
    text = " ".join([WIND, "They agreed on a wager.", "Then the sun shone out warmly.", WIND])
    said = engine.speak(SpeechRequest(text, CHILD))
    steps: list[float] = []
    found = align(
        said.samples, said.sample_rate, text, "en", on_progress=lambda done, total: steps.append(done / total)
    )
    errors = _errors(said, found)
    assert len(errors) >= 0.9 * len(said.phonemes)
    assert np.median(errors) < 0.010 and np.percentile(errors, 95) < 0.100
    assert len(steps) >= 3 and steps == sorted(steps)


def test_another_text_does_not_fit(engine: EspeakEngine) -> None:
    said = engine.speak(SpeechRequest(WIND, CHILD))
    assert not align(said.samples, said.sample_rate, "Yes!", "en").fits
    assert not align(said.samples, said.sample_rate, WIND * 6, "en").fits
    own = align(said.samples, said.sample_rate, WIND, "en").fit or 0.0
    other = align(
        said.samples, said.sample_rate, "Do you really think that we can go home before it starts to rain?"
    ).fit
    assert other is not None and other < own / 3


def test_noise_fits_no_text() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 16000 * 5).astype(np.float32)
    assert not align(noise, 16000, WIND, "en").fits


@pytest.mark.parametrize(
    ("samples", "text", "says"),
    [
        (np.zeros(16000, np.float32), WIND, "silent"),
        (np.zeros(0, np.float32), WIND, "silent"),
        (np.ones(16000, np.float32), "… – !", "no words"),
    ],
)
def test_what_cannot_be_aligned_is_said(samples: np.ndarray, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        align(samples, 16000, text, "en")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(EngineError, match="cannot speak"):
        align(np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32), 16000, WIND, "tlh")


@pytest.mark.parametrize(
    ("text", "language", "spoken"),
    [
        ("Dr. Smith paid $3.50 in 1985.", "en", "doctor Smith paid three dollars and fifty in nineteen eighty five."),
        ("Il Sig. Rossi ha 25 mele.", "it", "Il signor Rossi ha venticinque mele."),
        ("Costa 3,5 € & basta", "it", "Costa tre virgola cinque e basta"),
        ("There are 1,250 of them - no?", "en", "There are one thousand two hundred and fifty of them no?"),
    ],
)
def test_figures_and_abbreviations_are_read_as_people_say_them(text: str, language: str, spoken: str) -> None:
    assert " ".join(token.spoken for token in read_tokens(text, language)) == spoken
