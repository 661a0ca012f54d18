"""Parodies before they are drawn: structures, choice, moments, time, words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_openai import FakeOpenAI, serve
from media_fixtures import make_video
from parody_clips import jumping_clip
from pydantic import ValidationError

from backends.vision.record import FilmRecord
from backends.voice.engines.protocol import EMOTIONS
from configs.errors import UsageError
from configs.settings import Settings
from tools.analysis.reading import Wishes, read_film
from tools.editing.effects.base import EFFECTS
from tools.editing.moments import Moment
from tools.editing.parody.beats import Beat, find_beats
from tools.editing.parody.choose import choose
from tools.editing.parody.jokes import choices, fields, fill, library, quotation, subject_names
from tools.editing.parody.material import Material, material
from tools.editing.parody.measures import in_order
from tools.editing.parody.recipes import Recipe, parody_presets, tone_of
from tools.editing.parody.script import Script, Wish, write_script
from tools.editing.parody.timing import lay_out
from tools.editing.parody.writer import write_words

RECIPES = parody_presets().recipes
JUMP = 3.0


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A clip that stands still but for one lurch at 3 s."""
    return measured(jumping_clip(tmp_path_factory.mktemp("planted") / "one.mp4"))


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Material:
    clip = jumping_clip(tmp_path_factory.mktemp("planted") / "many.mp4", 16.0, jumps=(3.0, 8.0, 12.5))
    return measured(clip)


def measured(path: Path) -> Material:
    with read_film(path, Wishes(("shots", "sound", "composition")), name=path.name) as reading:
        record: FilmRecord = reading.record
    return material(record)


def speak(who: str, words: str) -> float:
    return 0.06 * len(words)


def told(name: str, found: Material, seconds: float = 0.0, **wish: Any) -> Script:
    wished = Wish(round(seconds * 24), 24.0, wish.get("language", "en"), wish.get("seed", 0), wish.get("subject", ""))
    return write_script(name, RECIPES[name], found, wished, speak)


# -- the tables ----------------------------------------------------------------------------------------------------


