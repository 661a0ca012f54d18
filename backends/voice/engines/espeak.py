"""The built-in voice: eSpeak NG with a cast of variants, emotions as prosody, and real beeps for robots."""

from __future__ import annotations

import dataclasses
import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from backends.gpu.engine import EngineKind
from backends.voice.casting import Casting, cast, species_of, voices_config
from backends.voice.emotions.prosody import Prosody, prosody
from backends.voice.engines.espeak_library import EspeakLibrary, language_voices, open_library
from backends.voice.engines.protocol import Phoneme, SpeechRequest, SpeechResult, VoiceCapabilities, VoiceProfile
from backends.voice.shaping.reshape import bend, has_melody, praat_missing
from backends.voice.shaping.timbre import shift_formants, treat
from backends.voice.sounds import render_sounds
from backends.voice.texts.script import Segment, read_line
from configs.errors import EngineError

SAMPLE_RATE = 22050
"""What eSpeak NG gives."""
SEGMENT_GAP_S = 0.1
"""Between speech and a sound within one line."""
NEED_MIB = 75
"""Growth of resident memory after the first line, measured; SciPy's filters are 69 MiB of it, eSpeak and data 4."""
PEAK = 0.98


@dataclass(frozen=True)
class _Part:
    samples: NDArray[np.float32]
    phonemes: tuple[Phoneme, ...]
    words: tuple[tuple[float, float, str], ...]


class EspeakEngine:
    """VoiceEngine on a CPU, without weights. All instances share the process's one library."""

    name = "espeak"
    kind: EngineKind = "voice"

    def __init__(self) -> None:
        self._library: EspeakLibrary | None = None

    def load(self) -> None:
        """Raises EngineError when the `offline` extra is missing or damaged."""
        # The sound treatment's filters take most of a second to import: here, not in the first line.
        import scipy.ndimage
        import scipy.signal  # noqa: F401

        self._library = open_library()

    def park(self) -> None:
        """Nothing to move: it never uses the GPU."""

    def restore(self) -> None:
        self.load()

    def unload(self) -> None:
        self._library = None

    def probe(self) -> None:
        """Speak one syllable. Raises EngineError when that gives no sound."""
        library = self._require()
        knobs = cast(VoiceProfile("probe"), espeak_voice("en"), Prosody()).knobs
        if not np.any(library.synthesise("a", knobs).samples):
            raise EngineError(
                "The eSpeak voice gives no sound", "its data may be damaged", "Reinstall the offline extra"
            )

    def need_mib(self) -> int:
        return NEED_MIB

    def capabilities(self) -> VoiceCapabilities:
        """Languages as primary tags; empty when the offline extra is not installed."""
        tags = {tag.split("-")[0] for tag in language_voices()}
        if tags:
            tags |= set(voices_config()["espeak"]["languages"])
        return VoiceCapabilities(
            languages=frozenset(tags),
            clones=False,
            emotion=frozenset({"prosody"}),
            timings=True,
            sample_rate=SAMPLE_RATE,
            memory_mib=NEED_MIB,
        )

    def speak(self, request: SpeechRequest) -> SpeechResult:
        """One line, with sounds performed and directions left unspoken.

        Raises EngineError when there is nothing to utter, the language is unknown, or eSpeak fails.
        """
        library = self._require()
        started = time.perf_counter()
        mood = request.prosody or prosody(request.emotion, request.intensity)
        missing = praat_missing() if has_melody(mood) else ""
        # eSpeak's own range moves the middle of the pitch too, by some semitones in voices with a wide one.
        told = mood if missing else dataclasses.replace(mood, range=1.0)
        casting = cast(request.voice, espeak_voice(request.language), told)
        segments = read_line(request.text, species_of(request.voice), request.language.split("-")[0])
        if not segments:
            raise EngineError(
                "There is nothing to say", f"'{request.text[:40]}' holds no words and no sounds", "Give words to say"
            )
        parts = [
            self._part(library, tuple(group), casting, mood, request)
            for _, group in groupby(segments, key=lambda segment: segment.kind)
        ]
        part = _join(parts, library.sample_rate)
        peak = float(np.max(np.abs(part.samples), initial=0.0))
        if peak < 1e-4:
            raise EngineError(
                "eSpeak gave silence", f"for '{request.text[:40]}'", "Try other words or another language"
            )
        samples = part.samples * (PEAK / peak) if peak > PEAK else part.samples
        return SpeechResult(
            samples=samples.astype(np.float32),
            sample_rate=library.sample_rate,
            engine=self.name,
            engine_version=library.version,
            phonemes=part.phonemes,
            words=part.words,
            seconds=time.perf_counter() - started,
            warnings=(f"The melody of the emotion was left out: {missing}.",) if missing else (),
            params={
                "voice": casting.knobs.voice,
                "words_per_minute": casting.knobs.words_per_minute,
                "pitch": casting.knobs.pitch,
                "range": casting.knobs.range,
                "treatment": dataclasses.asdict(casting.treatment),
                "contour": {"final": mood.final, "accent": mood.accent, "stretch": mood.stretch},
                "sounds": [segment.sound for segment in segments if segment.kind == "sound"],
            },
        )

    def transcribe(self, text: str, language: str = "en") -> str:
        """The IPA that eSpeak would speak for plain `text`."""
        return self._require().ipa(text, espeak_voice(language))

    def _part(
        self,
        library: EspeakLibrary,
        segments: Sequence[Segment],
        casting: Casting,
        mood: Prosody,
        request: SpeechRequest,
    ) -> _Part:
        """One stretch of speech, or the sounds that follow each other."""
        seed = request.voice.seed + request.seed
        if segments[0].kind == "sound":
            species = species_of(request.voice)
            return _Part(*render_sounds(segments, species, request.voice.pitch, mood, library.sample_rate, seed))
        said = library.synthesise(" ".join(segment.text for segment in segments), casting.knobs)
        factor, rate = casting.treatment.formants, library.sample_rate
        phonemes = tuple(Phoneme(p.start / factor, p.end / factor, p.ipa) for p in said.phonemes)
        words = tuple((start / factor, end / factor, word) for start, end, word in said.words)
        samples = shift_formants(said.samples, factor)
        if has_melody(mood) and not praat_missing():
            # Before the treatment: noise and metal hide the pitch that is to be bent.
            bent = bend(samples, rate, melody_of(mood), words=words, phonemes=phonemes)
            samples, phonemes, words = bent.samples, bent.phonemes(phonemes), bent.words(words)
        return _Part(treat(samples, rate, casting.treatment, seed), phonemes, words)

    def _require(self) -> EspeakLibrary:
        if self._library is None:
            raise EngineError("The eSpeak voice is not loaded", fix="Load the engine first")
        return self._library


