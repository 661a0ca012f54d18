"""One line through a GPT-SoVITS server: reference, weights, languages, and what is laid over the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from backends.voice.engines.cloned import Sound, choose_reference, left_to_prosody, perform, segments_of
from backends.voice.engines.gpt_sovits_client import GptSovitsClient, Utterance
from backends.voice.engines.protocol import SpeechRequest, SpeechResult, VoiceCapabilities
from backends.voice.engines.references import PreparedReference, prepare_reference
from backends.voice.texts.language import detect_language
from configs.errors import EngineError
from configs.tts_config import GptSovitsOptions

NAME = "gpt_sovits"
NEEDS_WORDS = frozenset({"v3", "v4"})
"""Versions that refuse a recording without its words (NO_PROMPT_ERROR)."""


def gpt_sovits_capabilities(options: GptSovitsOptions, memory_mib: int) -> VoiceCapabilities:
    return VoiceCapabilities(
        languages=frozenset(options.languages),
        clones=True,
        emotion=frozenset({"reference", "prosody"}),
        timings=False,
        sample_rate=options.sample_rate,
        memory_mib=memory_mib,
    )


def speak_line(
    client: GptSovitsClient,
    options: GptSovitsOptions,
    request: SpeechRequest,
    *,
    references: Path,
    as_seen_there: Callable[[str], str],
    check_weights: Callable[[str, str], None],
    confirm_weights: Callable[[str, str], None],
) -> SpeechResult:
    """The line, spoken in the voice of `request.source`.

    Args:
        references: folder for checked copies of recordings that the server can read.
        as_seen_there: from a path here to the same file's path on the server.
        check_weights: given kind and path before a switch; raises when the file is not there, as the server would
            speak with its base weights at its next start and say nothing.
        confirm_weights: likewise after a switch; raises when something else was loaded.

    Raises EngineError.
    """
    started = time.perf_counter()
    segments_of(request)  # nothing to say is told before anything is loaded
    language = _language(request, options)
    chosen, recorded = choose_reference(request, NAME)
    prepared = prepare_reference(chosen, references)
    prompt, prompt_language, warnings = _prompt(prepared, language, options)
    weights = _weights(request, options)
    seeds: list[int] = []
    with client.lock:  # another line must not switch weights in between
        for kind, path in weights.items():
            check_weights(kind, path)
            client.use(kind, as_seen_there(path), partial(confirm_weights, kind, path))

        def say(text: str) -> Sound:
            said = Utterance(
                text, language, as_seen_there(str(prepared.path)), prompt, prompt_language, request.seed % 2**31,
                sampling=options.sampling.model_dump(),
            )  # fmt: skip
            samples, rate, seed = client.speak(said)
            seeds.append(seed)
            return samples, rate

        manner = left_to_prosody(request, recorded)
        made = perform(request, say, usual_rate=options.sample_rate, manner=manner)
    params: dict[str, Any] = {
        "weights": {kind: Path(path).name for kind, path in weights.items()},
        "reference": prepared.path.stem,
        "recorded_emotion": recorded,
        "seeds": seeds,
        "sounds": list(made.sounds),
    }
    seconds = time.perf_counter() - started
    return SpeechResult(
        made.samples, made.sample_rate, NAME, options.version, seconds=seconds, params=params,
        warnings=(*warnings, *made.warnings),
    )  # fmt: skip


def _language(request: SpeechRequest, options: GptSovitsOptions) -> str:
    tag = request.language.strip().lower().replace("_", "-").split("-")[0]
    if tag not in options.languages:
        raise EngineError(
            f"GPT-SoVITS does not speak '{request.language}'",
            f"it knows {', '.join(options.languages)}",
            "Let another engine speak it (qwen3_tts or espeak)",
        )
    return tag


def _prompt(prepared: PreparedReference, language: str, options: GptSovitsOptions) -> tuple[str, str, tuple[str, ...]]:
    """The recording's words and their language; none when they are unknown, or in a language it cannot read."""
    spoken = prepared.language.split("-")[0] or (detect_language(prepared.text, language) if prepared.text else "")
    if prepared.text and spoken in options.languages:
        return prepared.text, spoken, ()
    why = f"are in '{spoken}', which it cannot read" if prepared.text else "are not written down"
    if options.version in NEEDS_WORDS:
        raise EngineError(
            f"GPT-SoVITS {options.version} needs the words of the recording",
            f"they {why}",
            "Clone the voice with its text, or choose version v2ProPlus in tts_config.yaml",
        )
    return "", language, (f"The words of the voice's recording {why}: GPT-SoVITS takes its sound alone.",)


def _weights(request: SpeechRequest, options: GptSovitsOptions) -> dict[str, str]:
    """By kind; the base ones where the character has none."""
    own = request.source.weights if request.source is not None and request.source.engine in ("", NAME) else {}
    return {"gpt": own.get("gpt") or options.gpt_weights, "sovits": own.get("sovits") or options.sovits_weights}
