"""`studio memory ...` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.options import AsJson, Home, guarded

memory_app = typer.Typer(no_args_is_help=True, help="What the studio remembers: characters, styles, notes, past takes.")


@memory_app.command("add")
def memory_add(
    kind: Annotated[str, typer.Argument(help="character, style, place, note or preference.")],
    name: Annotated[str, typer.Argument(help="Its name.")],
    text: Annotated[str, typer.Argument(help="What to remember.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Remember something.

    Example: studio memory add character Luca "a boy with curly brown hair"
    """
    from ui.commands.memory import add

    guarded(lambda: add(home, kind, name, text, as_json), as_json)


@memory_app.command("search")
def memory_search(
    query: Annotated[str, typer.Argument(help="Words or a description.")],
    limit: Annotated[int, typer.Option(min=1, max=100)] = 8,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Search by meaning and by words.

    Example: studio memory search "the boy with curly hair" --limit 3
    """
    from ui.commands.memory import search

    guarded(lambda: search(home, query, limit, as_json), as_json)


@memory_app.command("list")
def memory_list(
    kind: Annotated[str, typer.Argument(help="Only this kind, e.g. character or image; empty: all.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List what is remembered and made.

    Example: studio memory list character
    """
    from ui.commands.memory import list_all

    guarded(lambda: list_all(home, kind, as_json), as_json)


@memory_app.command("export")
def memory_export(file: Annotated[Path, typer.Argument(help="A .jsonl file to write.")], home: Home = None) -> None:
    """Write everything remembered to a file.

    Example: studio memory export memory.jsonl
    """
    from ui.commands.memory import export

    guarded(lambda: export(home, file))


@memory_app.command("import")
def memory_import(file: Annotated[Path, typer.Argument(help="A .jsonl file of an export.")], home: Home = None) -> None:
    """Read an export; nothing that exists is overwritten.

    Example: studio memory import memory.jsonl
    """
    from ui.commands.memory import import_

    guarded(lambda: import_(home, file))


@memory_app.command("rebuild")
def memory_rebuild(home: Home = None) -> None:
    """Make the search index again from the database (after damage, or with another embedder).

    Example: studio memory rebuild --home ~/films
    """
    from ui.commands.memory import rebuild

    guarded(lambda: rebuild(home))


@memory_app.command("repair")
def memory_repair(home: Home = None) -> None:
    """Move a damaged database aside and save what can be read into a new one.

    Example: studio memory repair --home ~/films
    """
    from ui.commands.memory import repair

    guarded(lambda: repair(home))
