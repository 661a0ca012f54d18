"""How fast the offline voice is: one line in the full path, a script of 100 lines, the cache, alignment, datasets.

All on the built-in voice. Figures are wall and processor (CPU) time; the goals are judged by processor time, which
other work on the machine changes less: the work is done by one thread, so that on an idle machine both are about the
same. Of several runs the best one counts. The goals: 50 times real time for a line, 20 s for the script, 5 ms for a
line from the cache, 5 times real time for alignment and 3 for a dataset.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.executor import Executor

TEXT = (
    "The little robot walked along the beach, counted the shells, and waited for the boy who had promised to come "
    "back. When the sun went down, it switched on its lamp and began to hum."
)
RUNS = 8
WEIGHTS_MIB = 150
"""Size of v2ProPlus' trained SoVITS weights, about."""
LINES = 100
GOALS = {"line": 50.0, "script_s": 20.0, "cache_ms": 5.0, "align": 5.0, "dataset": 3.0}
CAST = {
    "Luca": ("a boy of ten with curly hair", "it"),
    "Alberto": ("a loud teenage boy", "it"),
    "Giulia": ("a clever girl", "en"),
    "Boo": ("a tiny robot", "en"),
    "Nonna Rosa": ("an old woman", "it"),
    "Captain Grey": ("an old sailor, a man with a deep voice", "en"),
}
SAYS = {
    "en": (
        "I told you the lighthouse keeper would come back before the storm.", "Did you see the gulls over the bay?",
        "We have to leave now, or the tide will take the boat.", "Wait --", "It is only the wind...", "Listen!",
        "Yes, of course, but only if you promise not to tell anyone where we found it, or they take it away.",
    ),
    "it": (
        "Non ti ho mai detto di toccare quella lampada.", "Guarda come brilla il mare stasera, sembra pieno di stelle.",
        "Chi ha lasciato la porta aperta ieri notte?", "Aspetta —", "Forse hai ragione...", "Ecco!",
        "Quando ero bambina, mia nonna mi raccontava che in fondo al mare c'è una città sommersa, con le sue campane.",
    ),
}  # fmt: skip
MOODS = ("", "", "", "(happy)", "(sad)", "(angry)", "(afraid)", "(whispering)", "(laughs)", "(from sad to happy)")
SCENES = ("INT. LIGHTHOUSE - NIGHT", "EXT. HARBOUR - DAWN", "EXT. PIAZZA - DAY", "INT. CAVE - NIGHT")


def run() -> dict[str, Any]:
    """Figures by part, JSON-ready."""
    figures: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before",
        "line": {mood: line(mood) for mood in ("neutral", "happy", "sad -> happy")},
        "cache": cache(),
        "cache_cloned": cache_cloned(),
        "alignment": alignment(),
        **scripts(),
    }
    figures["load_after"] = round(os.getloadavg()[0], 1)
    figures["passed"] = _passed(figures)
    return figures


def line(mood: str) -> dict[str, Any]:
    """Ten seconds of speech: synthesised, treated, gated, levelled, timed and written."""
    from backends.voice.engines.espeak import EspeakEngine
    from backends.voice.engines.protocol import VoiceProfile
    from backends.voice.wav import write_wav
    from tools.voice.line import synthesise_line

    engine = EspeakEngine()
    engine.load()
    voice = VoiceProfile("Narrator")
    how: dict[str, Any] = {"language": "en", "emotion": mood, "intensity": 0.7, "target_lufs": -18.0}
    synthesise_line(engine, "Hello.", voice, **how)
    walls: list[float] = []
    cpus: list[float] = []
    spoken = 0.0
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        for number in range(RUNS):
            with _clocked(walls, cpus):
                made = synthesise_line(engine, TEXT, voice, **how)
                write_wav(Path(folder) / f"{number}.wav", made.samples, made.sample_rate)
            spoken = made.duration
    return {
        "speech_s": round(spoken, 2),
        "wall_s_best": round(min(walls), 3),
        "wall_s_worst": round(max(walls), 3),
        "times_real_time_best": round(spoken / min(walls), 1),
        "times_real_time_worst": round(spoken / max(walls), 1),
        "times_real_time_cpu": round(spoken / min(cpus), 1),
    }