def test_there_are_many_different_structures() -> None:
    shapes = {tuple((slot.role, slot.show) for slot in recipe.slots) for recipe in RECIPES.values()}
    assert len(RECIPES) >= 6
    assert len(shapes) == len(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_words_voices_and_effects_that_exist(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.speaks["emotion"] in EMOTIONS
    for slot in recipe.slots:
        for kind, entry in (("say", slot.line), ("text", slot.text)):
            for language in ("en", "it"):
                assert not entry or library()[name][entry][kind][language], f"{slot.id} has no {kind} in {language}"
        for effect in (*slot.effects, *recipe.effects, *recipe.grade):
            assert effect["name"] in EFFECTS, effect


def test_every_figure_in_the_lines_is_known() -> None:
    known = {"subject", "Subject", "SUBJECT", "length", "at", "count", "earlier", "slow", "calm", "ratio", "moves"}
    known |= {"other", "OTHER", "RIVAL", "name", "nothing", "happens", "quote", "still", "thing"}
    assert set(library()) == {"subject", "rival", *RECIPES}
    for name in RECIPES:
        entries = json.dumps({key: value for key, value in library()[name].items() if key != "threads"})
        assert set(re.findall(r"\{(\w+)\}", entries)) <= known | set(library()[name].get("threads", ())), name


@pytest.mark.parametrize("name", [name for name in RECIPES if library()[name].get("threads")])
@pytest.mark.parametrize("language", ["en", "it"])
def test_a_thread_leads_from_a_set_up_to_its_answer(name: str, language: str) -> None:
    for thread in library()[name]["threads"]:
        marked = [
            slot.id
            for slot in RECIPES[name].slots
            for kind, entry in (("say", slot.line), ("text", slot.text))
            if entry and any(thread in fields(one) for one in choices(name, entry, kind, language))  # type: ignore[arg-type]
        ]
        # Those of the horror answer the genre.
        assert len(marked) > 1 or name == "horror_recut", thread


@pytest.mark.parametrize("name", [name for name in RECIPES if library()[name].get("threads")])
def test_a_call_back_answers_its_own_set_up(name: str, lively: Material) -> None:
    """Whatever the seed, and however often the turn comes round, one thread goes through what is told once."""
    names = library()[name]["threads"]

    def thread_of(beat: Beat) -> str:
        for kind, entry, words in (("say", beat.slot.line, beat.line), ("text", beat.slot.text, beat.text)):
            for template in choices(name, entry, kind, "en") if words else ():  # type: ignore[arg-type]
                marks = set(names) & fields(template)
                if marks and fill(template, {**beat.facts, **dict.fromkeys(names, "")}) == words:
                    return str(marks.pop())
        return ""

    seen = set()
    for seed in range(2 * len(names)):
        for seconds in (0.0, 30.0):
            script = told(name, lively, seconds, seed=seed)
            last = max(beat.round for beat in script.beats)
            once = [beat for beat in script.beats if beat.slot.show == "card" or beat.round == last]
            marks = {thread_of(beat) for beat in once} - {""}
            assert len(marks) <= 1, [(beat.name, beat.line, beat.text) for beat in once]
            seen |= marks
    assert len(seen) >= 3


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("language", ["en", "it"])
def test_the_next_seed_tells_other_jokes(name: str, language: str, planted: Material) -> None:
    first, second = (told(name, planted, seed=seed, language=language, subject="Pip").beats for seed in (0, 1))
    other = 0
    for one, two in zip(first, second, strict=True):
        for kind, entry, before, after in (
            ("say", one.slot.line, one.line, two.line),
            ("text", one.slot.text, one.text, two.text),
        ):
            if len({*choices(name, entry, kind, language)}) > 1:  # type: ignore[arg-type]
                other += 1
                assert before != after, f"{one.name} says the same twice: {before}"
    assert other > 2


@pytest.mark.parametrize("language", ["en", "it"])
def test_a_short_clip_has_more_than_one_joke(language: str, tmp_path: Path) -> None:
    """Where little comes before the turn only short lines fit: there are several of these too."""
    brief = measured(jumping_clip(tmp_path / "brief.mp4", 5.0, jumps=(1.7,)))
    for name in RECIPES:
        first, second = (told(name, brief, seed=seed, language=language, subject="Pip").beats for seed in (0, 1))
        said = [(one.name, one.line, two.line) for one, two in zip(first, second, strict=True) if one.line]
        same = [beat for beat, one, two in said if one == two]
        assert not same or (len(said) > 3 and len(same) == 1), (name, same)


def test_what_is_in_the_clip_is_told_first(planted: Material) -> None:
    def figure(name: str, wide: float) -> Any:
        return SimpleNamespace(character=name, box=(0.0, 0.1, wide, 0.9))

    shots = tuple(
        shot.model_copy(
            update={
                "composition": SimpleNamespace(
                    figures=(figure("Otto", 0.5), figure("Mia", 0.4), figure("Ada", 0.05)), subject=(0.5, 0.5)
                )
            }
        )
        for shot in planted.record.shots
    )
    seen = replace(
        planted,
        record=planted.record.model_copy(update={"shots": shots}),
        said=((0.0, 1.0, "Mia: I have baked a cake."), (2.5, 4.0, "Otto: Why is it moving? It was not moving before.")),
    )
    news = {beat.slot.id: beat for beat in told("breaking_news", seen, subject="Mia").beats}
    assert news["witness"].text == "WITNESS: “Why is it moving?”"
    sports = told("sports_replay", seen, subject="Mia").beats
    assert (sports[0].line, sports[0].text) == ("Mia against Otto! Nobody has told them!", "MIA 0 - OTTO 0")
    silent = {beat.slot.id: beat.text for beat in told("silent_film", seen, subject="Mia").beats}
    assert silent["said"] == "“Why is it moving?”" and silent["the_end"] == "The End\n\n(“Why is it moving?”)"
    assert told("sports_replay", planted).beats[0].text.endswith("BACKGROUND 0")
    assert quotation([(0, 1, "Hm."), (2, 3, "x" * 80)], 0.5) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"slots": [{"id": "turn", "role": "turn", "show": "play", "takes": ["any"], "seconds": [1, 2, 3]}]},
        {"likes": {"charm": 1.0}},
        {"slots": [{"id": "a", "role": "setup", "show": "play", "moment": "later", "seconds": [1, 2, 3]}]},
    ],
)
def test_a_broken_recipe_is_refused(change: dict[str, Any]) -> None:
    whole = RECIPES["freeze_frame"].model_dump(mode="json")
    with pytest.raises(ValidationError):
        Recipe.model_validate({**whole, **change})


