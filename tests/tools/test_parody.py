"""make_parody for real: executor, voices, renderer; the finished mp4 is looked at and listened to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from editing_context import stop_at
from fake_openai import FakeOpenAI, serve
from media_fixtures import make_video
from parody_clips import frame_number, jumping_clip
from voice_studio import VoiceStudio, voice_studio

from backends.media.audio import read_samples
from backends.media.frames import read_frames
from configs.errors import EngineError, UsageError
from configs.settings import load_settings
from memory.records import Asset
from tools.editing.outline import outline
from tools.editing.parody.make_parody import MakeParodyArgs, Voices, language_of, seed_of
from tools.editing.parody.material import Material
from tools.editing.parody.topic_scene import set_ups
from tools.editing.parody.topic_scripts import choose_structure, fill_script, story_of, topic_structures
from tools.editing.parody.topic_words import write_topic
from tools.editing.timeline import load_timeline
from tools.events import Event, Progress, StepStarted
from tools.executor import Run
from tools.film.reading import read_story
from tools.film.shot import Storyboard
from tools.intake import attach

FPS, JUMP = 24, 3.0
RATE = 48_000


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    home = tmp_path_factory.mktemp("parody")
    film = {"width": 160, "height": 90, "fps": 8}
    settings = load_settings(
        home=home / "home",
        brain="offline",
        memory={"index": "numpy", "embedder": "letters"},
        film=film,
        image={"width": 160, "height": 90, "preview_samples": 2},
    )
    with voice_studio(settings) as made:
        yield made


@pytest.fixture(scope="module")
def clip(studio: VoiceStudio, tmp_path_factory: pytest.TempPathFactory) -> Asset:
    path = jumping_clip(tmp_path_factory.mktemp("clip") / "square.mp4")
    return attach(path, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")


@pytest.fixture(scope="module")
def horror(studio: VoiceStudio, clip: Asset) -> tuple[Any, Path]:
    outcome, film = studio.made("make_parody", video=clip.id, recipe="horror_recut", seconds=11.5, subject="the square")
    return outcome, studio.file(film)


def beats(outcome: Any) -> dict[str, dict[str, Any]]:
    return {beat["beat"]: beat for beat in outcome.result.data["beats"]}


def test_the_film_is_exact_and_measured(horror: tuple[Any, Path], clip: Asset, studio: VoiceStudio) -> None:
    outcome, film = horror
    measured = outcome.result.measurements
    assert sum(1 for _ in read_frames(film)) == round(11.5 * FPS) == measured["frames"]
    assert measured["beats_on_moments"] == 1.0
    assert measured["sounds_late_frames"] <= 1.0
    assert measured["reading_time"] >= 1.0
    assert measured["setup_before_payoff"] == 1.0
    assert measured["funny"] is None
    assert measured["loudness_lufs"] == pytest.approx(studio.studio.settings.film.loudness_lufs, abs=1.5)
    assert studio.file(clip).is_file()


def test_the_turn_is_seen_on_the_planted_moment(horror: tuple[Any, Path]) -> None:
    """The frame after the black is the one in which the picture lurches, and the sting is heard on it."""
    outcome, film = horror
    turn = beats(outcome)["turn"]
    assert turn["moment"]["at"] == pytest.approx(JUMP, abs=0.15)
    first = round(turn["start"] * FPS)
    pictures = [rgb for _, rgb in read_frames(film)]
    assert pictures[first - 2].mean() < 5, "nothing is seen right before"
    assert pictures[first].mean() > 30
    sound = np.abs(read_samples(film, RATE)).max(axis=1)
    dark = beats(outcome)["dark"]
    quiet = sound[round((dark["start"] + 0.3) * RATE) : round(turn["start"] * RATE) - RATE // 50]
    strike = sound[round(turn["start"] * RATE) - RATE // 50 :]
    onset = np.argmax(strike > 0.1) / RATE - 0.02
    assert quiet.max() < 0.05
    assert abs(onset) <= 1 / FPS, f"the sting is {onset * 1000:.0f} ms off"


def test_a_second_run_gives_the_same_film(horror: tuple[Any, Path], studio: VoiceStudio, clip: Asset) -> None:
    args = {"video": clip.id, "recipe": "horror_recut", "seconds": 11.5, "subject": "the square"}
    _, film = studio.made("make_parody", **args, seed=horror[0].assets[0].params["seed"])
    assert studio.file(film).read_bytes() == horror[1].read_bytes()


def test_without_a_seed_a_film_is_not_told_the_same_way_twice(
    horror: Any, studio: VoiceStudio, clip: Asset, tmp_path: Path
) -> None:
    """Nor when it is attached once more; another film begins with the first jokes again."""
    again = tmp_path / "again.mp4"
    again.write_bytes(studio.file(clip).read_bytes())
    copy = attach(again, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "other")
    other = attach(
        jumping_clip(tmp_path / "other.mp4", 5.0), studio.studio.workspace, studio.studio.memory,
        studio.studio.settings, "t",
    )  # fmt: skip
    tool = SimpleNamespace(
        memory=studio.studio.memory, asset=lambda ref, *kinds: {one.id: one for one in (clip, copy, other)}[ref]
    )
    context = cast("Any", tool)
    used = {
        made.params["seed"]
        for made in studio.studio.memory.list_assets("video", limit=100)
        if made.tool == "make_parody"
    }
    free = min(set(range(100)) - used)
    assert seed_of(MakeParodyArgs(video=clip.id), context) == free > 0
    assert seed_of(MakeParodyArgs(video=copy.id), context) == free
    assert seed_of(MakeParodyArgs(video=other.id), context) == 0
    assert seed_of(MakeParodyArgs(video=clip.id, seed=0), context) == 0
    assert seed_of(MakeParodyArgs(topic="Tidying  UP"), context) == 0


def test_captions_of_a_film_do_not_lie_under_those_of_its_parody(studio: VoiceStudio, clip: Asset) -> None:
    _, film = studio.made("add_captions", video=clip.id, text="here it stands")
    outcome, made = studio.made("make_parody", video=film.id, recipe="breaking_news", seconds=7)
    assert outcome.result.summary.startswith("Made a breaking news parody of square-captions.mp4")
    cut = load_timeline(studio.file(outcome.assets[1]))
    sources = {str(shot.media_reference.target_url) for shot in cut.video_tracks()[0].find_clips()}
    assert len(sources) == 1 and "without-captions" in sources.pop()
    texts = [one for track in outline(cut)["tracks"] if track["kind"] == "Subtitle" for one in track["clips"]]
    own = [one for one in texts if one["text"] == "here it stands"]
    for one in own:
        end = one["start"] + one["seconds"]
        others = [text for text in texts if text not in own]
        assert all(text["start"] >= end or text["start"] + text["seconds"] <= one["start"] for text in others)
    assert film.id in made.parents


def test_a_freeze_holds_the_moment_while_somebody_speaks(studio: VoiceStudio, clip: Asset) -> None:
    outcome, film = studio.made("make_parody", video=clip.id, recipe="freeze_frame", subject="<the> square", seed=1)
    turn = beats(outcome)["turn"]
    pictures = [rgb for _, rgb in read_frames(studio.file(film))]
    wanted = round(turn["moment"]["at"] * FPS)
    # The punch of the zoom is over by then: the bar code can be read.
    held = [frame_number(pictures[round(turn["end"] * FPS) - back]) for back in (2, 6, 10)]
    assert held == [pytest.approx(wanted, abs=1)] * 3
    assert turn["line"]
    cut, page, table = outcome.assets[1:4]
    tracks = {track["role"]: track for track in outline(load_timeline(studio.file(cut)))["tracks"]}
    spoken = tracks["dialogue"]["clips"][0]
    assert spoken["start"] == pytest.approx(turn["start"] + 0.12 + 0.7, abs=1 / FPS)
    assert tracks["effects"]["clips"][0]["name"] == "record scratch"
    assert tracks["effects"]["clips"][0]["start"] == pytest.approx(turn["start"], abs=1 / FPS)
    sheet = json.loads(studio.file(table).read_text(encoding="utf-8"))
    assert sheet["beats"] == outcome.result.data["beats"]
    assert "no measure" in sheet["notes"][-1]
    html = studio.file(page).read_text(encoding="utf-8")
    assert "<the>" not in html
    assert "motion peak" in html


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "nothing to make fun of"),
        ({"topic": "???"}, "nothing to make fun of"),
        ({"topic": "meetings", "seconds": 2.0}, "too short"),
        ({"topic": "meetings", "recipe": "horror_recut"}, "needs a clip"),
        ({"topic": "meetings", "language": "fr"}, "no parody lines"),
    ],
)
def test_wrong_use_is_one_sentence(studio: VoiceStudio, args: dict[str, Any], said: str) -> None:
    outcome = studio.call("make_parody", **args)
    assert isinstance(outcome.error, UsageError)
    assert said in f"{outcome.error.problem} {outcome.error.cause}"


def test_a_clip_in_which_nothing_can_turn_is_refused(studio: VoiceStudio, tmp_path: Path) -> None:
    path = make_video(tmp_path / "blink.mp4", 0.2, width=160, height=90)
    blink = attach(path, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")
    outcome = studio.call("make_parody", video=blink.id)
    assert isinstance(outcome.error, UsageError)
    assert "too short" in outcome.error.problem


def test_without_a_voice_the_lines_are_written() -> None:
    warned: list[str] = []

    def call(*args: Any, **more: Any) -> Any:
        raise EngineError("No voice engine runs")

    voices = Voices(SimpleNamespace(call=call, warn=warned.append), "en")  # type: ignore[arg-type]
    speak = voices.speaker({"narrator": "old man"}, {"emotion": "neutral", "intensity": 0.5})
    assert speak("narrator", "Hello.") == 0.0
    assert speak("narrator", "Hello again.") == 0.0
    assert len(warned) == 1


def test_a_stopped_parody_keeps_only_what_was_spoken(studio: VoiceStudio, clip: Asset) -> None:
    """Lines are steps of their own, which a second try finds again; sounds belong to the film."""
    there = {asset.id for asset in studio.studio.memory.list_assets(limit=1000)}
    token, listen = stop_at("drawing the picture")
    args = {"video": clip.id, "recipe": "sports_replay"}
    outcome = studio.executor.run("make_parody", args, Run(thread="t", step="stop", emit=listen, cancel=token))
    assert outcome.status == "cancelled"
    new = [asset for asset in studio.studio.memory.list_assets(limit=1000) if asset.id not in there]
    assert {asset.tool for asset in new} == {"speak"}


# -- topics --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", topic_structures())
@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_script_is_read_as_it_is_written(name: str, language: str, number: int) -> None:
    """The storyboard's reader gives every line to the one who says it."""
    script = fill_script(topic_structures()[name].script(language, number), 'office {0} "meetings".')
    assert "{" not in story_of(script, language)
    story = read_story(story_of(script, language), (), language)
    spoken = [(beat.line.character, beat.line.text) for beat in story.beats if beat.line is not None]
    assert spoken == [(line.who, line.say) for line in script.lines]
    order = [line.beat for line in script.lines]
    assert order[0] == "setup"
    assert order.index("turn") < order.index("payoff")
    assert order.count("setup") >= 3


