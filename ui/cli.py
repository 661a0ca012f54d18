"""The command line. Commands import what they need when they run, so that `studio --help` answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.cli_keys import keys_app
from ui.cli_memory import memory_app
from ui.cli_models import models_app
from ui.cli_timeline import timeline_app
from ui.options import AsJson, Brain, Home, Port, guarded
from ui.running import run_app

app = typer.Typer(
    name="studio",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Make animated shorts by asking for them: pictures, voices and finished cuts, on your own machine.",
    epilog='Example: `studio ask "a 15 second film: a robot finds a shell on the beach at sunset" --yes`',
)
app.add_typer(memory_app, name="memory")
app.add_typer(models_app, name="models")
app.add_typer(keys_app, name="keys")
app.add_typer(timeline_app, name="timeline")


def main() -> None:
    """Entry point: errors become one sentence and the right exit code, never a traceback."""
    run_app(app)


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
    """List the tools that the assistant can use, with their arguments.

    Example: studio tools --json
    """
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
def show(
    asset: Annotated[str, typer.Argument(help="An asset's id or name, 'last', or the path of a PNG of the studio.")],
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Show how something was made: engine, prompt, seed, LoRAs, maps, scores, and what it comes from.

    Examples:

    studio show last

    studio show last --json
    """
    from ui.commands.show import run_show

    guarded(lambda: run_show(asset, as_json, home), as_json)


@app.command()
def remake(
    asset: Annotated[str, typer.Argument(help="A picture's id or name, or 'last'.")],
    as_json: AsJson = False,
    home: Home = None,
    thread: Annotated[str, typer.Option(help="Conversation that the new picture belongs to.")] = "cli",
) -> None:
    """Make a picture again from its recipe and tell whether it is the same, pixel for pixel.

    Example: studio remake last
    """
    from ui.commands.remake import run_remake

    guarded(lambda: run_remake(asset, as_json, home, thread), as_json)


@app.command()
def chat(
    home: Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (default 127.0.0.1: this machine).")] = None,
    port: Port = None,
    brain: Brain = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the chat page and the OpenAI-compatible gateway (/v1) on localhost.

    Example: studio chat --open
    """
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
    film: Annotated[Path | None, typer.Option(help="Measure on this film, where a benchmark can (cuts).")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All sizes, where a benchmark has quick ones too.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
) -> None:
    """Measure speed, memory and accuracy.

    Example: studio bench turn search
    """
    from ui.commands.evaluate import run_bench

    guarded(lambda: run_bench(names, json_file, film, everything=everything))


@app.command()
def doctor(as_json: AsJson = False, home: Home = None) -> None:
    """Check, offline, that every needed file, model, binary and port is there; say how to get what is missing.

    Example: studio doctor --json
    """
    from ui.commands.doctor import run_doctor

    guarded(lambda: run_doctor(as_json, home), as_json)


@app.command()
def serve(
    home: Home = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on (default 127.0.0.1: this machine); with any other, keys are needed."),
    ] = None,
    port: Port = None,
    brain: Brain = None,
) -> None:
    """Serve the OpenAI-compatible gateway, metrics and the models' controls, without the chat page.

    Example: studio serve --port 8400, then OPENAI_BASE_URL=http://localhost:8400/v1
    """
    from ui.commands.chat import run_serve

    guarded(lambda: run_serve(home, host, port, brain))


@app.command()
def mcp(
    home: Home = None,
    brain: Brain = None,
    thread: Annotated[str, typer.Option(help="Conversation that all calls belong to.")] = "mcp",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Approve in advance what overwrites, deletes or spends.")
    ] = False,
    folder: Annotated[
        list[Path] | None, typer.Option(help="Folder whose files may be taken in (repeat for several).")
    ] = None,
) -> None:
    """Serve the tools to an MCP client (Claude Desktop, VS Code, ...) on standard input and output.

    Example: studio mcp --home ~/films --folder ~/Videos
    """
    from ui.commands.mcp import run_mcp

    guarded(lambda: run_mcp(home, brain, thread, yes, folder or []))


if __name__ == "__main__":
    main()
