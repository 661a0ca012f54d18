"""analyze_video through the real executor: a report and a sheet of films whose truth is known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_openai import FakeOpenAI, serve
from media_fixtures import gradient, make_png, make_video, make_wav

from backends.gpu.arbiter import Arbiter
from backends.media.images import load_image
from backends.vision.record import FilmRecord
from configs.models import ModelTable
from configs.settings import Settings
from configs.workspace import Workspace
from memory.store import Memory
from tools.analysis.aspects import ASPECTS, Aspect
from tools.analysis.reading import Wishes, read_film
from tools.events import Event, Progress
from tools.executor import Executor, Run
from tools.intake import attach
from tools.spec import SUMMARY_LIMIT, CancelToken, Studio, ToolOutcome


class Bench:
    def __init__(self, settings: Settings, memory: Memory) -> None:
        self.settings, self.memory = settings, memory
        self.workspace = Workspace.open(settings.home)
        arbiter = Arbiter(ModelTable(engines={}), self._no_engine, cpu_budget_mib=100, gpu_budget_mib=100)
        self.executor = Executor(Studio(settings, self.workspace, memory), arbiter)
        self.events: list[Event] = []

    def attach(self, path: Path) -> str:
        return attach(path, self.workspace, self.memory, self.settings, "t").id

    def run(self, cancel: CancelToken | None = None, **args: Any) -> ToolOutcome:
        run = Run(thread="t", step="1", emit=self.events.append, cancel=cancel or CancelToken())
        return self.executor.run("analyze_video", args, run)

    def file(self, outcome: ToolOutcome, index: int) -> Path:
        return self.workspace.home / outcome.assets[index].path

    @staticmethod
    def _no_engine(name: str) -> Any:
        raise AssertionError(f"an analysis asked for the engine {name}")


@pytest.fixture
def bench(settings: Settings) -> Iterator[Bench]:
    with Memory.open(Workspace.open(settings.home), index="numpy", embedder="letters") as memory:
        bench = Bench(settings, memory)
        yield bench
        bench.executor.arbiter.close()


@pytest.fixture(scope="module")
def two_shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blue shot that holds still, then at 1.5 s a red one with a fast square; 3 s."""

    def frame(at: float) -> np.ndarray:
        if at < 1.5 - 1e-6:
            return gradient(0, hue=(40, 90, 230))
        return gradient(3 * at, hue=(230, 40, 40))

    return make_video(tmp_path_factory.mktemp("film") / "two.mp4", 3.0, frame=frame)


def test_a_film_is_measured_and_reported(bench: Bench, two_shots: Path) -> None:
    film = bench.attach(two_shots)
    outcome = bench.run(video=film, seconds=1.0)
    assert outcome.status == "done" and outcome.result is not None, outcome.error
    result = outcome.result
    assert [Path(asset.path).suffix for asset in outcome.assets] == [".html", ".json", ".png"]
    assert [asset.kind for asset in outcome.assets] == ["report", "report", "image"]
    assert all(asset.parents == (film,) for asset in outcome.assets)
    assert result.data["cuts"] == pytest.approx([1.5])
    still, moving = result.data["shots"]
    assert (still["frames"], moving["frames"]) == (36, 36)
    assert moving["motion"] > 3 * still["motion"]
    assert "blue" in still["composition"]["colours"][0]["name"]
    assert moving["composition"]["colours"][0]["name"] in ("red", "crimson", "dark red")
    first, last = result.data["liveliest"]
    assert first >= 1.5 and last - first == pytest.approx(1.0)
    assert "2 shots, cut at 1.50 s" in result.summary and len(result.summary.encode()) <= SUMMARY_LIMIT
    assert result.warnings == ()
    assert any(isinstance(event, Progress) and "two.mp4" in event.note for event in bench.events)