@pytest.mark.parametrize(
    ("said", "tone"),
    [
        ("dry", "dry"),
        ("very OVERDRAMATIC please", "dramatic"),
        ("un tono cupo", "dark"),
        ("demenziale", "absurd"),
        ("blue", ""),
        ("", ""),
    ],
)
def test_tones_are_read(said: str, tone: str) -> None:
    assert tone_of(said) == tone


# -- what the clip offers ------------------------------------------------------------------------------------------


def test_the_lurch_is_found_and_measured(planted: Material) -> None:
    peaks = planted.of("motion_peak")
    assert [peak.at for peak in peaks] == [pytest.approx(JUMP, abs=0.15)]
    assert planted.features["one_peak"].value > 0.5
    assert planted.features["calm"].value > 0.5
    ratio = planted.ratio(peaks[0])
    assert ratio is not None
    assert ratio > 3
    assert planted.calm_before(peaks[0]) == pytest.approx(JUMP, abs=0.4)


def test_the_choice_follows_the_figures_and_the_tone(planted: Material, lively: Material) -> None:
    best, ranked = choose(planted, "")
    assert ranked[0] == best
    assert choose(planted, "dark")[0].name == "horror_recut"
    assert choose(planted, "dry")[0].name == "nature_documentary"
    # A figure is given for it, not only a name.
    assert re.search(r"\d", best.why)
    scores = {choice.name: choice.score for choice in ranked}
    busier = {choice.name: choice.score for choice in choose(lively, "")[1]}
    assert busier["epic_trailer"] > scores["epic_trailer"]


def test_a_recipe_without_its_material_is_refused(tmp_path: Path) -> None:
    still = measured(jumping_clip(tmp_path / "still.mp4", 4.0, jumps=(), sound=False))
    with pytest.raises(UsageError, match="what it stands on"):
        choose(still, "", "freeze_frame")
    with pytest.raises(UsageError, match="no parody recipe"):
        choose(still, "", "slapstick")
    assert choose(still, "")[0].name in RECIPES


# -- beats and time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_beats_land_on_the_planted_moment(name: str, planted: Material) -> None:
    script = told(name, planted)
    turn = next(beat for beat in script.beats if beat.slot.role == "turn")
    assert turn.moment is not None
    assert turn.moment.at == pytest.approx(JUMP, abs=0.15)
    assert in_order(script)
    # The film under the turn shows its moment: what is seen at the hit is the moment, to the frame.
    piece, clock = turn.pieces[0], turn.hits[0]
    seen = piece.source_in + (0 if piece.frozen else clock * piece.speed)
    assert seen == pytest.approx(turn.moment.at, abs=1 / 24)


@pytest.mark.parametrize("name", RECIPES)
def test_no_set_up_shows_the_turn(name: str, planted: Material) -> None:
    script = told(name, planted)
    before = [beat for beat in script.beats if beat.slot.role == "setup" and beat.slot.place == "before"]
    turn = next(beat for beat in script.beats if beat.slot.role == "turn").moment
    assert turn is not None
    for beat in before:
        for piece in beat.pieces:
            end = piece.source_in + (0 if piece.frozen else piece.frames / 24 * piece.speed)
            assert piece.card or end <= turn.at + 2 / 24


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("seconds", [9.0, 14.2, 25.0])
def test_the_length_is_exact(name: str, seconds: float, lively: Material) -> None:
    script = told(name, lively, seconds)
    assert script.frames == round(seconds * 24)
    clock = 0
    for beat in script.beats:
        assert beat.start == clock
        assert sum(piece.frames for piece in beat.pieces) == beat.frames
        assert all(piece.frames > 0 for piece in beat.pieces)
        clock += beat.frames
        for piece in beat.pieces:
            end = piece.source_in + (0 if piece.frozen or piece.card else piece.frames / 24 * piece.speed)
            assert -1e-6 <= piece.source_in <= end <= lively.seconds + 2 / 24


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_said_fits_its_beat(name: str, planted: Material) -> None:
    presets = parody_presets()
    for beat in told(name, planted).beats:
        assert beat.frames / 24 >= beat.spoken
        if beat.text:
            late = beat.hits[0] if beat.slot.at == "moment" else 0.0
            assert beat.frames / 24 - late >= presets.needed(beat.text) - 2 / 24, beat.text


