"""The beat sheet: what each beat is for, when it comes, and which measured moment it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from memory.records import Score
from tools.editing.parody.choose import Choice
from tools.editing.parody.compose import Composition
from tools.editing.parody.script import Script

HONEST = "Whether any of it is funny was not measured: there is no measure of that."
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;"
    "background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.4rem .6rem;text-align:left;"
    "vertical-align:top}th{color:#666;font-weight:600}.role{font-variant:small-caps}q{font-style:italic}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#444}th{color:#999}}"
)


def sheet_data(
    script: Script, choice: Choice, others: Sequence[Choice], made: Composition, scores: Sequence[Score], clip: str
) -> dict[str, Any]:
    """The sheet as JSON-ready facts; times in seconds of the parody, `moment.at` in seconds of the clip."""
    cues: dict[str, list[dict[str, Any]]] = {}
    for cue in made.cues:
        cues.setdefault(cue.beat, []).append({"sound": cue.name, "at": round(cue.at, 3), "falls_on": cue.wanted})
    return {
        "clip": clip,
        "recipe": script.name,
        "structure": script.recipe.about,
        "call_back": script.recipe.call_back,
        "why": choice.why,
        "others": [{"recipe": other.name, "score": other.score} for other in others if other.name != script.name][:5],
        "seconds": round(script.frames / script.fps, 4),
        "fps": script.fps,
        "language": script.language,
        "words_by": script.words_by,
        "beats": [_beat(script, index, cues) for index in range(len(script.beats))],
        "measures": {score.name: score.value for score in scores},
        "notes": [*script.notes, HONEST],
    }


def _beat(script: Script, index: int, cues: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    beat = script.beats[index]
    fact: dict[str, Any] = {
        "beat": beat.name,
        "role": beat.slot.role,
        "start": round(beat.start / script.fps, 3),
        "end": round((beat.start + beat.frames) / script.fps, 3),
        "shows": beat.slot.show,
        "stands_on": beat.why,
        "line": beat.line,
        "voice": beat.slot.voice if beat.line else "",
        "text": beat.text,
        "sounds": cues.get(beat.name, []),
        "written_by": "language model" if beat.slot.id in script.written else "library",
    }
    if beat.moment is not None:
        fact["moment"] = {"kind": beat.moment.kind, "at": round(beat.moment.at, 3), "figure": beat.moment.note}
        fact["seen_at"] = [round(beat.start / script.fps + hit, 3) for hit in beat.hits]
    return fact


def sheet_page(sheet: dict[str, Any]) -> str:
    """The sheet as a page to read; every text in it is data and escaped."""
    rows = "".join(_row(beat) for beat in sheet["beats"])
    measures = "".join(
        f"<tr><td>{escape(str(name)).replace('_', ' ')}</td>"
        f"<td>{'not measured' if value is None else f'{value:g}'}</td></tr>"
        for name, value in sheet["measures"].items()
    )
    notes = "".join(f"<li>{escape(str(note))}</li>" for note in sheet["notes"])
    others = ", ".join(f"{escape(one['recipe'])} ({one['score']:.2f})" for one in sheet["others"])
    return (
        f"<!doctype html><html lang='{escape(sheet['language'])}'><meta charset='utf-8'><title>Beat sheet</title>"
        f"<style>{STYLE}</style><h1>{escape(sheet['recipe'].replace('_', ' ').capitalize())}</h1>"
        f"<p>{escape(sheet['structure'])}</p><p>From <b>{escape(sheet['clip'])}</b>, {sheet['seconds']:.2f} s at "
        f"{sheet['fps']:g} fps. Chosen: {escape(sheet['why'])}.{f' Others: {others}.' if others else ''} Call-back: "
        f"{escape(sheet['call_back'])}. Words by {escape(sheet['words_by'])}.</p>"
        "<table><tr><th>Time</th><th>Beat</th><th>Stands on</th><th>Said and written</th><th>Sounds</th></tr>"
        f"{rows}</table><h2>Measured</h2><table>{measures}</table><ul>{notes}</ul></html>"
    )


def _row(beat: dict[str, Any]) -> str:
    said = f"{escape(beat['voice'])}: <q>{escape(beat['line'])}</q><br>" if beat["line"] else ""
    text = escape(beat["text"]).replace("\n", " / ")
    sounds = ", ".join(f"{escape(one['sound'].replace('_', ' '))} {one['at']:.2f} s" for one in beat["sounds"])
    return (
        f"<tr><td>{beat['start']:.2f}-{beat['end']:.2f}</td><td>{escape(beat['beat'].replace('_', ' '))}<br>"
        f"<span class='role'>{escape(beat['role'])}</span>, {escape(beat['shows'])}</td>"
        f"<td>{escape(beat['stands_on'])}</td><td>{said}{text}</td><td>{sounds}</td></tr>"
    )
