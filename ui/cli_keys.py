"""`studio keys ...` on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.options import AsJson, Home, guarded

keys_app = typer.Typer(no_args_is_help=True, help="Keys of the gateway, for clients on other machines.")


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="Whom or what the key is for.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make a key for the gateway and show it, this once. Example: studio keys add laptop"""
    from ui.commands.keys import add

    guarded(lambda: add(home, name, as_json), as_json)


@keys_app.command("list")
def keys_list(home: Home = None, as_json: AsJson = False) -> None:
    """List the keys: names, when they were made, last letters; the keys themselves are not stored.

    Example: studio keys list --json
    """
    from ui.commands.keys import list_keys

    guarded(lambda: list_keys(home, as_json), as_json)


@keys_app.command("remove")
def keys_remove(
    name: Annotated[str, typer.Argument(help="Name of the key.")], home: Home = None, as_json: AsJson = False
) -> None:
    """Make a key worthless. Example: studio keys remove laptop"""
    from ui.commands.keys import remove

    guarded(lambda: remove(home, name, as_json), as_json)