def cache() -> dict[str, Any]:
    """Milliseconds of a line from the cache, samples and timings read, among 200 kept ones."""
    from backends.voice.engines.espeak import EspeakEngine
    from backends.voice.engines.protocol import VoiceProfile
    from tools.voice.line_cache import LineCache, spoken_line

    engine = EspeakEngine()
    engine.load()
    voice = VoiceProfile("Narrator")
    how: dict[str, Any] = {"language": "en", "emotion": "happy", "intensity": 0.7, "target_lufs": -18.0}
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        kept = LineCache(Path(folder))
        made = spoken_line(kept, engine, TEXT, voice, **how)
        for number in range(200):
            kept.put(f"{number:064x}", made)
        walls: list[float] = []
        cpus: list[float] = []
        for _ in range(100):
            with _clocked(walls, cpus):
                spoken_line(kept, engine, TEXT, voice, **how)
    assert kept.hits == 100, "every one came from the cache"
    ordered = sorted(walls)
    return {
        "line_s": round(made.duration, 2),
        "hit_ms_median": round(1000 * statistics.median(walls), 2),
        "hit_ms_p95": round(1000 * ordered[94], 2),
        "hit_ms_worst": round(1000 * ordered[-1], 2),
        "hit_cpu_ms_best": round(1000 * min(cpus), 2),
    }


def cache_cloned() -> dict[str, Any]:
    """Milliseconds of a cloned voice's line from the cache, in a studio where every engine is cold.

    Once with all that tells which line it is (memory, tables, digests of the voice's files), once as the whole call of
    `speak`. The voice is spoken by the tests' stand-in of GPT-SoVITS' server; without the tests it is not measured.
    """
    import importlib
    import sys

    tests = Path(__file__).parents[2] / "tests"
    if not (tests / "cloning_installs.py").is_file():
        return {"not measured": "the stand-in of GPT-SoVITS' server lies among the tests"}
    sys.path.append(str(tests))
    installs = importlib.import_module("cloning_installs")
    from configs.settings import load_settings
    from tools.intake import attach
    from tools.opening import opened_executor
    from tools.spec import Studio
    from tools.voice.asked import asked_line
    from tools.voice.line_cache import LineCache, kept_line
    from tools.voice.speak import SpeakArgs

    with tempfile.TemporaryDirectory(prefix="studio-bench-") as name:
        folder = Path(name)
        root = installs.install_gpt_sovits(folder / "warehouse")
        trained = root.parent / "voice" / "luca.pth"
        trained.parent.mkdir(parents=True)
        trained.write_bytes(os.urandom(WEIGHTS_MIB << 20))
        clip = installs.recording(folder / "luca.wav", 220)
        settings = load_settings(
            home=folder / "home", warehouse=folder / "warehouse", gpu={"run_dir": str(folder / "run")},
            memory={"index": "numpy", "embedder": "letters"},
        )  # fmt: skip
        args = {"text": TEXT, "character": "Luca"}
        with opened_executor(settings) as executor:
            studio = executor.studio
            sound = attach(folder / "luca.wav", studio.workspace, studio.memory, settings, "bench")
            voice = {
                "weights": {"sovits": str(trained)},
                "references": {"neutral": {"asset": sound.id, "text": clip.text, "language": "en"}},
            }
            studio.memory.remember("character", "Luca", "a boy", {"voice_source": voice})
            made = _call(executor, "speak", args)
            if made.error is not None:
                raise made.error
        hits: list[float] = []
        cpus: list[float] = []
        calls: list[float] = []
        with opened_executor(settings) as executor:
            own = Studio(settings, executor.studio.workspace, executor.studio.memory)
            for _ in range(100):
                with _clocked(hits, cpus):
                    found = kept_line(LineCache.of(own.workspace), asked_line(own, SpeakArgs(**args)).key)
                assert found is not None and found.engine == "gpt_sovits"
            for _ in range(30):
                with _clocked([], calls):
                    _call(executor, "speak", args)
            loads = sum(swap.action == "load" for swap in executor.arbiter.history)
    return {
        "line_s": made.result.measurements["duration_s"],
        "weights_mib": WEIGHTS_MIB,
        "hit_ms_first": round(1000 * hits[0], 2),
        "hit_ms_median": round(1000 * statistics.median(hits), 2),
        "hit_ms_p95": round(1000 * sorted(hits)[94], 2),
        "hit_cpu_ms_best": round(1000 * min(cpus), 2),
        "speak_cpu_ms_median": round(1000 * statistics.median(calls), 2),
        "loads": loads,
    }


def alignment() -> dict[str, Any]:
    """Forced alignment of ten seconds with their text."""
    from backends.voice.alignment.align import align
    from backends.voice.engines.espeak import EspeakEngine
    from backends.voice.engines.protocol import VoiceProfile
    from tools.voice.line import synthesise_line

    engine = EspeakEngine()
    engine.load()
    made = synthesise_line(engine, TEXT, VoiceProfile("Narrator", gender="female"), language="en")
    align(made.samples, made.sample_rate, "Hello.", "en")
    walls: list[float] = []
    cpus: list[float] = []
    for _ in range(3):
        with _clocked(walls, cpus):
            align(made.samples, made.sample_rate, TEXT, "en")
    return _speed(made.duration, min(walls), min(cpus))