def starred(found: Material, *names: str) -> Material:
    """The same in as many shots, with somebody else filling each."""
    each = found.seconds / len(names)
    shots = tuple(
        found.record.shots[0].model_copy(
            update={
                "index": number + 1,
                "start": number * each,
                "end": (number + 1) * each,
                "composition": SimpleNamespace(
                    figures=(SimpleNamespace(character=name, box=(0.2, 0.1, 0.7, 1.0)),), subject=(0.5, 0.5)
                ),
            }
        )
        for number, name in enumerate(names)
    )
    return replace(found, record=found.record.model_copy(update={"shots": shots}))


@pytest.mark.parametrize("name", ["mockumentary", "training_video", "freeze_frame"])
def test_whom_it_is_about_is_who_is_seen(name: str, lively: Material) -> None:
    """Of three lurches the one in the subject's own shot, and no interview over somebody else's face."""
    found = starred(lively, "Mia", "Otto", "Mia")
    spans = [(0.0, 16 / 3), (32 / 3, 16.0)]
    own = [beat for beat in told(name, found, subject="Mia").beats if beat.moment and beat.slot.show != "play"]
    assert own and all(any(a <= beat.moment.at <= b for a, b in spans) for beat in own if beat.moment)
    other = next(beat for beat in told(name, found, subject="Otto").beats if beat.slot.role == "turn")
    assert other.moment is not None and 16 / 3 <= other.moment.at <= 32 / 3


def test_no_shot_is_only_glimpsed_beside_a_cut() -> None:
    """A window of 3 s around 4 s would begin 0.2 s before the cut at 2.7 s, and end 0.2 s behind one at 5.3 s."""
    slot = RECIPES["mockumentary"].slots[0].model_copy(update={"place": "any"})
    beat = Beat(slot, Moment("stillness", 4.0), Moment("motion_peak", 9.0), "", frames=72)
    begins = {cuts: lay_out([beat], 12.0, 24.0, cuts)[0].pieces[0].source_in for cuts in ((), (2.7,), (5.3,), (4.0,))}
    assert begins[()] == begins[(4.0,)] == pytest.approx(2.5)
    assert begins[(2.7,)] == pytest.approx(2.7, abs=1 / 24)
    assert begins[(5.3,)] + 3.0 == pytest.approx(5.3, abs=1 / 24)


def test_a_long_parody_runs_through_further_turns(lively: Material) -> None:
    script = told("horror_recut", lively, 30.0)
    turns = {beat.moment.at for beat in script.beats if beat.slot.role == "turn" and beat.moment}
    assert len(turns) > 1
    assert sum(beat.slot.role == "callback" for beat in script.beats) == 1
    assert script.beats[-1].slot.role == "callback"


def test_nothing_is_said_to_move_where_nothing_does(tmp_path: Path) -> None:
    picture = np.kron(np.random.default_rng(2).integers(40, 220, (18, 32, 3), np.uint8), np.ones((10, 10, 1), np.uint8))
    still = measured(make_video(tmp_path / "still.mp4", 6.0, fps=24, frame=lambda at: picture, sound=False))
    for seed in range(6):
        for name in ("nature_documentary", "silent_film", "mockumentary"):
            for beat in told(name, still, seed=seed).beats:
                assert not re.search(r"\bmoved\b(?!, )|movement|sudden", f"{beat.line} {beat.text}"), beat.line
    first = {beat.slot.id: beat.line for beat in told("nature_documentary", still).beats}
    assert first["turn"] == "And there it is. Nothing. In slow motion."


def test_a_length_that_cannot_be_told_is_refused_with_what_can(planted: Material) -> None:
    with pytest.raises(UsageError, match=r"it takes \d"):
        told("epic_trailer", planted, 170.0)
    with pytest.raises(UsageError, match="cannot be told in 4"):
        told("sports_replay", planted, 4.0)


