"""Captions as an ASS script for libass, in which the user's text can never become a command."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import groupby
from pathlib import Path

from configs.errors import UsageError
from tools.editing.cut import Words
from tools.editing.lettering import Setting, clean, faces, set_text
from tools.editing.presets import CaptionStyle, caption_presets
from tools.editing.reveal import Span, times_of

ALIGNMENT = {"bottom": 2, "bottom_left": 1, "center": 5, "top": 8}
"""ASS numpad positions."""
LEFT_SHARE = 0.07
"""Of the frame's width, free on the left of what stands there."""
SECOND_LINE = 0.7
"""Size of a lower third's further lines."""
AIR_LINES = 0.5
"""Between a line at the bottom and a lower third above it, in lines."""
FADE_SHARE = 0.2
"""Of a caption's time that coming and going may take each: a short one would go before it is there."""
POP_MS = (110, 190)
"""When a caption that jumps is at its largest, and at rest."""
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
        setting = replace(setting, size=setting.size * word.scale)
        look = caption_presets().styles[word.style]
        styles.append(_style(number, look, setting, word, width, height))
        times = times_of(word, setting, look, fps) if look.reveal else ()
        said = _text(setting, look, times, _first_lines(word.text, setting))
        events.append(
            f"Dialogue: 0,{_clock(word.start, fps)},{_clock(word.end, fps)},s{number},,0,0,0,,"
            f"{_movement(look, (word.end - word.start) / fps)}{said}"
        )
    head = HEADER.format(width=width, height=height)
    return head + "\n".join(styles) + "\n" + EVENTS + "\n".join(events) + "\n"


def _style(number: int, look: CaptionStyle, setting: Setting, word: Words, width: int, height: int) -> str:
    home = home_of(word, look)
    left = round(LEFT_SHARE * width) if home == "bottom_left" else 0
    waiting = _colour(look.waiting, 0.0 if look.reveal == "letters" else 1.0)
    edge = _colour(look.ground, look.ground_opacity) if look.ground else _colour(look.edge)
    return (
        f"Style: s{number},{look.family},{setting.size:.2f},{_colour(look.colour)},{waiting},{edge},&H80000000,"
        f"0,0,0,0,100,100,0,{look.tilt:g},{3 if look.ground else 1},"
        f"{look.outline * setting.size:.2f},{look.shadow * setting.size:.2f},"
        f"{ALIGNMENT.get(home, 2)},{left},0,{round((look.margin + word.lifted) * height)},-1"
    )


def home_of(word: Words, look: CaptionStyle) -> str:
    """Where a caption stands: a key of `ALIGNMENT`."""
    return word.position if word.position in ("top", "center") else look.home


def stacked(words: Sequence[Words], width: int, height: int) -> tuple[Words, ...]:
    """The captions with each lower third lifted above the lines that stand at the bottom while it is shown.

    All captions of a film are given at once, so that none jumps where a segment ends. Text that cannot be set lifts
    nothing; it is refused where it is drawn.
    """
    looks = caption_presets().styles
    low = [word for word in words if word.style in looks and home_of(word, looks[word.style]) == "bottom"]
    made = []
    for word in words:
        look = looks.get(word.style)
        if look is None or home_of(word, look) != "bottom_left":
            made.append(word)
            continue
        below = [_top(one, width, height) for one in low if one.start < word.end and word.start < one.end]
        made.append(replace(word, lifted=round(max(0.0, max(below, default=0.0) - look.margin), 4)))
    return tuple(made)


def _top(word: Words, width: int, height: int) -> float:
    """Share of the frame's height, from below, up to which a caption at the bottom reaches, with a little air."""
    look = caption_presets().styles[word.style]
    try:
        setting = set_text(word.text, word.style, width, height)
    except UsageError:
        return 0.0
    return look.margin + (len(setting.lines) + AIR_LINES) * setting.size / height


def _colour(rgb: str, opacity: float = 1.0) -> str:
    """#rrggbb as ASS writes it: transparency, blue, green, red."""
    return f"&H{round(255 * (1 - opacity)):02X}{rgb[5:7]}{rgb[3:5]}{rgb[1:3]}".upper()


def _movement(look: CaptionStyle, seconds: Fraction) -> str:
    """Tags of how a caption that lasts so long comes and goes."""
    tags = ""
    if look.fade:
        fade = round(1000 * min(look.fade, FADE_SHARE * float(seconds)))
        tags += f"\\fad({fade},{fade})"
    if look.pop:
        tags += "\\fscx40\\fscy40" + "".join(
            f"\\t({start},{end},\\fscx{size}\\fscy{size})"
            for start, end, size in ((0, POP_MS[0], 112), (POP_MS[0], POP_MS[1], 100))
        )
    return f"{{{tags}}}" if tags else ""


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
                try:
                    shutil.copyfile(face.file, draft)
                    draft.replace(target)
                finally:
                    draft.unlink(missing_ok=True)  # half a font would be read as one
    return folder


def _first_lines(text: str, setting: Setting) -> int:
    """How many of the set lines belong to the text's first one."""
    left = sum(not sign.isspace() and sign not in setting.missing for sign in clean(text).split("\n")[0])
    for number, line in enumerate(setting.lines, 1):
        left -= sum(not sign.isspace() for _, run in line for sign in run)
        if left <= 0:
            return number
    return len(setting.lines)


def _text(setting: Setting, look: CaptionStyle, times: Sequence[Span], first: int) -> str:
    """The words of an ASS event; of a lower third, lines behind the `first` ones are set smaller."""
    lines, letter, clock = [], 0, 0
    for number, line in enumerate(setting.lines):
        made = f"{{\\fs{setting.size * SECOND_LINE:.2f}}}" if number >= first and look.home == "bottom_left" else ""
        for face, text in line:
            if look.reveal:
                written, letter, clock = _revealed(text, times, letter, clock, look)
            else:
                written = escape(text)
            made += written if face.family == look.family else f"{{\\fn{face.family}}}{written}{{\\fn{look.family}}}"
        lines.append(made)
    return "\\N".join(lines)


def _revealed(text: str, times: Sequence[Span], letter: int, clock: int, look: CaptionStyle) -> tuple[str, int, int]:
    """The text with ASS' syllables, each of one time; then the next letter's number, and hundredths of a second."""
    kind = "\\kf" if look.reveal == "words" else "\\ko"
    made = ""
    for span, group in groupby(_spans(text, times, letter), key=lambda pair: pair[0]):
        piece = "".join(sign for _, sign in group)
        letter += sum(not sign.isspace() for sign in piece)
        begin, end = round(span[0] * 100), round(span[1] * 100)
        if begin > clock:
            made += f"{{\\k{begin - clock}}}"
        made += f"{{{kind}{max(0, end - max(begin, clock))}}}{escape(piece)}"
        clock = max(clock, end)
    return made, letter, clock


def _spans(text: str, times: Sequence[Span], letter: int) -> Iterator[tuple[Span, str]]:
    """Each sign with the time of its word; space goes with what is before it."""
    for sign in text:
        letter += not sign.isspace()
        yield times[max(0, min(letter, len(times)) - 1)], sign


def _clock(frame: int, fps: Fraction) -> str:
    """ASS time at or just before a frame: rounded down, so that the frame itself is the first one inside."""
    hundredths = int(frame * 100 / fps)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"
