"""`studio timeline ...` on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.options import AsJson, Home, guarded

timeline_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Editable timelines: what is in them, how versions differ, exact changes, undo and redo.",
)

Which = Annotated[
    str, typer.Argument(metavar="FILE_OR_ID", help="An .otio file, a timeline's or a film's id or name, or 'last'.")
]


@timeline_app.command("show")
def timeline_show(which: Which, as_json: AsJson = False, home: Home = None) -> None:
    """Show a timeline in words: every clip with its id, when it is seen, its effects; and its versions.

    Examples:

    studio timeline show last

    studio timeline show last --json

    studio timeline show cut-from-resolve.otio
    """
    from ui.commands.timeline import run_show

    guarded(lambda: run_show(which, as_json, home), as_json)


@timeline_app.command("diff")
def timeline_diff(
    which: Which,
    other: Annotated[
        str, typer.Argument(metavar="[OTHER]", help="What to compare it with; without it, the version before.")
    ] = "",
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Say what is different: clips added, removed, moved, trimmed; transitions, effects, sound, captions.

    Examples:

    studio timeline diff last

    studio timeline diff before.otio after.otio --json
    """
    from ui.commands.timeline import run_diff

    guarded(lambda: run_diff(which, other, as_json, home), as_json)


@timeline_app.command("change")
def timeline_change(
    which: Which,
    changes: Annotated[str, typer.Argument(help="A JSON list of changes, a file with one, or '-' for standard input.")],
    render: Annotated[str, typer.Option(help="no, preview (small and quick) or full.")] = "no",
    as_json: AsJson = False,
    home: Home = None,
    thread: Annotated[str, typer.Option(help="Conversation that the new version belongs to.")] = "cli",
) -> None:
    """Make exact changes, all of them or none, and save the next version. Clips are named by their ids.

    'studio timeline show' tells the ids; put one of them in place of clip-b2cb8225-1.

    Examples:

    studio timeline change last '[{"op": "trim", "clip": "clip-b2cb8225-1", "tail": 0.5}]'

    studio timeline change cut.otio changes.json --render preview

    studio timeline change last '[{"op": "transition", "clip": "clip-b2cb8225-1", "kind": "dissolve"}]' --json
    """
    from ui.commands.timeline import run_change

    guarded(lambda: run_change(which, changes, render, as_json, home, thread), as_json)


@timeline_app.command("undo")
def timeline_undo(which: Which, as_json: AsJson = False, home: Home = None) -> None:
    """Go one version back. Nothing is deleted; redo goes forward again.

    Example: studio timeline undo last
    """
    from ui.commands.timeline import run_undo

    guarded(lambda: run_undo(which, as_json, home), as_json)


@timeline_app.command("redo")
def timeline_redo(which: Which, as_json: AsJson = False, home: Home = None) -> None:
    """Go one version forward again after an undo.

    Example: studio timeline redo last
    """
    from ui.commands.timeline import run_redo

    guarded(lambda: run_redo(which, as_json, home), as_json)
