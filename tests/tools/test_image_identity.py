"""check_identity and the scores of generated pictures: real drawings in few small views, real insightface on generated
models for pictures with faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tiny_faces import FACE_COLOUR, build_clip, build_pack

from backends.media.images import load_image, save_png
from backends.vision.identity.calibration import Calibration
from configs.character_presets import IdentityPreset
from configs.settings import load_settings
from memory.records import Entry
from tools.executor import Executor, Run
from tools.film.lexicon import lexicon
from tools.image.identity import wants_identity
from tools.image.likeness import views
from tools.image.likeness.judge import pass_mark
from tools.image.likeness.record import KEY, Known, basis, look_of, stored
from tools.opening import opened_executor
from tools.spec import CancelToken, ToolOutcome

VIEWS = [
    {"scale": scale, "time": time, "yaw": yaw}
    for scale, time, yaw in (
        ("MS", "day", 0), ("MS", "night", 20), ("LS", "day", -20), ("MS", "day", 30), ("LS", "night", 0),
        ("MS", "night", -25), ("LS", "day", 20), ("MS", "day", -40),
    )
]  # fmt: skip
"""Eight: as few as may gate."""
SMALL = {"size": [128, 72], "samples": 2, "views": VIEWS, "others": 2, "views_of_others": 3, "quick_views": 3}


@pytest.fixture(scope="module", autouse=True)
def _few_small_views() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for key, value in SMALL.items():
            patch.setitem(lexicon("identity"), key, value)
        yield


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    root = tmp_path_factory.mktemp("identity")
    settings = load_settings(
        home=root / "home", brain="offline", image={"preview_samples": 2}, warehouse=root / "none",
        memory={"index": "numpy", "embedder": "letters"}, vision={"arcface": str(build_pack(root / "pack"))},
    )  # fmt: skip
    with opened_executor(settings) as made:
        memory = made.studio.memory
        memory.remember("character", "Luca", "a boy with curly brown hair, a red t-shirt and blue shorts")
        memory.remember("character", "Boo", "a small grey robot with blue lights")
        memory.remember("character", "Ghost", "")
        yield made


def call(executor: Executor, tool: str, **args: Any) -> ToolOutcome:
    return executor.run(tool, args, Run(thread="t"))


def entry(executor: Executor, name: str) -> Entry:
    found = executor.studio.memory.resolve_character(name)
    assert found is not None
    return found


def known(executor: Executor, name: str, version: str = "colour-1") -> Calibration | None:
    on = basis("layout", look_of(entry(executor, name)))
    found = stored(executor.studio.workspace, entry(executor, name), "layout", on, {"colour": version})
    return found["colour"].calibration if found else None


@pytest.fixture(scope="module")
def picture(executor: Executor) -> str:
    made = call(executor, "generate_image", prompt="Luca waving in the park", width=192, height=108)
    assert made.error is None, made.error
    assert not any(score.name.startswith("identity") and score.passed for score in made.assets[0].scores)
    return made.assets[0].id


@pytest.fixture(scope="module")
def calibrated(executor: Executor, picture: str) -> ToolOutcome:
    """Luca calibrated, after a first try that was stopped in the middle."""
    folder, token, seen = executor.studio.workspace.cache / "identity" / "views", CancelToken(), []
    before = set(folder.iterdir()) if folder.is_dir() else set()

    def stop(event: Any) -> None:
        if type(event).__name__ == "Progress" and "view" in event.note:
            seen.append(event)
            if len(seen) == 5:
                token.cancel()

    stopped = executor.run("check_identity", {"character": "Luca", "calibrate": True},
                           Run(thread="t", cancel=token, emit=stop))  # fmt: skip
    assert stopped.status == "cancelled" and stopped.error is not None and known(executor, "Luca") is None
    kept = {file: file.stat().st_mtime_ns for file in folder.iterdir() if file not in before}
    assert 5 <= len(kept) <= 6
    done = call(executor, "check_identity", image=picture, character="luca", calibrate=True)
    assert done.error is None and done.result is not None, done.error
    assert all(file.stat().st_mtime_ns == changed for file, changed in kept.items()), "drawn again after the stop"
    return done


def test_uncalibrated_is_shown_and_not_judged(executor: Executor, picture: str) -> None:
    made = call(executor, "check_identity", image=picture, character="Boo")
    assert made.result is not None, made.error
    assert made.result.measurements["passed Boo"] is None and made.result.measurements["identity Boo"] < 0.8
    assert "not calibrated yet" in made.result.summary


def test_calibration_is_measured_kept_and_shown(executor: Executor, calibrated: ToolOutcome) -> None:
    assert calibrated.result is not None
    record = calibrated.result.data["calibrations"][0]
    assert record["encoder"] == "colour" and record["positives"] == 8 and record["negatives"] == 12
    assert record["auc"] > 0.8 and record["auc_low"] <= record["auc"] <= record["auc_high"] and record["far"] <= 0.05
    kept = known(executor, "Luca")
    assert kept is not None and kept.gates and kept.threshold == record["threshold"]
    sheet = calibrated.assets[0]
    assert sheet.kind == "report" and sheet.params["calibrations"][0]["auc"] == record["auc"]
    with Image.open(executor.studio.workspace.home / sheet.path) as image:
        assert image.width == 900 and len(image.getcolors(1 << 16) or []) > 10


def test_who_it_is_and_who_it_is_not(executor: Executor, picture: str, calibrated: ToolOutcome) -> None:
    assert calibrated.result is not None and "is Luca (" in calibrated.result.summary
    assert "colour encoder" in calibrated.result.summary and calibrated.result.measurements["passed Luca"] is True
    asset = executor.studio.memory.get_asset(picture)
    assert asset is not None
    score = next(one for one in asset.scores if one.name == "identity Luca")
    assert score.passed and score.by == "colour" and score.threshold == calibrated.result.measurements["threshold Luca"]
    assert any(one.name == "exposure" for one in asset.scores), "other scores were lost"
    robot = call(executor, "generate_image", prompt="Boo the robot standing in the park", width=192, height=108)
    other = call(executor, "check_identity", image=robot.assets[0].id, character="Luca")
    assert other.result is not None and "not recognised as Luca" in other.result.summary
    assert other.result.measurements["passed Luca"] is False


def test_new_pictures_carry_the_score(executor: Executor, calibrated: ToolOutcome) -> None:
    assert wants_identity(executor.studio)
    made = call(executor, "generate_image", prompt="Luca sitting on the beach", width=192, height=108)
    scores = {score.name: score for score in made.assets[0].scores}
    assert scores["identity Luca"].value is not None and scores["identity Luca"].by == "colour"


def test_another_look_or_encoder_makes_it_void(executor: Executor, calibrated: ToolOutcome) -> None:
    assert known(executor, "Luca") is not None and known(executor, "Luca", "colour-2") is None
    memory, before = executor.studio.memory, entry(executor, "Luca")
    data = {**before.data, "look": {"kind": "human", "top_color": [0.1, 0.8, 0.1]}}
    memory.remember("character", "Luca", before.text, data=data)
    assert known(executor, "Luca") is None
    for garbage in ("x", {"layout": "x"}, {"layout": {"basis": 3, "encoders": {"colour": {"auc": "high"}}}}):
        memory.remember("character", "Luca", before.text, data={**before.data, KEY: garbage})
        assert known(executor, "Luca") is None
    memory.remember("character", "Luca", before.text, data=before.data)
    assert known(executor, "Luca") is not None


def test_damaged_files_in_the_cache_are_made_again(executor: Executor, calibrated: ToolOutcome) -> None:
    folder = executor.studio.workspace.cache / "identity" / "views"
    scene = views.scenes_of(look_of(entry(executor, "Luca")), (0,))[0]  # type: ignore[arg-type]
    with executor.arbiter.lease(frozenset({"preview"}), "test") as lease:
        renderer: Any = lease.engines["preview"]
        good = views.draw(renderer.renderer, scene, executor.studio.workspace)
        (folder / f"{good.key}.npz").write_bytes(b"PK\x03\x04 broken")
        again = views.draw(renderer.renderer, scene, executor.studio.workspace)
    assert good.mask is not None and np.array_equal(good.rgb, again.rgb) and np.array_equal(good.mask, again.mask)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"character": "Zorro", "image": "PICTURE"}, "Did you mean"),
        ({"character": "Ghost", "image": "PICTURE"}, "nothing to compare Ghost with"),
        ({"character": "Luca"}, "No picture was given"),
        ({"calibrate": True}, "Nobody was named"),
        ({"character": "Luca", "image": "PICTURE", "encoder": "clip"}, "clip cannot be used"),
        ({"character": "Luca", "image": "PICTURE", "encoder": "clipp"}, "encoder"),
        ({"character": "Boo", "calibrate": True, "encoder": "arcface"}, "needs pictures"),
    ],
)  # fmt: skip
def test_wrong_requests_get_one_sentence(executor: Executor, picture: str, args: dict[str, Any], words: str) -> None:
    out = call(executor, "check_identity", **{k: picture if v == "PICTURE" else v for k, v in args.items()})
    assert out.error is not None and words in out.error.sentence and "\n" not in out.error.sentence


# Pictures that no layout decided: faces for the generated ArcFace pack.


def face(path: Path, who: int, variant: int, found: bool = True) -> None:
    """A picture with one face; the same person has the same pattern in it."""
    pattern, noise = np.random.default_rng(who), np.random.default_rng(100 * who + variant)
    rgb = np.full((160, 200, 3), 90, np.uint8) + noise.integers(0, 20, (160, 200, 1), np.uint8)
    spot = np.array(FACE_COLOUR if found else (180, 140, 120), np.int64)
    blocks = pattern.integers(0, 2, (3, 3, 1)) * 50 + 12
    blocks[1, 1] = 0  # purest in the middle, so that the detector centres every face alike
    patch = np.repeat(np.repeat(blocks, 16, axis=0), 16, axis=1)
    spots = np.repeat(np.repeat(noise.integers(0, 16, (12, 12, 1)), 4, axis=0), 4, axis=1) * (patch > 0)
    rgb[50:98, 70:118] = np.clip(np.abs(spot - patch - spots), 0, 255)
    save_png(path, rgb)


@pytest.fixture(scope="module")
def faces(executor: Executor) -> dict[str, list[str]]:
    """Nine reference pictures each of two people, in the table of characters."""
    home = executor.studio.workspace.home
    memory = executor.studio.memory
    names: dict[str, list[str]] = {}
    for who, name in enumerate(("Vera", "Walt")):
        memory.remember("character", name, "")
        for variant in range(9):
            face(home / f"{name}{variant}.png", who, variant)
        names[name] = [f"{name}{variant}.png" for variant in range(9)]
    table = {"characters": {name: {"references": pictures} for name, pictures in names.items()}}
    (home / "configs").mkdir(exist_ok=True)
    (home / "configs" / "character_presets.yaml").write_text(yaml.safe_dump(table), encoding="utf-8")
    for name in ("Vera50.png", "Vera51.png"):
        face(home / name, 0, int(name[4:6]))
    face(home / "Walt50.png", 1, 50)
    face(home / "none.png", 0, 60, found=False)
    return names


def test_references_alone_are_judged_by_arcfaces_own_mark(executor: Executor, faces: dict[str, list[str]]) -> None:
    made = call(executor, "check_identity", image="Vera50.png", character="Vera")
    assert made.result is not None, made.error
    assert made.result.measurements["threshold Vera"] == 0.65 and made.result.measurements["passed Vera"] is True
    assert made.result.measurements["encoder Vera"] == "arcface"
    asset = executor.studio.memory.find_asset("Vera50.png")
    assert "non-commercial" in next(one for one in asset.scores if one.name == "identity Vera").note


def test_no_face_is_undetected_and_never_a_pass(executor: Executor, faces: dict[str, list[str]]) -> None:
    made = call(executor, "check_identity", image="none.png", character="Vera")
    assert made.error is None and made.result is not None
    assert "undetected: no face found" in made.result.summary
    assert made.result.measurements["identity Vera"] is None and made.result.measurements["passed Vera"] is None
    score = executor.studio.memory.find_asset("none.png").scores[0]
    assert score.status == "not measured" and score.value is None and score.passed is None and score.by == "arcface"


def test_calibration_on_pictures_says_its_licence_and_tells_people_apart(
    executor: Executor, faces: dict[str, list[str]]
) -> None:
    made = call(executor, "check_identity", character="Vera", calibrate=True, encoder="arcface")
    assert made.result is not None, made.error
    record = made.result.data["calibrations"][0]
    assert record["on"] == "pictures" and record["positives"] == 9 and record["negatives"] == 9
    assert record["hardest"] == "Walt" and record["auc"] > 0.9
    assert any("non-commercial" in warning for warning in made.result.warnings)
    own = call(executor, "check_identity", image="Vera51.png", character="Vera")
    other = call(executor, "check_identity", image="Walt50.png", character="Vera")
    assert own.result is not None and own.result.measurements["threshold Vera"] == record["threshold"]
    assert own.result.measurements["passed Vera"] is True
    assert other.result is not None and other.result.measurements["passed Vera"] is False


def test_few_pictures_are_shown_but_not_judged(executor: Executor, faces: dict[str, list[str]]) -> None:
    home = executor.studio.workspace.home
    few = {"characters": {"Vera": {"references": faces["Vera"][:3]}, "Walt": {"references": faces["Walt"]}}}
    table = home / "configs" / "character_presets.yaml"
    before = table.read_text(encoding="utf-8")
    table.write_text(yaml.safe_dump(few), encoding="utf-8")
    try:
        made = call(executor, "check_identity", image="Vera51.png", character="Vera", calibrate=True, encoder="arcface")
    finally:
        table.write_text(before, encoding="utf-8")
    assert made.result is not None, made.error
    assert made.result.measurements["gates Vera"] is False and made.result.measurements["passed Vera"] is None
    assert made.result.measurements["identity Vera"] is not None
    assert any("8 of each are needed" in warning for warning in made.result.warnings)


def test_a_table_may_fix_encoder_and_mark(executor: Executor, faces: dict[str, list[str]]) -> None:
    table = executor.studio.workspace.home / "configs" / "character_presets.yaml"
    before = table.read_text(encoding="utf-8")
    fixed = {"references": faces["Vera"], "identity": {"encoder": "arcface", "threshold": 0.5}}
    table.write_text(yaml.safe_dump({"characters": {"Vera": fixed}}), encoding="utf-8")
    try:
        made = call(executor, "check_identity", image="Walt50.png", character="Vera")
    finally:
        table.write_text(before, encoding="utf-8")
    assert made.result is not None, made.error
    assert made.result.measurements["threshold Vera"] == 0.5 and made.result.measurements["passed Vera"] is True


def test_a_mark_counts_for_its_encoder_alone() -> None:
    """0.65 is nearly nobody for ArcFace and nearly everybody for others."""
    with pytest.raises(ValueError, match="needs its encoder"):
        IdentityPreset(threshold=0.65)
    measured = Calibration("clip", "1", 0.7, 0.97, 0.92, 1.0, 0.9, 0.05, 16, 40)
    useless = replace(measured, auc=0.6)
    few = replace(useless, positives=3)
    vectors = np.eye(4, dtype=np.float32)

    def mark(calibration: Calibration | None, of: Any, domain: Any, fixed: float | None) -> tuple[float | None, bool]:
        threshold, reason = pass_mark(Known(calibration, vectors, of), "clip", domain, fixed)
        return threshold, reason == ""

    assert mark(None, "pictures", "pictures", None) == (None, False)
    assert mark(measured, "pictures", "pictures", 0.9) == (0.9, True) == mark(few, "pictures", "pictures", 0.9)
    assert mark(useless, "pictures", "pictures", 0.9) == (0.9, False)
    assert mark(measured, "layout", "pictures", 0.9) == (None, False)
    assert pass_mark(Known(None, vectors, "pictures"), "arcface", "pictures", None) == (0.65, "")


def test_a_preset_for_arcface_says_nothing_of_another_encoder(tmp_path: Path) -> None:
    settings = load_settings(
        home=tmp_path / "home", brain="offline", warehouse=tmp_path / "none",
        memory={"index": "numpy", "embedder": "letters"}, vision={"clip": str(build_clip(tmp_path / "clip"))},
    )  # fmt: skip
    fixed = {"references": ["one.png"], "identity": {"encoder": "arcface", "threshold": 0.65}}
    (settings.home / "configs").mkdir(parents=True)
    table = yaml.safe_dump({"characters": {"Vera": fixed}})
    (settings.home / "configs" / "character_presets.yaml").write_text(table, encoding="utf-8")
    with opened_executor(settings) as executor:
        executor.studio.memory.remember("character", "Vera", "")
        for at, name in enumerate(("one.png", "two.png")):
            face(executor.studio.workspace.home / name, at, at)
        made = call(executor, "check_identity", image="two.png", character="Vera", encoder="clip")
    assert made.result is not None, made.error
    figures = made.result.measurements
    assert figures["encoder Vera"] == "clip" and figures["identity Vera"] is not None
    assert figures["threshold Vera"] is None and figures["passed Vera"] is None


def test_a_picture_is_never_compared_with_itself(executor: Executor, faces: dict[str, list[str]]) -> None:
    home = executor.studio.workspace.home
    table = home / "configs" / "character_presets.yaml"
    before = table.read_text(encoding="utf-8")
    Path(home / "copy.png").write_bytes((home / "Vera0.png").read_bytes())
    try:
        known_by = {"Vera": {"references": ["Vera0.png"]}}
        table.write_text(yaml.safe_dump({"characters": known_by}), encoding="utf-8")
        for picture in ("Vera0.png", "copy.png"):
            alone = call(executor, "check_identity", image=picture, character="Vera")
            assert alone.result is not None and "the only picture to compare with" in alone.result.summary
            assert alone.result.measurements["passed Vera"] is None
        known_by = {"Vera": {"references": ["Vera0.png", "Walt1.png"]}}
        table.write_text(yaml.safe_dump({"characters": known_by}), encoding="utf-8")
        made = call(executor, "check_identity", image="Vera0.png", character="Vera")
        assert made.result is not None and made.result.measurements["identity Vera"] < 0.95
        # A picture in both sets, and one twice in its own: each counts once.
        twice = {
            "Vera": {"references": [*faces["Vera"], "copy.png"]},
            "Walt": {"references": [*faces["Walt"], "Vera1.png"]},
        }
        table.write_text(yaml.safe_dump({"characters": twice}), encoding="utf-8")
        made = call(executor, "check_identity", character="Vera", calibrate=True, encoder="arcface")
        assert made.result is not None, made.error
        record = made.result.data["calibrations"][0]
        assert record["positives"] == 9 and record["negatives"] == 9
    finally:
        table.write_text(before, encoding="utf-8")


def test_the_user_rating_stays_apart_from_identity(executor: Executor, picture: str, calibrated: ToolOutcome) -> None:
    executor.studio.memory.rate(picture, 5)
    call(executor, "check_identity", image=picture, character="Luca")
    asset = executor.studio.memory.get_asset(picture)
    assert asset is not None and [s.value for s in asset.scores if s.name == "user rating"] == [5]
    assert load_image(executor.studio.workspace.home / asset.path).shape == (108, 192, 3)
