"""Who agreed that a voice is cloned or trained, and to what: asked for, kept with the character, told on."""

from __future__ import annotations

import datetime
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backends.voice.wav import read_origin
from configs.errors import QuestionOpen, UsageError
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table
from tools.voice.said_dates import date_in

if TYPE_CHECKING:
    from memory.records import Asset, Entry
    from memory.store import Memory

Basis = Literal["own_voice", "written_consent", "spoken_consent", "licensed_recording", "synthetic_voice"]
CLONING = frozenset({"gpt_sovits", "qwen3_tts"})
"""Engines whose voices are somebody's: what they speak is no voice of the studio's own."""
_SAID_LIMIT = 500
_NAME_WORDS = 4
_WORD = re.compile(r"[^\W_]+")
_WHO_DID = re.compile(
    r"(?:^|[.;,:!?])\s*((?:[A-ZÀ-Þ][^\W\d_'’-]+\s+){1,3})(?:has|have|gave|signed|agreed|consented|ha)\b"
)


@dataclass(frozen=True)
class Consent:
    """As it is kept in the memory of a character, `voice_source.consent`."""

    id: str
    basis: Basis
    person: str
    """Whose voice it is; '' for a synthetic one."""
    scope: str
    """What was agreed to."""
    given: str
    """The day on which it was given, ISO 8601, as the user told; '' where no day was named."""
    recorded: str
    """When the user said so, ISO 8601."""
    said: str
    """The user's own words, or what told the studio."""
    recordings: tuple[str, ...]
    """SHA-256 of every recording that it covers."""

    @property
    def line(self) -> str:
        """For people: 'written consent of Anna Rossi, given on 3 October 2026: cloning ... (con-...)'."""
        when = f"given on {in_words(self.given)}, noted on" if self.given else "noted on"
        return f"{self.short}, {when} {in_words(self.recorded)}: {self.scope} ({self.id})"

    @property
    def short(self) -> str:
        """'written consent of Anna Rossi', 'the user's own voice'."""
        base = _lexicon()["bases"][self.basis]
        return str(base["said_of"]).format(person=self.person) if self.person else str(base["said"])

    def to_data(self) -> dict[str, Any]:
        return {**asdict(self), "recordings": list(self.recordings)}

    def covering(self, recordings: Sequence[str]) -> Consent:
        """The same, for these recordings too."""
        return replace(self, recordings=tuple(dict.fromkeys([*self.recordings, *recordings])))


def consent_of(data: Mapping[str, Any]) -> Consent | None:
    """The consent in a character's `data`; None when there is none or it is unreadable."""
    source = data.get("voice_source")
    given = source.get("consent") if isinstance(source, Mapping) else None
    if not isinstance(given, Mapping) or given.get("basis") not in _lexicon()["bases"] or not given.get("id"):
        return None
    texts = {name: str(given.get(name, "")) for name in ("id", "person", "scope", "given", "recorded", "said")}
    texts["recorded"] = texts["recorded"] or str(given.get("date", ""))  # as it was called before
    if given["basis"] == "own_voice" and texts["person"] == "the user":  # likewise
        texts["person"] = ""
    recordings = given.get("recordings")
    known = tuple(str(one) for one in recordings) if isinstance(recordings, list) else ()
    return Consent(basis=given["basis"], recordings=known, **texts)


def consent_line(data: Mapping[str, Any]) -> str:
    """One line for lists of what is remembered; '' for a character without a cloned voice."""
    found = consent_of(data)
    return f"voice: {found.line}" if found is not None else ""


@dataclass(frozen=True)
class Recording:
    """What a voice is to be made from."""

    sha256: str
    name: str
    asset: Asset | None = None
    path: Path | None = None


def agreed(
    memory: Memory,
    character: str,
    entry: Entry | None,
    recordings: Sequence[Recording],
    said: str,
    person: str,
    *,
    deed: str = "cloned",
    today: str = "",
) -> Consent:
    """The consent that covers `recordings`, ready to be kept.

    In this order: what the studio itself made needs none; a recording that an earlier consent names is covered; what
    the user says now. `deed`: the word for what shall be done ('cloned', 'trained').

    Raises:
        QuestionOpen when somebody has to say who agreed, UsageError when nobody did.
    """
    recorded = today or datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    hashes = [one.sha256 for one in recordings]
    before = consent_of(entry.data) if entry is not None else None
    if before is not None and set(hashes) <= set(before.recordings):
        return before
    scope = str(_lexicon()["scope"]).format(character=character)
    made = [origin_of_recording(memory, one) for one in recordings]
    told = [one for one in made if one]
    if recordings and len(told) == len(recordings):
        inherited = [one for one in told if isinstance(one, Consent)]
        if inherited:
            return inherited[0].covering(hashes)
        if before is not None and before.basis == "synthetic_voice":
            return before.covering(hashes)
        return _new("synthetic_voice", "", scope, "", recorded, str(told[0]), hashes)
    if not said.strip() and not person.strip():
        raise _question(character, deed)
    if is_refusal(said):
        raise UsageError(
            f"The voice was not {deed}",
            "nobody agreed to it",
            "Ask the person, or record your own voice; the studio's own voices need nobody's consent",
        )
    if before is not None and _has(plain(said), _lexicon()["same_as_before"]):
        return before.covering(hashes)
    basis = read_basis(said)
    if basis is None:
        raise _question(character, deed)
    who = person.strip() or name_in(said)
    if basis in ("written_consent", "spoken_consent") and not who:
        raise _question(character, deed, "who")
    if basis == "licensed_recording" and len(plain(said).split()) < 2:
        raise _question(character, deed, "licence")
    if basis == "own_voice":
        who = person.strip()
    if basis == "synthetic_voice":
        who = ""
    if before is not None and (before.person, before.basis) == (who[:120], basis):
        return before.covering(hashes)
    given = _given(said, recorded)
    return _new(basis, who[:120], scope, given, recorded, " ".join(said.split())[:_SAID_LIMIT], hashes)


