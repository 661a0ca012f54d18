"""make_film end to end at a tiny size: real voice, real layout renderer, real ffmpeg, resume after a stop."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backends.media.frames import read_frames
from backends.media.images import load_image
from backends.media.probe import probe
from configs.settings import Settings, load_settings
from memory.records import Asset
from tools.events import Event, ModelSwapped, Progress, StepFinished
from tools.executor import Executor, Run
from tools.film.storyboard import load_board
from tools.opening import opened_executor
from tools.spec import CancelToken, ToolOutcome

STORY = (
    "A boy named Luca with curly brown hair finds a tiny robot on the beach at sunset. "
    "He says 'Ciao, piccolo!' happily."
)
ARGS = {"story": STORY, "seconds": 5, "shots": 3}


def _settings(home: Path) -> Settings:
    return load_settings(
        home=home,
        brain="offline",
        film={"width": 224, "height": 126, "fps": 12},
        image={"width": 224, "height": 126, "preview_samples": 1},
        memory={"index": "numpy", "embedder": "letters"},
    )


class Film:
    """A film that was stopped after its first picture and then made to its end, in one studio."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.events: list[Event] = []
        self.cancel = CancelToken()
        self.stopped = executor.run("make_film", ARGS, self._run(self._stop_after_a_picture))
        self.first_events, self.events = self.events, []
        self.cancel = CancelToken()
        self.outcome = executor.run("make_film", ARGS, self._run(self.events.append))

    def _run(self, emit: object) -> Run:
        return Run(thread="t", job="job", step="1", emit=emit, cancel=self.cancel)  # type: ignore[arg-type]

    def _stop_after_a_picture(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, StepFinished) and event.step == "1/shot-1-picture":
            self.cancel.cancel()

    def steps(self, events: list[Event]) -> dict[str, str]:
        return {event.step: event.status for event in events if isinstance(event, StepFinished)}

    def path(self, asset: Asset) -> Path:
        return self.executor.studio.workspace.home / asset.path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Film]:
    with opened_executor(_settings(tmp_path_factory.mktemp("film") / "home")) as executor:
        yield Film(executor)


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Executor, ToolOutcome]]:
    with opened_executor(_settings(tmp_path_factory.mktemp("again") / "home")) as executor:
        yield executor, executor.run("make_film", ARGS, Run(thread="t", job="job", step="1"))


def test_the_film_is_what_was_asked_for(film: Film) -> None:
    assert film.outcome.error is None
    kinds = [asset.kind for asset in film.outcome.assets]
    assert kinds[:3] == ["video", "timeline", "image"] and "subtitle" in kinds
    video = film.outcome.assets[0]
    info = probe(film.path(video))
    assert abs(info.seconds - 5) <= 1 / 12 and (info.width, info.height) == (224, 126)
    assert {score.name for score in video.scores} >= {"loudness_lufs", "lines heard", "length difference"}
    assert all(score.passed is not False for score in video.scores)


def test_pictures_move_and_are_not_black(film: Film) -> None:
    frames = [np.asarray(frame, np.float32) for _, frame in read_frames(film.path(film.outcome.assets[0]))]
    assert len(frames) == 60
    inner = frames[8:-8]
    assert min(frame.mean() for frame in inner) > 25
    changes = [float(np.abs(a - b).mean()) for a, b in itertools.pairwise(inner)]
    assert np.median(changes) > 0.25 and max(changes) > 10  # moves inside shots, and cuts between them


def test_the_bar_only_goes_forward_and_moves_most_while_pictures_are_drawn(film: Film) -> None:
    told = [event for event in film.events if isinstance(event, Progress) and event.step == "1"]
    shares = [event.done / event.total for event in told]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == pytest.approx(1)
    at = {event.note: event.done / event.total for event in told}
    assert at["picture 1 of 3"] < 0.1 and at["picture 3 of 3"] - at["picture 2 of 3"] == pytest.approx(0.25)


def test_a_stopped_film_goes_on_without_making_anything_twice(film: Film) -> None:
    assert film.stopped.status == "cancelled"
    first, second = film.steps(film.first_events), film.steps(film.events)
    done = [step for step, status in first.items() if status == "done"]
    assert "1/shot-1-picture" in done and "1/shot-2-picture" not in done
    assert all(second[step] == "reused" for step in done)
    assert second["1/shot-2-picture"] == "done"


def test_the_resumed_film_equals_an_uninterrupted_one(film: Film, again: tuple[Executor, ToolOutcome]) -> None:
    assert again[1].error is None
    assert [asset.sha256 for asset in film.outcome.assets] == [asset.sha256 for asset in again[1].assets]


def test_engines_are_swapped_as_rarely_as_possible(film: Film) -> None:
    swaps = [event.swap.engine for event in (*film.first_events, *film.events) if isinstance(event, ModelSwapped)]
    assert len(swaps) <= 2


def test_characters_are_remembered_with_look_and_voice(film: Film) -> None:
    memory = film.executor.studio.memory
    luca, robot = memory.resolve_character("Luca"), memory.resolve_character("the robot")
    assert luca is not None and robot is not None
    assert luca.data["look"]["hair_style"] == "curly" and robot.data["look"]["kind"] == "robot"
    assert luca.data["voice"]["age"] == "child" and luca.source == "tool"