def scripts() -> dict[str, Any]:
    """The script in Fountain through `speak_dialogue`, once new and once from the cache; a dataset from its mix."""
    from configs.settings import load_settings
    from tools.intake import attach
    from tools.opening import opened_executor

    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        settings = load_settings(home=Path(folder) / "home", memory={"index": "numpy", "embedder": "letters"})
        with opened_executor(settings) as executor:
            studio = executor.studio
            for name, (description, language) in CAST.items():
                studio.memory.remember("character", name, description, {"language": language})
            file = Path(folder) / "film.fountain"
            file.write_text(fountain(), encoding="utf-8")
            script = attach(file, studio.workspace, studio.memory, studio.settings, "bench").id
            _call(executor, "speak", {"text": "Hello."})
            first, mix, seconds = _dialogue(executor, script)
            again, _, _ = _dialogue(executor, script)
            walls: list[float] = []
            cpus: list[float] = []
            with _clocked(walls, cpus):
                built = _call(executor, "build_voice_dataset", {"source": mix, "character": "Giulia"})
            dataset = _speed(seconds, walls[0], cpus[0])
            if built.error is not None:
                dataset = {"not measured": built.error.sentence}
            elif built.result is not None:
                dataset["summary"] = built.result.summary[:200]
    return {"script": first, "script_again": again, "dataset": dataset}


def fountain() -> str:
    """A film of LINES lines by six characters in four scenes, Italian and English; the same every time."""
    rows: list[str] = ["Title: The lamp", ""]
    names = list(CAST)
    each = LINES // len(SCENES)
    for index in range(LINES):
        if index % each == 0:
            rows += ["", SCENES[index // each], "", "The sea is loud.", ""]
        name = names[(index * 5 + index // 7) % len(names)]
        says = SAYS[CAST[name][1]]
        mood = MOODS[(index * 3) % len(MOODS)]
        text = says[(index * 2 + index // 5) % len(says)]
        # No two lines are the same, else the cache would speak some of them.
        text = (
            f"{text.rstrip('.!?')}, {index}." if text[-1] in ".!?" and not text.endswith("...") else f"{index}: {text}"
        )
        rows += ["", name.upper(), *([mood] if mood else []), text]
    return "\n".join(rows) + "\n"


def _dialogue(executor: Executor, script: str) -> tuple[dict[str, Any], str, float]:
    walls: list[float] = []
    cpus: list[float] = []
    with _clocked(walls, cpus):
        outcome = _call(executor, "speak_dialogue", {"script": script})
    if outcome.error is not None:
        raise outcome.error
    figures = outcome.result.measurements
    return (
        {**figures, "wall_s": round(walls[0], 2), "cpu_s": round(cpus[0], 2)},
        outcome.assets[0].id,
        figures["duration_s"],
    )


def _call(executor: Executor, tool: str, args: dict[str, Any]) -> Any:
    from tools.executor import Run

    return executor.run(tool, args, Run(thread="bench"))


@contextmanager
def _clocked(walls: list[float], cpus: list[float]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    walls.append(time.perf_counter() - wall)
    cpus.append(time.process_time() - cpu)


def _speed(seconds: float, wall: float, cpu: float) -> dict[str, Any]:
    return {
        "sound_s": round(seconds, 1),
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "times_real_time": round(seconds / wall, 1),
        "times_real_time_cpu": round(seconds / cpu, 1),
    }


def _passed(figures: dict[str, Any]) -> dict[str, bool]:
    checks: dict[str, Callable[[], bool]] = {
        "line": lambda: min(one["times_real_time_cpu"] for one in figures["line"].values()) >= GOALS["line"],
        "script": lambda: figures["script"]["cpu_s"] < GOALS["script_s"],
        "cache": lambda: figures["cache"]["hit_cpu_ms_best"] < GOALS["cache_ms"],
        "cache_cloned": lambda: (
            figures["cache_cloned"].get("loads", 1) == 0
            and figures["cache_cloned"]["hit_cpu_ms_best"] < GOALS["cache_ms"]
        ),
        "alignment": lambda: figures["alignment"]["times_real_time_cpu"] >= GOALS["align"],
        "dataset": lambda: figures["dataset"].get("times_real_time_cpu", 0.0) >= GOALS["dataset"],
    }
    return {name: check() for name, check in checks.items()}