def origin_of_recording(memory: Memory, recording: Recording) -> Consent | str:
    """Where a synthetic recording comes from, in words; the consent that it was spoken under; '' = unknown.

    The studio's own record of a file with this content is believed first, then the tag inside the file.
    """
    asset = recording.asset if recording.asset is not None and recording.asset.engine else None
    asset = asset or memory.made_here(recording.sha256, "audio")
    if asset is not None and asset.tool in ("speak", "speak_dialogue") and asset.engine:
        if asset.engine not in CLONING:
            return f"spoken by the studio's own voice ({asset.engine}, {asset.id})"
        character = memory.resolve_character(str(asset.params.get("character", "")))
        return (consent_of(character.data) if character is not None else None) or ""
    origin = read_origin(recording.path) if recording.path is not None else None
    if origin is None:
        return ""
    if origin.consent:
        return _by_id(memory, origin.consent) or ""
    if origin.engine in CLONING:
        return ""
    return f"the file is marked as an AI-generated voice (engine {origin.engine or 'unknown'})"


def read_basis(said: str) -> Basis | None:
    """What a sentence says of the right to a voice; the longest phrase found decides."""
    words = plain(said)
    for denial in _lexicon()["not_own"]:
        words = words.replace(f" {plain(denial).strip()} ", " ")
    found = [
        (len(phrase), basis)
        for basis, entry in _lexicon()["bases"].items()
        for phrase in entry["phrases"]
        if _has(words, [phrase])
    ]
    firm = [one for one in found if one[1] != "spoken_consent"]
    return max(firm or found)[1] if found else None


def name_in(said: str) -> str:
    """Who is named as having agreed: 'written consent of Anna Rossi, 3 May' -> 'Anna Rossi'; '' when nobody is."""
    words = _lexicon()
    lead = "|".join(re.escape(word) for word in sorted(words["of_whom"], key=len, reverse=True))
    for match in re.finditer(rf"(?:^|\W)(?:{lead})\s*(?P<rest>[^\W\d_][^,;:()]*)", said, re.IGNORECASE):
        name: list[str] = []
        for word in match["rest"].split()[:_NAME_WORDS]:
            bare = word.strip('.!?"“”')
            # names begin with a capital letter: 'consent of the owner' names nobody
            if not bare[:1].isupper() or bare.casefold() in words["name_ends"]:
                break
            name.append(bare)
        if name:
            return " ".join(name)
    for match in _WHO_DID.finditer(said):
        kept = [word for word in match[1].split() if word.casefold() not in words["no_names"]]
        if kept:
            return " ".join(kept)
    return ""


def _question(character: str, deed: str, which: str = "ask") -> QuestionOpen:
    words = _lexicon()["question"]
    offered = tuple(_lexicon()["choices"]) if which == "ask" else ()
    return QuestionOpen(f"The voice was not {deed} for {character} yet", words["kept"], words[which], offered)


def _given(said: str, recorded: str) -> str:
    """The day that `said` names, ISO 8601. Raises QuestionOpen for one that is still to come."""
    today = datetime.date.fromisoformat(recorded[:10])
    found = date_in(said, today)
    if found is not None and found > today:
        raise QuestionOpen(
            "The voice was not used yet",
            f"{in_words(found.isoformat())} is still to come",
            "When was it given?",
        )
    return found.isoformat() if found is not None else ""


def in_words(date: str) -> str:
    """'3 October 2026' for an ISO date or time; what cannot be read stays as it is."""
    try:
        day = datetime.date.fromisoformat(date[:10])
    except ValueError:
        return date
    return f"{day.day} {day:%B} {day.year}"


def _new(basis: Basis, who: str, scope: str, given: str, recorded: str, said: str, hashes: Sequence[str]) -> Consent:
    # Without the time of recording: a clone that is made again after a kill is the same clone.
    mark = hashlib.sha256("|".join((basis, who, scope, given, said, *hashes)).encode()).hexdigest()[:10]
    return Consent(f"con-{mark}", basis, who, scope, given, recorded, said, tuple(hashes))


def _by_id(memory: Memory, wanted: str) -> Consent | None:
    found = (consent_of(entry.data) for entry in memory.list_entries("character"))
    return next((one for one in found if one is not None and one.id == wanted), None)


def _has(words: str, phrases: Sequence[str]) -> bool:
    return any(f" {plain(phrase).strip()} " in words for phrase in phrases)


def is_refusal(said: str) -> bool:
    """Whether these words say that nobody agreed."""
    return _has(plain(said), _lexicon()["refusal"])


def plain(text: str) -> str:
    """Lower case, no accents, words parted by single spaces, a space at both ends."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if unicodedata.category(c) != "Mn")
    return " " + " ".join(_WORD.findall(bare)) + " "


@cache
def _lexicon() -> dict[str, Any]:
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "voice" / "consent.yaml")
    return loaded