def test_the_record_the_page_and_the_sheet_are_whole(bench: Bench, two_shots: Path) -> None:
    film = bench.attach(two_shots)
    outcome = bench.run(video=film)
    assert outcome.result is not None, outcome.error
    record = FilmRecord.model_validate_json(bench.file(outcome, 1).read_text(encoding="utf-8"))
    assert record.aspects == ASPECTS and record.film.frames == 72
    assert all(shot.camera and shot.composition and shot.coherence and shot.text for shot in record.shots)
    assert record.sound is not None and record.quality["loudness_lufs"] == record.sound.loudness_lufs
    assert record.quality["peak_dbfs"] == record.sound.peak_dbfs and record.quality["has_audio"] is True
    assert {"black_share", "frozen_share", "sharpness", "mean_luma"} < set(record.quality)
    assert not {"duration", "frames"} & set(record.quality), "these are the film's, exact, and not told twice"
    page = bench.file(outcome, 0).read_text(encoding="utf-8")
    asset = bench.memory.get_asset(film)
    assert asset is not None and Path(asset.path).name in page
    assert load_image(bench.file(outcome, 2)).shape[1] > 300


@pytest.mark.parametrize(
    ("aspects", "there", "missing"),
    [
        (["camera"], "camera", ("composition", "coherence", "sound")),
        (["coherence"], "coherence", ("camera", "composition", "sound")),
        (["composition"], "composition", ("camera", "coherence", "sound")),
        (["sound"], "sound", ("camera", "composition", "coherence")),
    ],
)
def test_only_what_is_asked_for_is_measured(
    bench: Bench, two_shots: Path, aspects: list[str], there: str, missing: tuple[str, ...]
) -> None:
    bench.attach(two_shots)
    outcome = bench.run(video="two.mp4", aspects=aspects)
    assert outcome.result is not None, outcome.error
    for shot in outcome.result.data["shots"]:
        assert shot[there] is not None and all(shot[part] is None for part in missing)


def test_asked_again_nothing_is_measured_or_made(bench: Bench, two_shots: Path) -> None:
    film = bench.attach(two_shots)
    first = bench.run(video=film, aspects=["camera", "scenes"])
    bench.events.clear()
    again = bench.run(video="two.mp4", aspects=["scenes", "camera"])
    assert first.result is not None and again.result is not None
    assert [one.id for one in again.assets] == [one.id for one in first.assets]
    assert again.result.summary == first.result.summary
    assert again.result.data["from_cache"] and "from_cache" not in first.result.data
    assert not any(isinstance(event, Progress) for event in bench.events)
    asked = bench.run(video=film, aspects=["camera", "scenes"], question="how many cuts are there in it?")
    assert asked.result is not None and asked.result.data["from_cache"]
    assert asked.result.summary == f"1 cut: at 1.50 s. {first.result.summary}"
    other = bench.run(video=film, aspects=["scenes"], question="which shots are close-ups?")
    assert other.result is not None and "from_cache" not in other.result.data
    assert other.result.summary.startswith("two.mp4: 3.00 s")


@pytest.mark.parametrize("harm", ["undone", "deleted", "spoiled"])
def test_what_is_gone_is_measured_anew(bench: Bench, two_shots: Path, harm: str) -> None:
    film = bench.attach(two_shots)
    first = bench.run(video=film)
    if harm == "undone":
        bench.memory.hide_assets([first.assets[0].id])
    elif harm == "deleted":
        bench.file(first, 0).unlink()
    else:
        for kept in (bench.workspace.cache / "analysis").iterdir():
            kept.write_text("{ half")
    again = bench.run(video=film)
    assert again.status == "done" and again.result is not None and "from_cache" not in again.result.data
    assert bench.file(again, 0).is_file() and not again.assets[0].hidden


def test_its_shots_are_found_by_words(bench: Bench, two_shots: Path) -> None:
    film = bench.attach(two_shots)
    bench.run(video=film)
    assert [shot.number for shot in bench.memory.shots(film)] == [1, 2]
    hits = bench.memory.search("blue static shot", kinds=("shot",), semantic=False)
    assert hits and hits[0].shot is not None and (hits[0].shot.film, hits[0].shot.number) == (film, 1)