def test_the_tone_chooses_a_structure_for_a_topic() -> None:
    assert choose_structure("dramatic", "auto", 0)[0] == "the_quest"
    assert choose_structure("satirical", "auto", 0)[0] == "mission"
    assert choose_structure("", "experts", 3) == ("experts", 3, "it was asked for")
    assert {choose_structure("", "auto", seed)[0] for seed in range(20)} == set(topic_structures())


def test_another_seed_tells_another_topic_parody() -> None:
    told = {choose_structure("", "auto", seed)[:2] for seed in range(8)}
    assert len(told) == 8 and {number for _, number in told} == {0, 1}
    for structure in topic_structures().values():
        for language in ("en", "it"):
            one, two = (structure.script(language, number) for number in (0, 1))
            assert not {line.say for line in one.lines} & {line.say for line in two.lines} - {"{Topic}."}
            assert one.stop != two.stop and one.last != two.last
            # "di {topic}" with an article would read "di il bucato".
            words = " ".join((one.first, one.last, two.first, two.last, *(x.say for x in (*one.lines, *two.lines))))
            assert not re.search(r"\b(?:di|a|da|in|su) \{topic", words) or language == "en"


TIDYING = {"topic": "tidying up", "tone": "dry", "seconds": 20}


@pytest.fixture(scope="module")
def stopped(studio: VoiceStudio) -> list[Progress]:
    """Stopped while the first shot moves; what it told until then."""
    token, listen = stop_at("shot 1 of")
    told: list[Progress] = []

    def emit(event: Event) -> None:
        listen(event)
        if isinstance(event, Progress) and event.step == "film":
            told.append(event)

    run = Run(thread="t", step="film", job="topic", emit=emit, cancel=token)
    outcome = studio.executor.run("make_parody", TIDYING, run)
    assert outcome.status == "cancelled"
    return told


