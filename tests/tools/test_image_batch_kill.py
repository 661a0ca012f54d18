"""A batch whose process is killed without warning goes on, and ends with the very same files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from in_process import studio_here
from tiny_sdxl import build_tiny_sdxl

from configs.errors import UsageError
from memory.store import Memory
from tools.image.manifest import Manifest

REPO = Path(__file__).parents[2]
WISH = {
    "preview": {"prompt": "a boy named Luca with curly hair waving in the park", "count": 3, "width": 96, "height": 64},
    "sdxl": {"prompts": ["a boy named Luca", "a red kite", "a dog"], "count": 1, "width": 64, "height": 64},
}
QUICK = {
    "qualities": {name: {"steps": 3, "guidance": 4.0} for name in ("draft", "standard", "final")},
}
LIMIT_S = 240.0


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("tiny"))


def environment(engine: str, tiny: Path, tables: Path) -> dict[str, str]:
    tables.mkdir(exist_ok=True)
    (tables / "sdxl_config.yaml").write_text(yaml.safe_dump(QUICK))
    more = {
        "STUDIO_IMAGE__ENGINE": engine, "STUDIO_IMAGE__PREVIEW_SAMPLES": "1", "STUDIO_BUDGET__ROUNDS": "1",
        "STUDIO_MEMORY__INDEX": "numpy", "STUDIO_MEMORY__EMBEDDER": "letters",
    }  # fmt: skip
    if engine == "sdxl":
        more |= {"STUDIO_IMAGE__SDXL_PATH": str(tiny)}
    return more


def batch(home: Path, engine: str) -> list[str]:
    return ["tool", "generate_batch", "--args", json.dumps(WISH[engine]), "--json", "--home", str(home)]


def start(home: Path, engine: str, env: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ui.cli", *batch(home, engine)]
    env = {**os.environ, **env}
    return subprocess.Popen(command, cwd=REPO, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def report(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, out + err
    found: dict[str, Any] = json.loads(out)
    return found


def finished(home: Path) -> list[dict[str, Any]]:
    rows = []
    for file in (home / "batches").glob("*/manifest.jsonl"):
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]
        rows += [row for line in lines if (row := json.loads(line))["row"] == "picture"]
    return rows


def kill_after(process: subprocess.Popen[str], home: Path, pictures: int) -> None:
    until = time.monotonic() + LIMIT_S
    while len(finished(home)) < pictures:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "kills"), [("preview", (1, 2)), ("sdxl", (1,))])
def test_killed_and_gone_on_is_bit_for_bit_the_same(
    engine: str, kills: tuple[int, ...], tmp_path: Path, tiny: Path
) -> None:
    homes = {name: tmp_path / name for name in ("whole", "killed")}
    for home in homes.values():
        (home / "configs").mkdir(parents=True)
    envs = {name: environment(engine, tiny, home / "configs") for name, home in homes.items()}
    whole = studio_here(*batch(homes["whole"], engine), **envs["whole"])
    assert whole.returncode == 0 and json.loads(whole.stdout)["measurements"]["made"] == 3, whole

    killed = homes["killed"]
    for number in kills:
        kill_after(start(killed, engine, envs["killed"]), killed, number)
    first = {row["number"]: row["sha256"] for row in finished(killed)}
    rest = report(start(killed, engine, envs["killed"]))
    assert rest["measurements"]["kept"] >= kills[-1]
    assert rest["measurements"]["made"] == 3 - rest["measurements"]["kept"]

    def files(home: Path) -> dict[int, bytes]:
        return {row["number"]: (home / row["path"]).read_bytes() for row in finished(home)}

    assert files(killed) == files(homes["whole"])  # pixels, scores and all that is written into the files
    assert first.items() <= {row["number"]: row["sha256"] for row in finished(homes["whole"])}.items()
    # nothing half-written is left, and nothing was recorded twice
    assert not [one for one in (killed / "assets").iterdir() if one.stat().st_size == 0]
    images = [one for one in (killed / "assets").glob("img-*.png") if "contact-sheet" not in one.name]
    assert len(images) == len(list((homes["whole"] / "assets").glob("img-*.png"))) - 1


def test_a_line_that_was_cut_short_is_dropped(tmp_path: Path) -> None:
    with Manifest(tmp_path / "job") as manifest:
        manifest.append("picture", number=1, key="a")
        manifest.append("picture", number=2, key="b")
    file = tmp_path / "job" / "manifest.jsonl"
    file.write_bytes(file.read_bytes()[:-10])
    with Manifest(tmp_path / "job") as manifest:
        assert [row["number"] for row in manifest.rows] == [1]
        manifest.append("picture", number=2, key="b")
    assert [json.loads(line)["number"] for line in file.read_text().splitlines()] == [1, 2]


def test_a_damaged_record_costs_pictures_not_the_batch(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "manifest.jsonl").write_bytes(b'nonsense\n[1]\n{"row": "picture", "number": 3}\n' + b"[" * 9000 + b"\n")
    with Manifest(folder) as manifest:
        assert manifest.rows == [{"row": "picture", "number": 3}]


def test_one_batch_is_not_made_by_two_at_a_time(tmp_path: Path) -> None:
    with Manifest(tmp_path / "job"), pytest.raises(UsageError, match="being made already"):
        Manifest(tmp_path / "job")
    with Manifest(tmp_path / "job"):
        pass


def test_a_picture_counts_only_with_its_very_content(tmp_path: Path, workspace: Any, settings: Any) -> None:
    from tools.publish import publish

    with Memory.open(workspace, index="numpy", embedder="letters") as memory, Manifest(tmp_path / "job") as manifest:
        file = workspace.scratch(".png")
        file.write_bytes(b"picture")
        asset = publish(
            workspace, memory, file, "image", "x", engine="e", engine_version="", tool="t", params={}, seed=1,
            parents=(), scores=(), thread="t", step="s", summary="",
        )  # fmt: skip
        manifest.append("picture", key="k", asset=asset.id, sha256=asset.sha256)
        found = manifest.finished("k", memory, workspace)
        assert found is not None and found[0].id == asset.id
        assert manifest.finished("other", memory, workspace) is None
        path = workspace.home / asset.path
        path.write_bytes(b"pictura")
        assert manifest.finished("k", memory, workspace) is None
        path.write_bytes(b"picture")
        memory.hide_assets([asset.id])
        assert manifest.finished("k", memory, workspace) is None
