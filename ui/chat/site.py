"""The chat's page settings: copied into the home folder, where Chainlit wants a folder that it may write to."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path

SITE = Path(__file__).parent / "site"
_EXTERNAL = re.compile(rb"<link\b[^>]*https?://[^>]*>", re.IGNORECASE)


def prepare_site(home: Path) -> Path:
    """Write the page's settings below `home` and point Chainlit at them; call it before chainlit is imported.

    Returns the folder. The session secret is made once and kept, so that sessions survive a restart.
    """
    root = home / "chat"
    (root / ".chainlit").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SITE / "dot_chainlit" / "config.toml", root / ".chainlit" / "config.toml")
    shutil.copyfile(SITE / "chainlit.md", root / "chainlit.md")
    shutil.copytree(SITE / "public", root / "public", dirs_exist_ok=True)
    os.environ["CHAINLIT_APP_ROOT"] = str(root)
    os.environ["CHAINLIT_AUTH_SECRET"] = _secret(root / "session.key")
    return root


def without_external_links(page: bytes) -> bytes:
    """The page without links to other hosts: the studio works with no internet, and a dead host stalls rendering."""
    return _EXTERNAL.sub(b"", page)


def _secret(file: Path) -> str:
    if not file.is_file():
        partial = file.with_suffix(".part")
        partial.write_text(secrets.token_urlsafe(48), encoding="utf-8")
        partial.chmod(0o600)
        partial.replace(file)
    return file.read_text(encoding="utf-8")