def test_the_timeline_names_every_source(film: Film) -> None:
    text = film.path(film.outcome.assets[1]).read_text(encoding="utf-8")
    parents = film.outcome.assets[1].parents
    videos = [one for one in parents if one.startswith("vid-")]
    assert len(videos) == 3 and all(one in text for one in parents if one.startswith(("vid-", "aud-")))
    assert "Ciao, piccolo!" in text and str(film.executor.studio.workspace.home) not in text


def test_the_mouth_moves_to_the_line(film: Film) -> None:
    """Inside the speaking shot the mouth changes while the line is heard more than after it."""
    memory = film.executor.studio.memory
    clips = [a for a in memory.list_assets(kind="video") if a.params.get("lines")]
    assert clips
    clip = clips[0]
    line = clip.params["lines"][0]
    picture = memory.get_asset(clip.parents[0])
    assert picture is not None
    box = _mouth_box(film, picture)
    frames = [np.asarray(f, np.float32) for _, f in read_frames(film.path(clip))]
    sound = memory.get_asset(line["audio"])
    assert sound is not None
    start, end = round(line["start"] * 12), round((line["start"] + float(sound.params["duration"])) * 12)
    y0, y1, x0, x1 = box
    change = [float(np.abs(a[y0:y1, x0:x1] - b[y0:y1, x0:x1]).mean()) for a, b in itertools.pairwise(frames)]
    speaking = np.mean(change[start:end])
    silent = np.mean(change[end + 2 :]) if len(change) > end + 4 else np.mean(change[: max(1, start - 1)])
    assert speaking > 1.3 * silent


def _mouth_box(film: Film, picture: Asset) -> tuple[int, int, int, int]:
    from tools.film.layers import load_layers

    layers_asset = film.executor.studio.memory.get_asset(picture.params["layers"])
    assert layers_asset is not None
    layers = load_layers(film.path(layers_asset))
    x0, y0, x1, y1 = layers.face_box["Luca"]
    scale = 224 / layers.owner.shape[1]
    middle, reach = y0 + 0.75 * (y1 - y0), 0.3 * (y1 - y0)
    return (
        int((middle - reach) * scale),
        min(126, int((middle + reach) * scale)),
        int((x0 + 0.2 * (x1 - x0)) * scale),
        int((x1 - 0.2 * (x1 - x0)) * scale),
    )


def test_the_storyboard_and_its_sheet(film: Film) -> None:
    out = film.executor.run(
        "write_storyboard", {"story": STORY, "shots": 3, "seconds": 6, "draw": False}, Run(thread="s")
    )
    assert out.result is not None
    board = load_board(film.path(out.assets[0]))
    assert len(board.shots) == 3 and abs(sum(shot.seconds for shot in board.shots) - 6) < 1e-6
    given = film.executor.run(
        "write_storyboard",
        {"storyboard": json.loads(board.model_dump_json()), "seconds": 4, "draw": False},
        Run(thread="s"),
    )
    assert given.error is None and abs(given.result.measurements["seconds"] - 4) < 1e-6  # type: ignore[union-attr]
    sheet = load_image(film.path(film.outcome.assets[2]))
    assert sheet.shape[1] > 1200 and len(np.unique(sheet.reshape(-1, 3)[::97], axis=0)) > 50


@pytest.mark.parametrize("story", ["", "   ", "!!! ...", "12345"])
def test_an_empty_story_is_refused_in_one_sentence(film: Film, story: str) -> None:
    for tool in ("make_film", "write_storyboard"):
        out = film.executor.run(tool, {"story": story}, Run(thread="e"))
        assert out.error is not None and out.error.exit_code == 2 and "story" in out.error.sentence


def test_a_wrong_storyboard_is_refused_with_its_place(film: Film) -> None:
    out = film.executor.run(
        "write_storyboard", {"storyboard": {"shots": [{"id": "a", "seconds": -3}]}, "draw": False}, Run(thread="e")
    )
    assert out.error is not None and "shots.0.seconds" in out.error.sentence


def test_its_shots_are_found_again_without_an_analysis(film: Film) -> None:
    memory = film.executor.studio.memory
    made = next(asset for asset in film.outcome.assets if asset.kind == "video")
    shots = memory.shots(made.id)
    assert [shot.number for shot in shots] == list(range(1, film.outcome.result.measurements["shots"] + 1))
    assert all(shot.text_by == "storyboard" and shot.end > shot.start for shot in shots)
    assert all((film.executor.studio.workspace.home / shot.thumbnail).is_file() for shot in shots)
    line = next(shot for shot in shots if "Luca" in shot.context)
    assert line.id in {hit.id for hit in memory.search(line.text, kinds=("shot",), semantic=False)}


def test_measuring_it_keeps_what_the_storyboard_says(film: Film) -> None:
    memory = film.executor.studio.memory
    made = next(asset for asset in film.outcome.assets if asset.kind == "video")
    planned = [shot.text for shot in memory.shots(made.id)]
    outcome = film.executor.run("analyze_video", {"video": made.id}, Run(thread="t", step="look"))
    assert outcome.result is not None, outcome.error
    measured = memory.shots(made.id)
    assert any(shot.text_by == "storyboard" and shot.text in planned and shot.data.get("camera") for shot in measured)