def test_a_topic_tells_every_part_and_the_time_left(stopped: list[Progress]) -> None:
    shares = [event.done / event.total for event in stopped]
    assert shares == sorted(shares)
    notes = [event.note for event in stopped]
    for part in ("writing the script", "line 5 of 5", "picture 2 of 2"):
        assert any(note.startswith(part) for note in notes), notes
    assert " left" in notes[-1]


def test_a_length_that_a_topic_cannot_have_is_refused_before_anything_is_drawn(studio: VoiceStudio) -> None:
    begun = len(studio.events)
    outcome = studio.call("make_parody", topic="tidying up", tone="dry", seconds=5)
    assert isinstance(outcome.error, UsageError)
    assert "cannot be told in 5.0 s" in outcome.error.problem
    tools = {event.tool for event in studio.events[begun:] if isinstance(event, StepStarted)}
    assert "generate_image" not in tools


def test_a_topic_is_filmed_and_stopped_after_its_turn(studio: VoiceStudio, stopped: list[Progress]) -> None:
    """It goes on where it was stopped: what was spoken and drawn is not made again."""
    events: list[Event] = []
    run = Run(thread="t", step="film", job="topic", emit=events.append)
    outcome = studio.executor.run("make_parody", TIDYING, run)
    assert outcome.error is None and outcome.result is not None
    film = outcome.assets[0]
    made = {event.tool for event in events if isinstance(event, StepStarted)}
    assert not made & {"speak", "lip_sync", "generate_image"}
    frames = [rgb for _, rgb in read_frames(studio.file(film))]
    assert len(frames) == round(20 * studio.studio.settings.film.fps)
    rows = outcome.result.data["beats"]
    roles = [row["role"] for row in rows]
    assert roles[0] == "setup"
    assert roles[-1] == "callback"
    stop = next(row for row in rows if row["beat"] == "stop")
    turn = next(row for row in rows if row["role"] == "turn" and row["line"])
    assert stop["start"] == pytest.approx(turn["end"] + 0.15, abs=0.1)
    assert outcome.result.measurements["reading_time"] >= 1.0
    assert any("tidying up" in row["line"].lower() for row in rows)
    tracks = {track["role"]: track for track in outline(load_timeline(studio.file(outcome.assets[1])))["tracks"]}
    assert len(tracks["dialogue"]["clips"]) == 5
    spoken = next(row for row in rows if row["line"])
    frame = 1 / studio.studio.settings.film.fps
    assert tracks["dialogue"]["clips"][0]["start"] == pytest.approx(spoken["start"], abs=0.51 * frame)


