"""What a script is once it is read, and the one way its lines are put together, whatever form it is written in."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from backends.voice.emotions.feeling import DEFAULT_INTENSITY, emotion_text
from backends.voice.emotions.prosody import emotion_named
from backends.voice.texts.language import language_tag
from backends.voice.texts.script import read_line, words_of
from backends.voice.texts.written import clean_name, without_codes, without_markup
from configs.dialogue import dialogue_config
from configs.errors import UsageError
from tools.voice.gates import gates

NARRATOR_WORDS = frozenset({"narrator", "narratore", "narratrice", "voce narrante", "narration"})
MOST_NAME = 60
_PARENTHESES = re.compile(r"\(([^()]{0,200})\)")
_LEADING = re.compile(r"^\s*[(\[]([^()\[\]]{1,200})[)\]]\s*")
_STRONG = re.compile(r"\*{2,3}([^*\n]+)\*{2,3}")
_UNDERLINED = re.compile(r"(?<!\w)_([^_\n]+)_(?!\w)")
_ADDRESSED = re.compile(r"^(to|a|al|alla|allo|ad|towards?|verso|into|at|looking|guardando|turning|re)\b|^all'", re.I)


@dataclass(frozen=True)
class ScriptLine:
    """One spoken line, with what the script says of how and when."""

    character: str
    """As written, capitals undone; '' is the narrator."""
    text: str
    emotion: str = "neutral"
    """As `speak` takes it."""
    intensity: float = DEFAULT_INTENSITY
    language: str = ""
    scene: int = 0
    """Index into `Script.scenes`."""
    row: int = 0
    """Row of the table or line of the file, from 1; 0: it has none."""
    directions: tuple[str, ...] = ()
    """Parentheticals that are no emotion: '(laughs)' may be performed, which depends on who says it."""
    beat: bool = False
    """A pause stands before it."""
    cuts_in: bool = False
    """It interrupts the line before."""
    together: bool = False
    """It is spoken over the line before."""
    continued: bool = False
    """It goes on with the speech of the line before."""


@dataclass(frozen=True)
class Script:
    """A script as it will be spoken."""

    lines: tuple[ScriptLine, ...]
    scenes: tuple[str, ...] = ("",)
    """Headings in story order; ('',) where the script has none."""
    notes: tuple[str, ...] = ()
    """What was left out or read otherwise, with rows; for the user."""
    form: str = ""

    def only(self, scene: int) -> Script:
        """This scene alone."""
        return replace(self, lines=tuple(line for line in self.lines if line.scene == scene))


@dataclass
class Draft:
    """A script while it is read: good lines are kept, bad rows are told, nothing is guessed silently."""

    unit: str = "line"
    """What `row` counts: line | row | cue | shot."""
    languages: Collection[str] = ()
    """Primary tags that can be spoken; () = not known here."""
    names: Collection[str] = ()
    """Of known characters."""
    capitals: bool = False
    """True: names in capitals are names ('TARS'); else they are how scripts write names ('LUCA' is Luca)."""
    lines: list[ScriptLine] = field(default_factory=list)
    scenes: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    marked: list[int] = field(default_factory=list)
    """Rows with markup (HTML, SSML), which is not spoken."""
    _beat: bool = False

    def scene(self, heading: str) -> None:
        """A new scene begins (the same heading as before: it goes on)."""
        shown = " ".join(heading.split())[:120]
        if not self.scenes and self.lines:
            self.scenes.append("")  # what was said before the first heading
        if not self.scenes or self.scenes[-1] != shown:
            self.scenes.append(shown)

    def beat(self) -> None:
        """A pause stands before the next line."""
        self._beat = True

    def line(
        self,
        row: int,
        character: str,
        text: str,
        *,
        emotion: str = "",
        intensity: float = DEFAULT_INTENSITY,
        language: str = "",
        directions: Iterable[str] = (),
        together: bool = False,
        continued: bool = False,
    ) -> None:
        """Add a line; one that cannot be spoken is left out and told by its row."""
        name, beside = _name(character, capitals=self.capitals)
        directed = [*directions, *beside]
        while match := _LEADING.match(text):
            if not words_of(text[match.end() :]):
                break  # '(laughs)' alone is the line
            directed.append(match.group(1))
            text = text[match.end() :]
        shown = without_markup(text)
        if shown != text:
            self.marked.append(row)
        plain = _plain(shown)
        if why := _unspeakable(plain):
            self.bad.append(f"{self.unit} {row}: {why}")
            return
        made = ScriptLine(
            name, plain, intensity=intensity, language=self._language(language, row),
            scene=max(0, len(self.scenes) - 1), row=row, beat=self._beat, together=together, continued=continued,
        )  # fmt: skip
        self._beat = False
        self.lines.append(self._directed(made, emotion, directed))

    def script(self, form: str) -> Script:
        """What was read. Raises UsageError with the bad rows when no line is left."""
        if not self.lines:
            raise UsageError(
                "The script has no line that can be spoken", _some(self.bad, 3) or "nobody says anything in it",
                _FORMS.get(form, "Write lines as 'NAME: words'"),
            )  # fmt: skip
        used = sorted({line.scene for line in self.lines})
        place = {scene: number for number, scene in enumerate(used)}
        lines = tuple(replace(line, scene=place[line.scene]) for line in self.lines)
        headings = tuple(self.scenes[scene] if scene < len(self.scenes) else "" for scene in used)
        notes = [f"Left out: {_some(self.bad, 6)}."] if self.bad else []
        if self.marked:
            rows = _some([str(row) for row in dict.fromkeys(self.marked)], 6).replace(";", ",")
            notes.append(f"Markup such as <b> is not spoken: {self.unit} {rows}.")
        if self.doubts:
            notes.append(f"Read otherwise than written: {_some(self.doubts, 6)}.")
        return Script(lines, headings, tuple(notes), form)

    def _language(self, written: str, row: int) -> str:
        if not written.strip() or not self.languages:
            return written.strip()
        try:
            return language_tag(written, self.languages)
        except UsageError as error:
            fix = f" ({error.fix.rstrip('?')}?)" if error.fix.startswith("Did you mean") else ""
            self.doubts.append(f"{self.unit} {row}: no language '{written.strip()[:20]}'{fix}, taken from its words")
            return ""

    def _directed(self, line: ScriptLine, emotion: str, directions: Iterable[str]) -> ScriptLine:
        felt, rest, marks = _direction(emotion)
        for unknown in rest:
            self.doubts.append(f"{self.unit} {line.row}: no emotion '{unknown[:30]}'{_near(unknown)}, so neutral")
        left: list[str] = []
        for direction in directions:
            other, rest, more = _direction(direction)
            felt = felt or other
            marks |= more
            left += rest
        return replace(
            line,
            emotion=felt or "neutral",
            directions=tuple(left),
            beat=line.beat or "beat" in marks,
            cuts_in="cuts_in" in marks,
            together=line.together or "together" in marks,
        )


def _direction(text: str) -> tuple[str, list[str], set[str]]:
    """A direction such as 'whispering, to Luca': its emotion ('' = none), what is neither, and what it says of time."""
    marks: set[str] = set()
    if not text.strip():
        return "", [], marks
    felt, rest = "", []
    for part in [text, *_parts(text)]:
        plain, bare = " ".join(words_of(part)), part.casefold().strip(" .")
        mark = next((mark for mark, kind in _MARKS if plain in _words(kind)), "")
        if mark:
            marks.add(mark)
        elif not {plain, bare} & _words("unvoiced") and not _ADDRESSED.match(part):
            try:
                own = _emotion(part)
                felt = felt or own
            except UsageError:
                if part is not text or len(_parts(text)) < 2:
                    rest.append(part.strip())
                continue
        if part is text:
            return felt, rest, marks
    return felt, list(dict.fromkeys(rest)), marks


def _emotion(part: str) -> str:
    """An emotion, also in 'angry at Luca' and 'visibly happy'. Raises UsageError when there is none."""
    try:
        return emotion_text(part)
    except UsageError:
        words = words_of(part)
        if len(words) < 2 or len(_parts(part)) > 1 or words[0] in _DENIALS:
            raise
    try:
        return emotion_named(words[0])
    except UsageError:
        return emotion_named(words[-1])


_DENIALS = frozenset({"not", "no", "non", "without", "senza", "less", "meno"})
_MARKS = (("beat", "beats"), ("cuts_in", "interrupts"), ("together", "overlaps"))


def _near(unknown: str) -> str:
    try:
        emotion_text(unknown)
    except UsageError as error:
        near = re.search(r"Did you mean '([^']+)'", error.fix)
        return f" (did you mean '{near.group(1)}'?)" if near else ""
    return ""


def _parts(direction: str) -> list[str]:
    return [part for part in (piece.strip() for piece in re.split(r"[,;/]|\band\b|\be poi\b", direction)) if part]


@cache
def _words(kind: str) -> frozenset[str]:
    return frozenset(str(word).strip(" .") for word in dialogue_config()[kind])


def is_beat(direction: str) -> bool:
    """Whether a direction is a pause: '(beat)', 'Pausa.'."""
    return " ".join(words_of(direction)) in _words("beats")


def _name(written: str, *, capitals: bool = False) -> tuple[str, list[str]]:
    """A character's name without what stands beside it ('LUCA (V.O.)'), and that."""
    beside = [inner.strip() for inner in _PARENTHESES.findall(written) if inner.strip()]
    name = " ".join(_PARENTHESES.sub(" ", written).replace("*", " ").strip(" ^@:-–—").split())
    name = clean_name(name, MOST_NAME)
    if name.casefold() in NARRATOR_WORDS:
        return "", beside
    return (_uncapped(name) if name.isupper() and not capitals else name), beside


