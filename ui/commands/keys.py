"""`studio keys ...`: who may use the gateway from other machines."""

from __future__ import annotations

import json
from pathlib import Path

from backends.llm.gateway.keys import KeyStore
from configs.workspace import Workspace
from ui.opening import settings_for


def add(home: Path | None, name: str, as_json: bool) -> None:
    """Print the new key; it cannot be shown again."""
    key = _store(home).add(name)
    if as_json:
        print(json.dumps({"name": name, "key": key}))
        return
    print(key)
    print("Keep it now: only its hash is stored, it cannot be shown again.")


def list_keys(home: Path | None, as_json: bool) -> None:
    """Print names, dates and last characters."""
    keys = _store(home).list()
    if as_json:
        rows = [{"name": key.name, "created": key.created, "last4": key.last4} for key in keys]
        print(json.dumps({"keys": rows}))
        return
    width = max((len(key.name) for key in keys), default=0)
    for key in keys:
        print(f"{key.name:<{width}}  made {key.created[:16].replace('T', ' ')} UTC  ends in {key.last4}")
    if not keys:
        print("No keys yet: 'studio keys add NAME' makes one.")


def remove(home: Path | None, name: str, as_json: bool) -> None:
    """Make a key worthless; a running gateway heeds it at once."""
    _store(home).remove(name)
    print(json.dumps({"removed": name}) if as_json else f"The key '{name}' is worthless now.")


def _store(home: Path | None) -> KeyStore:
    return KeyStore.of_home(Workspace.open(settings_for(home).home).home)
