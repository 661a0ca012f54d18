"""The command line. Commands import what they need when they run, so that `studio --help` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from configs.errors import StudioError

app = typer.Typer(
    name="studio",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Make animated shorts by asking for them: pictures, voices and finished cuts, on your own machine.",
    epilog='Example: `studio ask "a 15 second film: a robot finds a shell on the beach at sunset" --yes`',
)
memory_app = typer.Typer(no_args_is_help=True, help="What the studio remembers: characters, styles, notes, past takes.")
models_app = typer.Typer(no_args_is_help=True, help="The engines: what is loaded, what it needs.")
app.add_typer(memory_app, name="memory")
app.add_typer(models_app, name="models")

Home = Annotated[
    Path | None, typer.Option("--home", help="The studio's data folder (default ./workspace, or STUDIO_HOME).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]
Brain = Annotated[str | None, typer.Option("--brain", help="auto, offline (built in) or llm (a served model).")]


def main() -> None:
    """Entry point: errors become one sentence and the right exit code, never a traceback."""
    try:
        app(standalone_mode=True)
    except StudioError as error:
        fail(error)
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
    except Exception as error:
        if os.environ.get("STUDIO_TRACEBACK"):
            raise
        fail(
            StudioError(
                "The studio failed unexpectedly",
                f"{type(error).__name__}: {error}",
                "This is a bug; run it again with STUDIO_TRACEBACK=1 for the details",
            )
        )


def fail(error: StudioError, as_json: bool = False) -> None:
    """Print the error and leave with its exit code."""
    if as_json:
        import json

        shape = {"problem": error.problem, "cause": error.cause, "fix": error.fix, "exit_code": error.exit_code}
        typer.echo(json.dumps({"error": shape}))
    typer.echo(error.sentence, err=True)
    sys.exit(error.exit_code)


def guarded(work: Callable[[], Any], as_json: bool = False) -> None:
    """Run a command's body; its value, if an int, is the exit code."""
    try:
        code = work()
    except StudioError as error:
        fail(error, as_json)
    else:
        if isinstance(code, int) and code:
            raise SystemExit(code)


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="What you would like, in your own words ('-' reads standard input).")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Approve the plan in advance, also what overwrites.")
    ] = False,
    as_json: AsJson = False,
    home: Home = None,
    brain: Brain = None,
    thread: Annotated[str, typer.Option(help="Conversation to go on with; the same wish resumes after a crash.")] = "",
    attach: Annotated[list[Path] | None, typer.Option(help="File to use (repeat for several).")] = None,
) -> None:
    """Ask the assistant once and get pictures, voices or a film.

    Examples:

    studio ask "draw Luca waving on the beach"

    studio ask "find the most lively 3 seconds and make them black and white" --attach clip.mp4 --yes
    """
    from ui.commands.ask import run_ask

    guarded(lambda: run_ask(text, yes, as_json, home, brain, thread, attach or []), as_json)


@app.command()
def tools(as_json: AsJson = False) -> None:
    """List the tools that the assistant can use, with their arguments."""
    from ui.commands.tools import list_tools

    guarded(lambda: list_tools(as_json), as_json)


@app.command()
def tool(
    name: Annotated[str, typer.Argument(help="A tool's name, see 'studio tools'.")],
    args: Annotated[str, typer.Option(help="Its arguments as a JSON object.")] = "{}",
    as_json: AsJson = False,
    home: Home = None,
    thread: Annotated[str, typer.Option(help="Conversation that the results belong to.")] = "cli",
    attach: Annotated[list[Path] | None, typer.Option(help="File to take in first; name it in --args.")] = None,
) -> None:
    """Run one tool directly, without the assistant.

    Example: studio tool speak --args '{"text": "Ciao, piccolo!", "character": "Luca", "emotion": "happy"}'
    """
    from ui.commands.tools import run_tool

    guarded(lambda: run_tool(name, args, as_json, home, thread, attach or []), as_json)


@app.command()
def chat(
    home: Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    brain: Brain = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the chat on localhost."""
    from ui.commands.chat import run_chat

    guarded(lambda: run_chat(home, host, port, brain, open_browser))


@app.command(name="eval")
def evaluate(
    suites: Annotated[list[str], typer.Argument(help="Names under evals/suites, or paths of YAML files.")],
    brain: Brain = None,
    run: Annotated[bool, typer.Option("--run/--dry", help="Run the engines, or score the choices only.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the report as JUnit XML.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML page.")] = None,
) -> None:
    """Score the assistant on suites of scripted intents.

    Example: studio eval foundation --brain offline --html report.html
    """
    from ui.commands.evaluate import run_eval

    guarded(lambda: run_eval(suites, brain, run, json_file, junit, html))


@app.command()
def bench(
    names: Annotated[list[str], typer.Argument(help="Benchmarks under evals/benchmarks.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
) -> None:
    """Measure speed and memory.

    Example: studio bench turn search
    """
    from ui.commands.evaluate import run_bench

    guarded(lambda: run_bench(names, json_file))


@app.command()
def doctor(as_json: AsJson = False, home: Home = None) -> None:
    """Check, offline, that every needed file, model, binary and port is there; say how to get what is missing."""
    from ui.commands.doctor import run_doctor

    guarded(lambda: run_doctor(as_json, home), as_json)


@models_app.command("status")
def models_status(as_json: AsJson = False, home: Home = None) -> None:
    """Show the engines, what they need, and the memory of the device."""
    from ui.commands.tools import show_models

    guarded(lambda: show_models(as_json, home), as_json)


@memory_app.command("add")
def memory_add(
    kind: Annotated[str, typer.Argument(help="character, style, place, note or preference.")],
    name: Annotated[str, typer.Argument(help="Its name.")],
    text: Annotated[str, typer.Argument(help="What to remember.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Remember something. Example: studio memory add character Luca "a boy with curly brown hair" """
    from ui.commands.memory import add

    guarded(lambda: add(home, kind, name, text, as_json), as_json)


@memory_app.command("search")
def memory_search(
    query: Annotated[str, typer.Argument(help="Words or a description.")],
    limit: Annotated[int, typer.Option(min=1, max=100)] = 8,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Search by meaning and by words."""
    from ui.commands.memory import search

    guarded(lambda: search(home, query, limit, as_json), as_json)


@memory_app.command("list")
def memory_list(
    kind: Annotated[str, typer.Argument(help="Only this kind, e.g. character or image; empty: all.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List what is remembered and made."""
    from ui.commands.memory import list_all

    guarded(lambda: list_all(home, kind, as_json), as_json)


@memory_app.command("export")
def memory_export(file: Annotated[Path, typer.Argument(help="A .jsonl file to write.")], home: Home = None) -> None:
    """Write everything remembered to a file."""
    from ui.commands.memory import export

    guarded(lambda: export(home, file))


@memory_app.command("import")
def memory_import(file: Annotated[Path, typer.Argument(help="A .jsonl file of an export.")], home: Home = None) -> None:
    """Read an export; nothing that exists is overwritten."""
    from ui.commands.memory import import_

    guarded(lambda: import_(home, file))


@memory_app.command("rebuild")
def memory_rebuild(home: Home = None) -> None:
    """Make the search index again from the database (after damage, or with another embedder)."""
    from ui.commands.memory import rebuild

    guarded(lambda: rebuild(home))


@memory_app.command("repair")
def memory_repair(home: Home = None) -> None:
    """Move a damaged database aside and save what can be read into a new one."""
    from ui.commands.memory import repair

    guarded(lambda: repair(home))


if __name__ == "__main__":
    main()
