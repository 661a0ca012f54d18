"""Who agreed to what: read from words, from the studio's own records, from tags; asked for when missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from voice_studio import VoiceStudio, voice_studio

from backends.voice.wav import voice_tags, write_wav
from configs.errors import QuestionOpen, UsageError
from configs.settings import load_settings
from tools.voice.consent import (
    Consent,
    Recording,
    agreed,
    consent_line,
    consent_of,
    name_in,
    origin_of_recording,
    read_basis,
)

DAY = "2026-05-03"
UPLOAD = Recording("ab" * 32, "anna.wav")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    home = tmp_path_factory.mktemp("consent")
    with voice_studio(load_settings(home=home, memory={"index": "numpy", "embedder": "letters"})) as made:
        yield made


@pytest.mark.parametrize(
    ("said", "basis", "name"),
    [
        ("it's my own voice", "own_voice", ""),
        ("È la mia voce", "own_voice", ""),
        ("Written consent of Anna Rossi, 3 May 2026", "written_consent", "Anna Rossi"),
        ("Anna Rossi has agreed in writing", "written_consent", "Anna Rossi"),
        ("liberatoria firmata da Giulia Bianchi per il film", "written_consent", "Giulia Bianchi"),
        ("It isn't my voice; Marco signed a release form", "written_consent", "Marco"),
        ("Yes, she signed it. She has agreed", "written_consent", ""),
        ("consent of the owner, in writing", "written_consent", ""),
        ("licensed recording: CC BY 4.0", "licensed_recording", ""),
        ("LibriSpeech, public domain", "licensed_recording", ""),
        ("Anna Rossi agreed to it", "spoken_consent", "Anna Rossi"),
        ("Giulia Bianchi ha dato il consenso", "spoken_consent", "Giulia Bianchi"),
        ("she signed, permission of Ada Neri", "written_consent", "Ada Neri"),
        ("I have permission", "spoken_consent", ""),
        ("a synthetic voice", "synthetic_voice", ""),
        ("yes", None, ""),
        ("sure, go on", None, ""),
        ("that's not my voice", None, ""),
        ("", None, ""),
    ],
)
def test_what_people_say(said: str, basis: str | None, name: str) -> None:
    assert read_basis(said) == basis
    if basis in ("written_consent", "spoken_consent"):
        assert name_in(said) == name


def _agreed(studio: VoiceStudio, said: str, person: str = "", entry_data: dict[str, object] | None = None) -> Consent:
    memory = studio.studio.memory
    entry = memory.remember("character", "Luca", "a boy", entry_data or {})
    return agreed(memory, "Luca", entry, [UPLOAD], said, person, today=DAY)


@pytest.mark.parametrize("said", ["", "yes", "go ahead", "of course I may"])
def test_a_real_voice_is_asked_about(studio: VoiceStudio, said: str) -> None:
    with pytest.raises(QuestionOpen, match="Whose voice is it") as caught:
        _agreed(studio, said)
    assert caught.value.exit_code == 3 and caught.value.sentence.endswith("?")
    assert [read_basis(choice) for choice in caught.value.choices] == ["own_voice", "synthetic_voice"]


def test_written_consent_needs_a_name_and_a_licence_its_name(studio: VoiceStudio) -> None:
    with pytest.raises(QuestionOpen, match=r"Who agreed\?"):
        _agreed(studio, "I have it in writing")
    assert _agreed(studio, "I have it in writing", "Anna Rossi").person == "Anna Rossi"
    with pytest.raises(QuestionOpen, match="Which licence"):
        _agreed(studio, "licensed")


@pytest.mark.parametrize("said", ["I didn't ask her", "without consent", "non ha acconsentito", "he refused"])
def test_without_consent_nothing_is_cloned(studio: VoiceStudio, said: str) -> None:
    with pytest.raises(UsageError, match="nobody agreed"):
        _agreed(studio, said)


def test_what_is_kept_can_be_read_again_and_covers_its_recordings(studio: VoiceStudio) -> None:
    consent = _agreed(studio, "Written consent of Anna Rossi")
    assert (consent.person, consent.given, consent.recorded) == ("Anna Rossi", "", DAY)
    assert consent.recordings == (UPLOAD.sha256,)
    data = {"voice_source": {"consent": consent.to_data()}}
    assert consent_of(data) == consent
    assert consent_line(data).startswith(
        "voice: written consent of Anna Rossi, noted on 3 May 2026: cloning and training"
    )
    assert _agreed(studio, "", entry_data=data) == consent, "the same recording is not asked about again"
    memory, entry = studio.studio.memory, studio.studio.memory.resolve_character("Luca")
    other = Recording("cd" * 32, "more.wav")
    with pytest.raises(QuestionOpen):
        agreed(memory, "Luca", entry, [other], "", "", today=DAY)
    more = agreed(memory, "Luca", entry, [other], "same person as before", "", today=DAY)
    assert more.id == consent.id and more.recordings == (UPLOAD.sha256, other.sha256)


@pytest.mark.parametrize(
    "data", [{}, {"voice_source": 3}, {"voice_source": {"consent": {"basis": "hearsay", "id": "x"}}}]
)
def test_damaged_memory_is_no_consent(data: dict[str, object]) -> None:
    assert consent_of(data) is None and consent_line(data) == ""


def test_the_studios_own_voice_needs_none(studio: VoiceStudio) -> None:
    _, line = studio.made("speak", text="The wind was cold today.", character="Luca")
    memory = studio.studio.memory
    consent = agreed(memory, "Boo", None, [Recording(line.sha256, line.name, line)], "", "", today=DAY)
    assert consent.basis == "synthetic_voice" and consent.person == "" and line.id in consent.said
    # the same bytes, attached again under another name
    assert origin_of_recording(memory, Recording(line.sha256, "copy.wav")) != ""


def test_a_tag_tells_a_synthetic_voice_but_not_a_cloned_one(studio: VoiceStudio, tmp_path: Path) -> None:
    memory, tone = studio.studio.memory, np.zeros(1600, np.float32)
    for engine, expected in (("espeak", True), ("gpt_sovits", False)):
        file = tmp_path / f"{engine}.wav"
        write_wav(file, tone, 16000, tags=voice_tags(engine, "Anna"))
        assert bool(origin_of_recording(memory, Recording(engine, file.name, None, file))) is expected
    consent = _agreed(studio, "my own voice")
    memory.remember("character", "Luca", "a boy", {"voice_source": {"consent": consent.to_data()}})
    file = tmp_path / "cloned.wav"
    write_wav(file, tone, 16000, tags=voice_tags("gpt_sovits", "Luca", consent.id))
    inherited = origin_of_recording(memory, Recording("x", file.name, None, file))
    assert inherited == consent, "a clone of a clone stands under the same consent"
    write_wav(file, tone, 16000, tags=voice_tags("gpt_sovits", "Luca", "con-unknown"))
    assert origin_of_recording(memory, Recording("y", file.name, None, file)) == ""


@pytest.mark.parametrize(
    "said", ["No, nessuno ha dato il permesso", "nobody gave permission", "She has not signed it", "non ha firmato"]
)
def test_a_refusal_is_no_consent_of_somebody_unnamed(studio: VoiceStudio, said: str) -> None:
    with pytest.raises(UsageError, match="nobody agreed"):
        agreed(studio.studio.memory, "Luca", None, [UPLOAD], said, "Anna Rossi")


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("Anna Rossi agreed on 3 October 2025", "2025-10-03"),
        ("Written consent of Anna Rossi, October 3rd, 2025", "2025-10-03"),
        ("liberatoria firmata da Anna Rossi il 3/10/2025", "2025-10-03"),
        ("liberatoria firmata da Anna Rossi il 3 ottobre 2025", "2025-10-03"),
        ("written consent of Anna Rossi from 2025-10-03, valid until 1 May 2030", "2025-10-03"),
        ("written consent of Anna Rossi, valid until 1 May 2030", ""),
        ("Anna Rossi agreed on 10/25/2025", "2025-10-25"),
        ("Anna Rossi agreed on 3 October", "2025-10-03"),  # the last one
        ("Anna Rossi agreed yesterday", "2026-05-02"),
        ("Anna Rossi ha dato il consenso ieri", "2026-05-02"),
        ("Anna Rossi signed it on 31 February 2026", ""),
        ("Written consent of Anna Rossi: I may use it", ""),
        ("licensed recording: CC BY 4.0", ""),
        ("licensed recording, build 1.2.2020.44 of CC0", ""),
    ],
)
def test_the_day_that_the_user_names_is_kept_beside_that_of_the_statement(
    studio: VoiceStudio, said: str, given: str
) -> None:
    consent = _agreed(studio, said)
    assert (consent.given, consent.recorded) == (given, DAY)
    assert ("given on" in consent.line) == bool(given) and "noted on 3 May 2026" in consent.line


def test_a_consent_that_is_still_to_come_is_asked_about(studio: VoiceStudio) -> None:
    with pytest.raises(QuestionOpen, match="3 October 2026 is still to come"):
        _agreed(studio, "Anna Rossi agreed on 3 October 2026")


def test_an_older_record_of_a_consent_is_read(studio: VoiceStudio) -> None:
    old = {**_agreed(studio, "my own voice").to_data(), "date": "2026-01-02", "person": "the user"}
    del old["given"], old["recorded"]
    consent = consent_of({"voice_source": {"consent": old}})
    assert consent is not None and consent.recorded == "2026-01-02" and consent.short == "the user's own voice"