def test_less_asked_later_leaves_the_shots_as_well_known(bench: Bench, two_shots: Path) -> None:
    film = bench.attach(two_shots)

    def known() -> list[tuple[str, set[str]]]:
        return [(shot.text, set(shot.data)) for shot in bench.memory.shots(film)]

    bench.run(video=film, aspects=["sound"])
    assert not any("camera" in data for _, data in known())
    bench.run(video=film, aspects=["sound", "camera"])
    assert all("camera" in data for _, data in known())
    whole = bench.run(video=film)
    full = known()
    bench.run(video=film, aspects=["camera"])
    assert known() == full
    bench.run(video=film, aspects=["content"])
    assert all("camera" in data and "scale" in data for _, data in known())
    bench.run(video=film, aspects=["content", "scenes"], sensitivity=0.0)
    bench.memory.put_shots(film, [])
    again = bench.run(video=film)
    assert again.result is not None and again.result.data["from_cache"]
    assert [one.id for one in again.assets] == [one.id for one in whole.assets] and known() == full


def test_another_character_or_vision_model_is_another_analysis(bench: Bench, two_shots: Path) -> None:
    film = bench.attach(two_shots)

    def fresh(*aspects: str) -> tuple[bool, dict[str, Any]]:
        outcome = bench.run(video=film, aspects=list(aspects))
        assert outcome.result is not None, outcome.error
        return "from_cache" not in outcome.result.data, outcome.result.data["shots"][0]

    assert fresh("composition")[0] and not fresh("composition")[0]
    bench.memory.remember("character", "Luca", "a boy")
    assert fresh("composition")[0]
    fake = FakeOpenAI(answers=['{"text": "A blue wall."}'], models=["qwen2.5-7b"])
    with serve(fake):
        bench.settings.llm = bench.settings.llm.model_copy(update={"base_url": fake.url})
        assert fresh("content")[1]["text_by"] == "measurements" and not fresh("content")[0]
        fake.models.append("qwen2.5-vl-7b")
        told, shot = fresh("content")
        assert told and (shot["text"], shot["text_by"]) == ("A blue wall.", "qwen2.5-vl-7b")
        assert not fresh("content")[0]


def test_subtitles_say_what_is_said_in_which_shot(bench: Bench, two_shots: Path, tmp_path: Path) -> None:
    film = bench.attach(two_shots)
    before = bench.run(video=film)
    lines = tmp_path / "two.srt"
    lines.write_text("1\n00:00:00,200 --> 00:00:01,000\nHello\n\n2\n00:00:01,700 --> 00:00:02,500\nGoodbye\n")
    bench.attach(lines)
    after = bench.run(video=film)
    assert before.result is not None and after.result is not None
    assert not any(shot["words"] for shot in before.result.data["shots"])
    assert [[line["text"] for line in shot["words"]] for shot in after.result.data["shots"]] == [["Hello"], ["Goodbye"]]


def test_the_shot_list_in_other_formats(bench: Bench, two_shots: Path) -> None:
    bench.attach(two_shots)
    outcome = bench.run(video="two.mp4", aspects=["scenes"], exports=["edl", "csv", "otio"])
    assert outcome.result is not None, outcome.error
    made = {Path(asset.path).suffix: bench.file(outcome, at) for at, asset in enumerate(outcome.assets)}
    assert {".csv", ".edl", ".otio"} <= made.keys()
    assert made[".csv"].read_text(encoding="utf-8").count("\n") == 3
    assert "00:00:01:12" in made[".edl"].read_text()


def test_a_film_of_one_shot(bench: Bench, tmp_path: Path) -> None:
    bench.attach(make_video(tmp_path / "one.mp4", 1.0, sound=False))
    outcome = bench.run(video="one.mp4")
    assert outcome.result is not None, outcome.error
    assert "1 shot, no cuts found" in outcome.result.summary
    assert outcome.result.data["liveliest"] == [0.0, 1.0]
    assert outcome.result.measurements["loudness_lufs"] is None
    assert "no sound track" in outcome.result.data["not_measured"]["sound"]


