"""How fast the offline voice speaks: about ten seconds of speech through the whole line (gates, timings, loudness)."""

from __future__ import annotations

import time
from typing import Any

TEXT = (
    "The little robot walked along the beach, counted the shells, and waited for the boy who had promised to come "
    "back. When the sun went down, it switched on its lamp and began to hum."
)
RUNS = 5


def run() -> dict[str, Any]:
    """Seconds of speech, seconds of work (best and worst of `RUNS`), and their ratio."""
    from backends.voice.engine import VoiceProfile
    from backends.voice.espeak import EspeakEngine
    from tools.voice.line import synthesise_line

    engine = EspeakEngine()
    engine.load()
    voice = VoiceProfile("Narrator")
    synthesise_line(engine, "Hello.", voice, language="en", emotion="neutral", intensity=0.7, target_lufs=-18.0)
    times, spoken = [], 0.0
    for _ in range(RUNS):
        began = time.perf_counter()
        line = synthesise_line(engine, TEXT, voice, language="en", emotion="happy", intensity=0.7, target_lufs=-18.0)
        times.append(time.perf_counter() - began)
        spoken = len(line.samples) / line.sample_rate
    return {
        "speech_s": round(spoken, 2),
        "work_s_best": round(min(times), 3),
        "work_s_worst": round(max(times), 3),
        "times_real_time": round(spoken / max(times), 1),
    }