def _uncapped(name: str) -> str:
    """'NONNA ROSA' -> 'Nonna Rosa'; what holds digits stays ('R2-D2')."""
    return " ".join(word if any(c.isdigit() for c in word) or len(word) < 2 else word.title() for word in name.split())


def _plain(text: str) -> str:
    """A line without bold and underline; single stars stay: they may be performed ('*beeps*')."""
    text = re.sub(r"\\([*_])", "", without_codes(text))
    text = _UNDERLINED.sub(r"\1", _STRONG.sub(r"\1", text))
    return " ".join(text.split())


def _unspeakable(text: str) -> str:
    limit = int(gates()["max_characters"])
    if not text:
        return "no text to speak"
    if len(text) > limit:
        return f"{len(text):,} letters, at most {limit:,} go into one line, so split it"
    return "" if read_line(text) else f"nothing to speak in '{text[:20]}'"


def _some(items: list[str], count: int) -> str:
    shown = "; ".join(items[:count])
    return shown + (f"; and {len(items) - count} more" if len(items) > count else "")


_FORMS = {
    "fountain": "In Fountain a character's name stands in capitals on a line of its own, the words on the next",
    "csv": "Give a table with the columns character and text",
    "srt": "Write cues as 'NAME: words'",
    "vtt": "Write cues as 'NAME: words' or '<v NAME>words'",
    "plain": "Write lines as 'NAME: words'",
    "storyboard": "Choose a storyboard whose shots have lines",
}