def test_many_cuts_keep_the_summary_short(bench: Bench, tmp_path: Path) -> None:
    def frame(at: float) -> np.ndarray:
        squares = np.random.default_rng(int(at / 0.75 + 1e-6)).integers(20, 250, (6, 8, 3))
        return np.kron(squares, np.ones((30, 40, 1))).astype(np.uint8)

    bench.attach(make_video(tmp_path / f"{'long name ' * 20}.mp4", 24, fps=12, frame=frame, sound=False))
    outcome = bench.run(video="last")
    assert outcome.result is not None, outcome.error
    assert outcome.result.measurements["shots"] > 22
    assert " more s" in outcome.result.summary and len(outcome.result.summary.encode()) <= SUMMARY_LIMIT


def test_other_files_are_refused_in_one_sentence(bench: Bench, tmp_path: Path) -> None:
    bench.attach(make_png(tmp_path / "picture.png"))
    bench.attach(make_wav(tmp_path / "sound.wav"))
    for name in ("picture.png", "sound.wav", "nothing.mp4", "../../etc/passwd", "assets/../../x.mp4"):
        outcome = bench.run(video=name)
        assert outcome.status == "failed" and outcome.error is not None
        assert outcome.error.exit_code == 2 and "\n" not in outcome.error.sentence
    assert bench.run(video="picture.png", aspects=["mood"]).error is not None


def test_a_playlist_in_the_workspace_is_not_followed(bench: Bench, two_shots: Path) -> None:
    secret = bench.workspace.home / "secret.mp4"
    secret.write_bytes(two_shots.read_bytes())
    trap = bench.workspace.home / "trap.mp4"
    trap.write_text("ffconcat version 1.0\nfile secret.mp4\n")
    outcome = bench.run(video="trap.mp4")
    assert outcome.error is not None and "playlist" in outcome.error.sentence
    link = bench.workspace.home / "link.mp4"
    link.symlink_to(two_shots)
    outside = bench.run(video="link.mp4")
    assert outside.error is not None and "outside the workspace" in outside.error.sentence


def test_cancel_keeps_nothing_half_made(bench: Bench, two_shots: Path) -> None:
    film = bench.attach(two_shots)
    token = CancelToken()
    before = {asset.id for asset in bench.memory.list_assets()}

    def stop(event: Event) -> None:
        if isinstance(event, Progress):
            token.cancel()

    run = Run(thread="t", step="1", emit=stop, cancel=token)
    outcome = bench.executor.run("analyze_video", {"video": film}, run)
    assert outcome.status == "cancelled"
    assert {asset.id for asset in bench.memory.list_assets()} == before
    assert list(bench.workspace.tmp.iterdir()) == []


@pytest.mark.skipif(not os.environ.get("STUDIO_REAL_MEDIA"), reason="STUDIO_REAL_MEDIA names no folder")
def test_a_real_film(bench: Bench) -> None:
    bench.attach(Path(os.environ["STUDIO_REAL_MEDIA"]) / "bigbuckbunny.mp4")
    outcome = bench.run(video="bigbuckbunny.mp4")
    assert outcome.result is not None, outcome.error
    assert outcome.result.measurements["shots"] == 1
    assert outcome.result.measurements["seconds"] == pytest.approx(5.28, abs=0.01)
    assert outcome.result.measurements["loudness_lufs"] == pytest.approx(-34, abs=1.5)


@pytest.mark.parametrize("aspects", [ASPECTS, ("coherence",)])
def test_a_second_process_changes_no_figure(
    two_shots: Path, aspects: tuple[Aspect, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = []
    for share in (False, True):
        monkeypatch.setattr("backends.vision.apart.pays", lambda seconds, share=share: share)
        with read_film(two_shots, Wishes(aspects)) as reading:
            records.append(reading.record)
    assert records[0] == records[1] and records[0].shots[0].coherence is not None
