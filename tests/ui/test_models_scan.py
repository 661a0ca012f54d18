"""`studio models scan` as its users run it: real files, a registry with comments, Ctrl-C in a real process."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from in_process import studio_here
from model_files import kohya, kohya_said, write_model

from backends.image.registry.hashing import file_sha256
from backends.image.registry.propose import Proposal
from backends.image.registry.write import add_loras
from configs.errors import StudioError, UsageError
from configs.lora_registry import LoraSpec, load_loras
from configs.settings import CONFIG_DIR, load_settings

PACKAGED = CONFIG_DIR / "lora_registry.yaml"


class Place:
    """A home and a warehouse of model files."""

    def __init__(self, folder: Path) -> None:
        self.home, self.warehouse = folder / "home", folder / "warehouse"
        self.loras = self.warehouse / "image" / "loras"
        self.loras.mkdir(parents=True)
        self.registry = self.home / "configs" / "lora_registry.yaml"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_")} | {
            "STUDIO_HOME": str(self.home), "STUDIO_WAREHOUSE": str(self.warehouse), "COLUMNS": "150",
        }  # fmt: skip

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in self.env.items() if name.startswith("STUDIO_")}
        return studio_here("models", "scan", *args, **own, COLUMNS="150")

    def json(self, *args: str) -> dict[str, Any]:
        result = self.run(*args, "--json")
        assert result.returncode == 0, result.stderr
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def rows(self, *args: str) -> dict[str, dict[str, Any]]:
        return {Path(row["path"]).name: row for row in self.json(*args)["found"]}

    def loaded(self) -> dict[str, LoraSpec]:
        return dict(load_loras(load_settings(home=self.home, warehouse=self.warehouse)).loras)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _fill(place: Place) -> None:
    said = kohya_said({"luca boy": 20, "1boy": 20, "smile": 4}, 20)
    write_model(place.loras / "luca_v2.safetensors", kohya(), said)
    write_model(place.loras / "styles" / "watercolor_xl.safetensors", kohya(rank=8))
    write_model(place.loras / "old.safetensors", kohya(768, stem="lora_unet_down_blocks_0_attentions_0_attn2_to_k"))
    torch.save({"x": torch.zeros(2)}, place.loras / "evil.safetensors")
    (place.loras / "model.ckpt").write_bytes(b"x")
    whole = (place.loras / "luca_v2.safetensors").read_bytes()
    (place.loras / "cut.safetensors").write_bytes(whole[:-50])


def test_everything_in_a_folder_is_told(place: Place) -> None:
    _fill(place)
    write_model(place.warehouse / "image" / "few-step" / "sdxl_lightning_8step_lora.safetensors", kohya(rank=2))
    net = place.warehouse / "image" / "controlnet" / "controlnet-depth-sdxl-1.0"
    write_model(net / "diffusion_pytorch_model.safetensors", {"controlnet_cond_embedding.x": (1,)})
    (net / "config.json").write_text('{"_class_name": "ControlNetModel", "cross_attention_dim": 2048}')
    other = {"controlnet_cond_embedding.x": (1,), "d.attn2.to_k.weight": (640, 2048)}
    write_model(place.warehouse / "image" / "my-openpose.safetensors", other)
    rows = place.rows()
    assert {name: (row["kind"], row["status"]) for name, row in rows.items()} == {
        "luca_v2.safetensors": ("lora", "new"), "watercolor_xl.safetensors": ("lora", "new"),
        "old.safetensors": ("lora", "refused"), "evil.safetensors": ("other", "refused"),
        "model.ckpt": ("other", "refused"), "cut.safetensors": ("other", "refused"),
        "sdxl_lightning_8step_lora.safetensors": ("few-step lora", "named"),
        "controlnet-depth-sdxl-1.0": ("controlnet", "named"), "my-openpose.safetensors": ("controlnet", "found"),
    }  # fmt: skip
    luca = rows["luca_v2.safetensors"]
    assert luca["entry"] == {
        "category": "character", "path": "image/loras/luca_v2.safetensors", "triggers": ["luca boy"], "weight": 0.8,
        "sha256": file_sha256(place.loras / "luca_v2.safetensors"), "min_weight": 0.0, "max_weight": 1.2,
        "words": ["luca"],
    }  # fmt: skip
    assert luca["lora"]["rank"] == 4 and luca["lora"]["base"] == "sdxl" and luca["lora"]["network"] == "lora"
    assert rows["watercolor_xl.safetensors"]["entry"]["category"] == "style"
    assert "Stable Diffusion 1.5" in rows["old.safetensors"]["told"]
    assert "pickled weights under a .safetensors name" in rows["evil.safetensors"]["told"]
    assert "can run code" in rows["model.ckpt"]["told"] and "cut off" in rows["cut.safetensors"]["told"]
    assert rows["sdxl_lightning_8step_lora.safetensors"]["told"] == "few_step.lightning in sdxl_config.yaml"
    assert rows["my-openpose.safetensors"]["told"] == "name it as nets.pose.path in controlnet_config.yaml"
    assert not place.registry.exists(), "without --write nothing is written"


def test_people_see_a_table(place: Place) -> None:
    _fill(place)
    shown = place.run().stdout
    assert "luca_v2" in shown and "triggers: luca boy" in shown and "lora, rank 4" in shown
    assert "made for Stable Diffusion 1.5" in shown and "2 new" in shown and "4 refused" in shown
    assert "scan --write" in shown and "\x1b" not in shown


def test_written_entries_are_read_back_and_known_the_next_time(place: Place) -> None:
    _fill(place)
    first = place.json("--write")
    assert first["written"] == ["luca_v2", "watercolor_xl"] and first["backup"] == ""
    assert first["registry"] == str(place.registry)
    assert "'studio models scan FOLDER' proposes" in place.registry.read_text(), "the packaged comments are there"
    loras = place.loaded()
    assert loras["luca_v2"].triggers == ("luca boy",) and loras["luca_v2"].words == ("luca",)
    assert [row["status"] for row in place.json()["found"]].count("registered") == 2
    assert place.json("--write")["written"] == [], "nothing is added twice"


def test_comments_and_order_of_a_registry_stay(place: Place) -> None:
    mine = (
        "# my LoRAs\nloras:\n  zeno:   # the cat\n    category: character\n    path: cats/zeno.safetensors\n"
        "    weight: 0.70   # tried\n  anna: {category: style, path: 'anna.safetensors'}\n# the end\n"
    )
    place.registry.parent.mkdir(parents=True)
    place.registry.write_text(mine)
    write_model(place.loras / "luca_v2.safetensors", kohya())
    made = place.json("--write")
    text = place.registry.read_text()
    for kept in ("# my LoRAs", "zeno:   # the cat", "weight: 0.70   # tried", "path: 'anna.safetensors'}", "# the end"):
        assert kept in text, text
    assert list(place.loaded()) == ["zeno", "anna", "luca_v2"]
    assert Path(made["backup"]).read_text() == mine
    assert {gone["name"] for gone in made["gone"]} == {"zeno", "anna"}


def test_changed_moved_and_doubled_files_are_told(place: Place) -> None:
    write_model(place.loras / "luca.safetensors", kohya())
    write_model(place.loras / "anna.safetensors", kohya(), fill=1)
    place.json("--write")
    write_model(place.loras / "luca.safetensors", kohya(), fill=2)
    (place.loras / "anna.safetensors").rename(place.loras / "anna_moved.safetensors")
    write_model(place.loras / "again.safetensors", kohya(), fill=2)
    found = place.json("--write")
    rows = {Path(row["path"]).name: row for row in found["found"]}
    assert (
        rows["luca.safetensors"]["status"] == "changed"
        and "not the one that was registered" in rows["luca.safetensors"]["told"]
    )
    assert found["gone"] == [
        {"name": "anna", "path": "image/loras/anna.safetensors", "now": "image/loras/anna_moved.safetensors"}
    ]
    shown = place.run().stdout
    assert "CHANGED" in shown and "GONE" in shown and "correct the path" in shown
    assert "studio models scan --accept luca" in shown
    wrong = place.run("--accept", "again")
    assert wrong.returncode == 2 and "'again' is no LoRA whose file changed" in wrong.stderr and "luca" in wrong.stderr
    assert place.json("--accept", "luca")["written"] == ["luca"]
    assert place.loaded()["luca"].sha256 == file_sha256(place.loras / "luca.safetensors")
    assert place.rows()["luca.safetensors"]["status"] == "registered"
    copy = place.loras / "copy.safetensors"
    copy.write_bytes((place.loras / "again.safetensors").read_bytes())
    assert place.rows()["copy.safetensors"]["told"] == "it is the same file as that of 'again'"


def test_links_out_of_the_folder_are_not_followed(place: Place, tmp_path: Path) -> None:
    outside = write_model(tmp_path / "secret" / "x.safetensors", kohya())
    (place.loras / "x.safetensors").symlink_to(outside)
    (place.loras / "all").symlink_to(outside.parent)
    (place.loras / "loop").symlink_to(place.loras)
    (place.loras / "dangling.safetensors").symlink_to(place.loras / "none")
    write_model(place.loras / ".cache" / "y.safetensors", kohya())
    rows = place.rows()
    assert rows["x.safetensors"]["status"] == rows["all"]["status"] == "refused"
    assert (
        "link out of the folder" in rows["x.safetensors"]["told"]
        and "cannot be read" in rows["dangling.safetensors"]["told"]
    )
    assert set(rows) == {"x.safetensors", "all", "dangling.safetensors"}


def test_links_within_the_folder_are(place: Place) -> None:
    blob = write_model(place.warehouse / "image" / "hub" / "blobs" / "3fa2", kohya())
    snapshot = place.warehouse / "image" / "hub" / "snapshots" / "main"
    snapshot.mkdir(parents=True)
    (snapshot / "luca.safetensors").symlink_to(blob)
    assert place.rows()["luca.safetensors"]["status"] == "new"


def test_hostile_names_and_texts_do_no_harm(place: Place) -> None:
    said = {"modelspec.title": "[red]\x1b]0;owned\x07\nloras: {}", "modelspec.trigger_phrase": "a: b # c, 'x'\n- y"}
    write_model(place.loras / "a: b # c.safetensors", kohya(), said)
    write_model(place.loras / "new\nline.safetensors", kohya())
    made = place.json("--write")
    entry = place.loaded()[made["written"][0]]
    assert made["written"] == ["a_b_c"] and entry.triggers == ("a: b # c", "'x' - y")
    assert entry.path == "image/loras/a: b # c.safetensors" and "\x1b" not in entry.about
    assert any("rename it" in row["told"] for row in made["found"])
    assert place.run().returncode == 0


def test_another_folder_gets_absolute_paths(place: Place, tmp_path: Path) -> None:
    file = write_model(tmp_path / "downloads" / "luca.safetensors", kohya())
    rows = place.rows(str(tmp_path / "downloads"))
    assert rows["luca.safetensors"]["entry"]["path"] == str(file)


@pytest.mark.parametrize("args", [["/nowhere/at/all"], []])
def test_a_missing_folder_is_told(tmp_path: Path, args: list[str]) -> None:
    place = Place(tmp_path)
    place.env["STUDIO_WAREHOUSE"] = str(tmp_path / "none")
    result = place.run(*args)
    assert result.returncode == 2 and "There is no folder" in result.stderr and "Traceback" not in result.stderr


def test_an_empty_folder_is_told(place: Place) -> None:
    assert "There are no model files in" in place.run().stdout
    assert place.json()["found"] == []


def test_a_wrong_registry_is_told_and_kept(place: Place) -> None:
    place.registry.parent.mkdir(parents=True)
    place.registry.write_text("loras: {luca: {wieght: 1}}\n")
    result = place.run("--write")
    assert result.returncode == 2 and "wieght" in result.stderr
    assert place.registry.read_text() == "loras: {luca: {wieght: 1}}\n"


def test_ctrl_c_ends_it_at_once_and_writes_nothing(place: Place) -> None:
    big = write_model(place.loras / "big.safetensors", kohya())
    with big.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
    header = json.loads(big.read_bytes()[8 : 8 + length])
    size = 6 * 2**30  # a sparse file: long to hash, no room on the disk
    header["pad"] = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    at = size
    for name in [key for key in header if key != "pad"]:
        span = header[name]["data_offsets"][1] - header[name]["data_offsets"][0]
        header[name]["data_offsets"], at = [at, at + span], at + span
    text = json.dumps(header).encode()
    with big.open("wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        handle.truncate(8 + len(text) + at)
    command = [sys.executable, "-m", "ui.cli", "models", "scan", "--write"]
    run = subprocess.Popen(command, env=place.env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time.sleep(3)
    assert run.poll() is None, "it is still hashing"
    run.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, told = run.communicate(timeout=20)
    assert run.returncode == 130 and told.strip() == "Stopped." and time.monotonic() - began < 5
    assert not place.registry.exists()


def _proposal(name: str) -> tuple[Proposal, ...]:
    return (Proposal(name, LoraSpec(category="style", path=f"{name}.safetensors"), "test"),)


def test_a_failed_write_leaves_the_registry_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "configs" / "lora_registry.yaml"
    assert add_loras(own, PACKAGED, _proposal("one")) is None
    before = own.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(StudioError, match="No space left") as caught:
            add_loras(own, PACKAGED, _proposal("two"))
    assert "as it was before" in caught.value.sentence
    assert own.read_bytes() == before and [file.name for file in own.parent.iterdir()] == ["lora_registry.yaml"]
    with pytest.raises(UsageError, match="has a 'one' by now"):
        add_loras(own, PACKAGED, _proposal("one"))
    assert stat.S_IMODE(own.stat().st_mode) & 0o044, "others who may read it can go on to"


def test_a_linked_registry_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "loras.yaml"
    real.parent.mkdir()
    real.write_text("loras:\n")
    own = tmp_path / "lora_registry.yaml"
    own.symlink_to(real)
    add_loras(own, PACKAGED, _proposal("one"))
    assert own.is_symlink() and "one:" in real.read_text()