def test_every_speaker_is_filmed_from_one_side(studio: VoiceStudio) -> None:
    script = fill_script(topic_structures()["five_minutes"].script("en"), "baking bread")
    outcome, _ = studio.made("write_storyboard", story=story_of(script, "en"), seconds=20, draw=False)
    shots = Storyboard.model_validate(outcome.result.data["storyboard"]).shots
    alone = [shot for shot in set_ups(shots) if len({line.character for line in shot.lines}) == 1]
    views = {(shot.camera.focus, shot.camera.scale, shot.camera.yaw_deg, shot.seed) for shot in alone}
    assert len(alone) > 2 and len(views) == 2
    assert [shot.lines for shot in set_ups(shots)] == [shot.lines for shot in shots]


def test_a_model_writes_a_topics_words(studio: VoiceStudio) -> None:
    fake = FakeOpenAI()
    structure = topic_structures()["experts"]
    script = fill_script(structure.script("en"), "tidying up")
    good = [
        {"slot": "first", "kind": "text", "words": "THE DRAWER\nA documentary"},
        {"slot": "line_1", "kind": "say", "words": 'You call this "tidy"?'},
        {
            "slot": "line_4",
            "kind": "say",
            "words": "I own nine labelling machines. I cannot find one of them, nor the box.",
        },
        {"slot": "stop", "kind": "text", "words": "x" * 90},
    ]
    mended = [{"slot": "stop", "kind": "text", "words": "Machine ten is in the post"}]
    fake.answers = [("write_lines", {"lines": good}), ("write_lines", {"lines": mended})]
    with serve(fake):
        llm = studio.studio.settings.llm.model_copy(update={"base_url": fake.url, "model": "fake-7b"})
        settings = studio.studio.settings.model_copy(update={"brain": "auto", "llm": llm})
        told, written, why = write_topic(settings, structure, script, "tidying up", "dry", "en", 30.0)
    assert told.first == "THE DRAWER\nA documentary" and told.stop == "Machine ten is in the post"
    assert told.lines[0].say == "You call this tidy?"
    assert told.lines[1] == script.lines[1] and told.last == script.last
    assert written == {"first", "line_1", "line_4", "stop"} and "line_2" in why
    asked = str(fake.requests[0]["messages"][0]["content"])
    assert "tidying up" in asked and "rule of three" in asked
    assert "90 characters" in fake.requests[1]["messages"][-1]["content"]