def melody_of(mood: Prosody) -> Prosody:
    """The part of `mood` that eSpeak leaves to be done to its sound.

    Its pitch movements are in Hz: they would get smaller in semitones as the voice rises.
    """
    return Prosody(
        range=mood.range * 2 ** (mood.pitch / 12), final=mood.final, accent=mood.accent, stretch=mood.stretch
    )


def espeak_voice(language: str) -> str:
    """What eSpeak calls the voice of a language tag. Raises EngineError naming the nearest one."""
    tag = language.strip().lower().replace("_", "-")
    primary = tag.split("-")[0]
    preferred: dict[str, str] = voices_config()["espeak"]["languages"]
    known = language_voices()
    exact = tag if "-" in tag else preferred.get(tag, tag)
    regional = next((name for name in known if name.startswith(f"{primary}-")), "")
    for candidate in (exact, preferred.get(primary, primary), primary, regional):
        if candidate in known:
            return known[candidate].identifier
    if not known:
        open_library()  # raises with what is missing
    names = {tag: tag for tag in known} | {voice.name.casefold(): tag for tag, voice in known.items()}
    near = difflib.get_close_matches(tag, names, n=1, cutoff=0.4)
    nearest = names[near[0]] if near else ""
    raise EngineError(
        f"eSpeak cannot speak '{language}'",
        fix=f"Did you mean '{nearest}' ({known[nearest].name})" if near else "Choose a language tag such as en or it",
    )


def _join(parts: list[_Part], sample_rate: int) -> _Part:
    gap = round(SEGMENT_GAP_S * sample_rate)
    chunks: list[NDArray[np.float32]] = []
    phonemes: list[Phoneme] = []
    words: list[tuple[float, float, str]] = []
    length = 0
    for part in parts:
        if chunks:
            chunks.append(np.zeros(gap, dtype=np.float32))
            length += gap
        shift = length / sample_rate
        phonemes += [Phoneme(p.start + shift, p.end + shift, p.ipa) for p in part.phonemes]
        words += [(start + shift, end + shift, word) for start, end, word in part.words]
        chunks.append(part.samples)
        length += len(part.samples)
    return _Part(np.concatenate(chunks), tuple(phonemes), tuple(words))
