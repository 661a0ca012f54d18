"""The chat's page settings: copied into the home folder, where Chainlit wants a folder that it may write to."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import zlib
from pathlib import Path
from typing import Any

from configs.errors import StudioError

SITE = Path(__file__).parent / "site"
_MAX_SIZE = re.compile(r"^max_size_mb = \d+$", re.MULTILINE)
_EXTERNAL = re.compile(rb"<link\b[^>]*https?://[^>]*>", re.IGNORECASE)


def prepare_site(home: Path, badge: str = "", max_upload_mib: int = 500) -> Path:
    """Write the page's settings below `home` and point Chainlit at them; call it before chainlit is imported.

    Args:
        badge: who answers and who draws; it stands below the field for messages, in the place of Chainlit's remark.
        max_upload_mib: largest file that the page sends, MiB.

    Returns the folder. The session secret is made once and kept, so that sessions survive a restart.
    """
    root = home / "chat"
    (root / ".chainlit" / "translations").mkdir(parents=True, exist_ok=True)
    config = (SITE / "dot_chainlit" / "config.toml").read_text(encoding="utf-8")
    config = _MAX_SIZE.sub(f"max_size_mb = {max_upload_mib}", config)
    (root / ".chainlit" / "config.toml").write_text(config, encoding="utf-8")
    _write_translations(root / ".chainlit" / "translations", badge)
    shutil.copyfile(SITE / "chainlit.md", root / "chainlit.md")
    shutil.copytree(SITE / "public", root / "public", dirs_exist_ok=True)
    os.environ["CHAINLIT_APP_ROOT"] = str(root)
    os.environ["CHAINLIT_AUTH_SECRET"] = _secret(root / "session.key")
    # browsers keep cookies by host and not by port: two studios on one machine must not overwrite each other's
    os.environ["CHAINLIT_AUTH_COOKIE_NAME"] = f"studio_{zlib.crc32(str(home.resolve()).encode()):08x}"
    os.environ["CHAINLIT_COOKIE_SAMESITE"] = "strict"
    return root


def _write_translations(folder: Path, badge: str) -> None:
    """Chainlit's own words in every language that it has, with the studio's in their place."""
    package = importlib.util.find_spec("chainlit")
    if package is None or package.origin is None:
        raise StudioError("The chat cannot start", "chainlit is not installed", "Run 'make chat'")
    own = json.loads((SITE / "words.json").read_text(encoding="utf-8"))
    for file in (Path(package.origin).parent / "translations").glob("*.json"):
        words = _merged(json.loads(file.read_text(encoding="utf-8")), own["all"])
        words = _merged(words, own["en"]) if file.stem.startswith("en") else words
        words = _merged(words, {"chat": {"watermark": badge}})
        (folder / file.name).write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
        # a readme in each language too, or every page load leaves a warning on the terminal
        shutil.copyfile(SITE / "chainlit.md", folder.parents[1] / f"chainlit_{file.stem}.md")


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the leaves of `over`."""
    return base | {k: _merged(base.get(k, {}), v) if isinstance(v, dict) else v for k, v in over.items()}


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
