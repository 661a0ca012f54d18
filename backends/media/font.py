"""The font that comes with the studio, so that captions look the same on a machine without any fonts.

Open Sans (Apache-2.0) from the `ttf-opensans` package: Latin, Greek and Cyrillic.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from configs.errors import StudioError

FONT_FAMILY = "Open Sans"
"""The family name for ASS styles; pair it with `fontsdir=fonts_dir()`."""
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/Library/Fonts",
                "/System/Library/Fonts")  # fmt: skip
FontWeight = Literal["Regular", "Italic", "SemiBold", "Bold", "BoldItalic", "ExtraBold"]


@cache
def fonts_dir() -> Path:
    """The folder of the packaged font files, for libass' `fontsdir`. Raises StudioError when the package is missing."""
    try:
        folder = Path(str(files("ttf_opensans"))) / "ttf"
    except ModuleNotFoundError as error:
        raise StudioError(
            "The caption font is missing", "the package ttf-opensans is not installed", "Run 'make chat' again"
        ) from error
    return folder


def font_file(weight: FontWeight = "Regular") -> Path:
    """A TrueType file of the packaged font, for `drawtext=fontfile=` and Pillow."""
    path = fonts_dir() / f"OpenSans-{weight}.ttf"
    if not path.is_file():
        raise StudioError(f"The caption font '{weight}' is missing", f"{path.name} is not in ttf-opensans")
    return path


def find_font(name: str) -> Path:
    """A font file by its path, or by its name anywhere in the machine's font folders; what is not there is no file."""
    path = Path(name)
    return path if path.is_absolute() else _installed().get(name, path)


@cache
def _installed() -> dict[str, Path]:
    """Font files of this machine by name; distributions put the same fonts into different folders."""
    found: dict[str, Path] = {}
    for folder in FONT_FOLDERS:
        for root, _, names in os.walk(Path(folder).expanduser()):
            for name in sorted(names):
                if name.endswith((".ttf", ".otf", ".ttc")):
                    found.setdefault(name, Path(root) / name)
    return found


def font_environment() -> dict[str, str]:
    """The environment in which ffmpeg sees no system font: the same captions on every machine."""
    return {**os.environ, "FONTCONFIG_FILE": str(Path(__file__).with_name("fonts.conf"))}
