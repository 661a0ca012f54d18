"""Captions as an ASS script for libass, in which the user's text can never become a command."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from tools.editing.lettering import Setting, faces, set_text
from tools.editing.presets import caption_presets
from tools.editing.program import Words

ALIGNMENT = {"bottom": 2, "center": 5, "top": 8}
"""ASS numpad positions, centred."""
HEADER = """[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
WrapStyle: 2
ScaledBorderAndShadow: yes
YCbCr Matrix: None

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
"""
EVENTS = """
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
WORD_JOINER = "\u2060"


def script(words: Sequence[Words], width: int, height: int, fps: Fraction) -> str:
    """An ASS script that shows each caption exactly on its frames. Raises UsageError for text that cannot be set."""
    styles: list[str] = []
    events: list[str] = []
    for number, word in enumerate(words):
        setting = set_text(word.text, word.style, width, height)
        look = caption_presets().styles[word.style]
        margin = round(look.margin * height)
        styles.append(
            f"Style: s{number},{look.family},{setting.size:.2f},&H00FFFFFF,&H00FFFFFF,&H00000000,&H80000000,"
            f"0,0,0,0,100,100,0,0,1,{look.outline * setting.size:.2f},{look.shadow * setting.size:.2f},"
            f"{ALIGNMENT.get(word.position, 2)},0,0,{margin},-1"
        )
        events.append(
            f"Dialogue: 0,{_clock(word.start, fps)},{_clock(word.end, fps)},s{number},,0,0,0,,"
            f"{_text(setting, look.family)}"
        )
    head = HEADER.format(width=width, height=height)
    return head + "\n".join(styles) + "\n" + EVENTS + "\n".join(events) + "\n"


def escape(text: str) -> str:
    """`text` as libass shows it letter by letter: braces escaped, no backslash that could begin a command."""
    joined = text.replace("\\", f"\\{WORD_JOINER}")
    return joined.replace("{", "\\{").replace("}", "\\}").replace("\n", "\\N")


def font_folder(cache: Path) -> Path:
    """A folder with the caption fonts only, for libass' `fontsdir`; made once."""
    folder = cache / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    for style in caption_presets().styles.values():
        for face in faces(style):
            target = folder / face.file.name
            if not target.exists():
                draft = target.with_suffix(f".{uuid.uuid4().hex}.part")
                shutil.copyfile(face.file, draft)
                draft.replace(target)
    return folder


def _text(setting: Setting, family: str) -> str:
    lines = []
    for line in setting.lines:
        runs = (
            escape(text) if face.family == family else f"{{\\fn{face.family}}}{escape(text)}{{\\r}}"
            for face, text in line
        )
        lines.append("".join(runs))
    return "\\N".join(lines)


def _clock(frame: int, fps: Fraction) -> str:
    """ASS time at or just before a frame: rounded down, so that the frame itself is the first one inside."""
    hundredths = int(frame * 100 / fps)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"