def test_the_same_seed_tells_the_same(planted: Material) -> None:
    assert told("breaking_news", planted, seed=4).beats == told("breaking_news", planted, seed=4).beats
    lines = {tuple(beat.line for beat in told("freeze_frame", planted, seed=seed).beats) for seed in range(6)}
    assert len(lines) > 1


def test_figures_in_words_are_the_measured_ones(planted: Material) -> None:
    turn = planted.of("motion_peak")[0]
    spoken = " ".join(beat.text for beat in told("freeze_frame", planted, seed=1).beats)
    rewound = next(beat for beat in told("freeze_frame", planted, seed=1).beats if beat.slot.id == "rewind")
    shown = float(re.search(r"[\d.]+", rewound.text)[0])  # type: ignore[index]
    assert shown == pytest.approx(turn.at - rewound.pieces[0].source_in, abs=0.06)
    assert rewound.text in spoken


def test_italian_lines_use_a_comma(planted: Material) -> None:
    script = told("silent_film", planted, language="it", subject="il coniglio")
    assert "CONIGLIO" in script.beats[0].text
    assert subject_names("l'orso", "it")["SUBJECT"] == "ORSO"
    assert fill("{ratio} volte", {"ratio": "3,4"}) == "3,4 volte"
    assert fill("{ratio} volte", {}) is None


# -- a language model ----------------------------------------------------------------------------------------------


@pytest.fixture
def served(settings: Settings) -> Iterator[tuple[FakeOpenAI, Settings]]:
    fake = FakeOpenAI()
    with serve(fake):
        llm = settings.llm.model_copy(update={"base_url": fake.url, "model": "fake-7b", "timeout_s": 10.0})
        yield fake, settings.model_copy(update={"brain": "auto", "llm": llm})


def test_a_model_writes_the_words_and_is_asked_once_more(
    served: tuple[FakeOpenAI, Settings], planted: Material
) -> None:
    fake, settings = served
    recipe = RECIPES["freeze_frame"]
    beats = find_beats(recipe, planted)
    good = [
        {"slot": "turn", "kind": "say", "words": "That is me, three seconds in."},
        {"slot": "rewind", "kind": "text", "words": "EARLIER"},
        {"slot": "again", "kind": "say", "words": "x" * 400},
        {"slot": "nowhere", "kind": "say", "words": "ignored"},
        {"slot": "still_me", "kind": "say", "words": 12},
    ]
    mended = [
        {"slot": "again", "kind": "say", "words": "It all began calmly."},
        {"slot": "still_me", "kind": "say", "words": "<b>Still me</b>"},
    ]
    fake.answers = [("write_lines", {"lines": good}), ("write_lines", {"lines": mended})]
    words, why = write_words(settings, "freeze_frame", recipe, beats, planted, "dry", "en", "the square")
    assert words == {
        "turn": {"say": "That is me, three seconds in."},
        "rewind": {"text": "EARLIER"},
        "again": {"say": "It all began calmly."},
    }
    assert "still_me" in why
    assert len(fake.requests) == 2
    complaint = fake.requests[1]["messages"][-1]["content"]
    assert "400 characters" in complaint
    assert "still_me" in complaint
    first = str(fake.requests[0]["messages"][0]["content"])
    assert "motion peak at" in first
    script = write_script("freeze_frame", recipe, planted, Wish(0, 24.0, "en", 0), speak, words)
    assert script.written == {"turn", "rewind", "again"}
    assert script.words_by == "a language model and the studio's library"
    assert next(beat.line for beat in script.beats if beat.slot.id == "again") == "It all began calmly."


def test_a_model_that_fails_costs_only_its_words(served: tuple[FakeOpenAI, Settings], planted: Material) -> None:
    fake, settings = served
    fake.fail_first, fake.fail_status = 99, 500
    recipe = RECIPES["infomercial"]
    words, why = write_words(settings, "infomercial", recipe, find_beats(recipe, planted), planted, "", "en", "")
    assert words == {}
    assert why


def test_without_a_model_nobody_is_asked(settings: Settings, planted: Material) -> None:
    recipe = RECIPES["infomercial"]
    words, why = write_words(settings, "infomercial", recipe, find_beats(recipe, planted), planted, "", "en", "")
    assert (words, why) == ({}, "the built-in brain writes no jokes")
    assert choices("infomercial", "turn", "say", "de") == choices("infomercial", "turn", "say", "en")
