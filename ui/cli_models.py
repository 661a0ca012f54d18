"""`studio models ...` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.options import AsJson, Home, guarded

models_app = typer.Typer(no_args_is_help=True, help="The engines: what is up, what it needs, start, stop, switch.")
Engine = Annotated[
    str, typer.Argument(help="An engine, see 'studio models status'; 'default' is the usual language model.")
]


@models_app.command("status")
def models_status(
    as_json: AsJson = False,
    home: Home = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second, until Ctrl-C.")] = False,
) -> None:
    """Show states, who uses what, memory, who waits, and the last swaps of a running studio.

    States: cold (not loaded), starting, active (up and ready), draining (work is finished before it goes), parking,
    parked (off the card, back in seconds), restoring, failed.

    Example: studio models status --watch
    """
    from ui.commands.models import show_status

    guarded(lambda: show_status(as_json, home, watch), as_json)


@models_app.command("start")
def models_start(
    name: Engine,
    as_json: AsJson = False,
    home: Home = None,
    download: Annotated[bool, typer.Option("--download", help="Let vLLM fetch the model when it is missing.")] = False,
) -> None:
    """Bring an engine up and leave it running, also beyond this command; tries again after crashes.

    Example: studio models start qwen3-8b
    """
    from ui.commands.models import start

    guarded(lambda: start(name, as_json, home, download), as_json)


@models_app.command("stop")
def models_stop(name: Engine, as_json: AsJson = False, home: Home = None) -> None:
    """End an engine and give its memory back. Example: studio models stop qwen3-8b"""
    from ui.commands.models import stop

    guarded(lambda: stop(name, as_json, home), as_json)


@models_app.command("switch")
def models_switch(
    to: Annotated[str, typer.Argument(help="llm, sdxl, tts, or the name of an engine.")],
    as_json: AsJson = False,
    home: Home = None,
    allow_with_llm: Annotated[bool, typer.Option(help="tts: leave the language model on the GPU if both fit.")] = True,
) -> None:
    """Bring one side up and park what may not stand beside it. Example: studio models switch llm"""
    from ui.commands.models import switch

    guarded(lambda: switch(to, as_json, home, allow_with_llm), as_json)


@models_app.command("health")
def models_health(
    name: Annotated[str, typer.Argument(help="Only this engine; empty: all that are up.")] = "",
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Have every engine that is up do a tiny piece of work (its canary), which a hung one cannot.

    The exit code is 4 when one fails.

    Example: studio models health qwen3-8b
    """
    from ui.commands.models import show_health

    guarded(lambda: show_health(name, as_json, home), as_json)


@models_app.command("logs")
def models_logs(
    name: Annotated[str, typer.Argument(help="An engine; empty: the studio's own log.")] = "",
    home: Home = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=100_000, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added, until Ctrl-C.")] = False,
) -> None:
    """Show the end of an engine's log. Example: studio models logs qwen3-8b --follow"""
    from ui.commands.models import show_logs

    guarded(lambda: show_logs(name, home, lines, follow))


@models_app.command("scan")
def models_scan(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder of model files; empty: 'image' in the warehouse.")
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
    write: Annotated[
        bool,
        typer.Option("--write", help="Add the new LoRAs to your own lora_registry.yaml (the old one is kept as .bak)."),
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", help="A registered LoRA whose changed file is right: its new hash is written."),
    ] = None,
) -> None:
    """Look through a folder for LoRAs and other models for SDXL, and propose entries for the LoRA registry.

    Headers are read and LoRAs hashed; nothing is loaded or run. What is not for SDXL, pickles and broken files are
    refused with the reason; registered files that changed or are gone are told.

    Examples: studio models scan; studio models scan ~/Downloads/loras; studio models scan --write

    --json prints one object: folder, registry, found [{path, kind, status, told, bytes, name, sha256, entry?, lora?}],
    gone [{name, path, now}], written [names], backup. status: new, registered, changed, named, found or refused.
    """
    from ui.commands.models_scan import scan

    guarded(lambda: scan(folder, write, accept or [], as_json, home), as_json)