def test_a_topic_without_a_model_has_the_librarys_words(studio: VoiceStudio) -> None:
    structure = topic_structures()["experts"]
    script = fill_script(structure.script("it"), "riordinare")
    told = write_topic(studio.studio.settings, structure, script, "riordinare", "", "it", 20.0)
    assert told == (script, frozenset(), "the built-in brain writes no jokes")


@pytest.mark.parametrize(
    ("args", "language"),
    [
        ({"subject": "Mia"}, "en"),
        ({"subject": "il coniglio"}, "it"),
        ({"subject": "the rabbit"}, "en"),
        ({"topic": "le riunioni in ufficio"}, "it"),
        ({"subject": "il coniglio", "language": "en"}, "en"),
    ],
)
def test_a_name_does_not_decide_the_language(args: dict[str, str], language: str) -> None:
    settings = SimpleNamespace(voice=SimpleNamespace(language="en"))
    assert language_of(MakeParodyArgs.model_validate(args), cast("Any", SimpleNamespace(settings=settings))) == language


def test_arguments_have_their_limits() -> None:
    for wrong in ({"seconds": 500}, {"seed": -1}, {"topic": "x" * 400}, {"colour": "red"}):
        with pytest.raises(ValueError):
            MakeParodyArgs.model_validate(wrong)


def test_the_character_that_is_seen_longest_is_the_subject() -> None:
    def shot(seconds: float, *names: str) -> Any:
        figures = tuple(SimpleNamespace(character=name, box=(0.2, 0.1, 0.6, 0.9)) for name in names)
        return SimpleNamespace(seconds=seconds, composition=SimpleNamespace(figures=figures) if names else None)

    def people(*shots: Any) -> list[str]:
        return Material(cast("Any", SimpleNamespace(shots=shots)), (), {}, 0.0).people

    assert people(shot(2.0, "Pip", "Pip"), shot(3.0, "Otto"), shot(2.0, "Pip", "")) == ["Pip", "Otto"]
    assert people(shot(2.0), shot(1.0, "")) == []
