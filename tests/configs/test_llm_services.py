"""The language model services: what is packaged, names, mistakes told, and the environment that `make vllm` makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from configs.errors import UsageError
from configs.llm_services import SERVICES_FILE, load_services, services_file
from configs.models import load_models
from configs.settings import load_settings

ROOT = Path(__file__).parents[2]
SYSTEM_PATH = "/usr/bin:/bin"
SCRIPT = ROOT / "configs" / "deploy" / "vllm-environment.sh"


def test_the_packaged_services_fit_a_16_gb_card() -> None:
    services = load_services()
    assert services.named("default").role == "tools" and services.named("judge").role == "vision"
    wanted = {"qwen2.5-vl-7b", "qwen2.5-14b", "qwen2.5-coder-7b", "qwen3-8b", "qwen3-vl-8b"}
    assert wanted <= set(services.services)
    budget = load_settings().gpu.vram_budget_mib
    for name, service in services.services.items():
        assert service.need_mib <= budget, name
        assert service.kv_mib + service.parked_mib < service.need_mib, name
        assert service.tool_parser and service.licence and service.about, name
        assert not service.smaller or services.services[service.smaller].need_mib < service.need_mib, name


def test_a_voice_may_stay_beside_the_default_and_pictures_may_not() -> None:
    table = load_models()
    assert table.may_share_gpu(frozenset({"qwen3-8b", "gpt_sovits"})) and table.engines["qwen3-8b"].shared
    assert not table.may_share_gpu(frozenset({"qwen3-8b", "sdxl"}))
    assert not table.may_share_gpu(frozenset({"qwen2.5-14b", "gpt_sovits"}))
    assert table.engines["gpt_sovits"].need_mib + table.engines["qwen3-8b"].need_mib <= 15_500


def test_an_unknown_service_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"no language model service 'qwen3-8'.*'qwen3-8b'"):
        load_services().named("qwen3-8")
    assert load_services().real_name("judge") == "qwen3-vl-8b"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("default: [", "cannot be used"),
        ("default: a\nvllm: {version: '1'}\nservices: {a: {model: m, need_mib: 1, contxt: 5}}", "contxt"),
        ("default: a\nvllm: {version: '1'}\nservices: {a: {model: m, need_mib: -1}}", "need_mib"),
        ("default: b\nvllm: {version: '1'}\nservices: {a: {model: m, need_mib: 1}}", "unknown service 'b'"),
        ("default: a\nvllm: {version: '1', runtime: conda}\nservices: {a: {model: m, need_mib: 1}}", "runtime"),
    ],
)
def test_mistakes_in_the_file_are_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_services(path)


def test_a_file_of_ones_own() -> None:
    assert services_file(load_settings()) == SERVICES_FILE
    assert services_file(load_settings(llm={"services_file": "/x.yaml"})) == Path("/x.yaml")


def test_the_pinned_version_is_the_same_everywhere() -> None:
    version = yaml.safe_load(SERVICES_FILE.read_text())["vllm"]["version"]
    assert f"vllm=={version}\n" in (SCRIPT.parent / "vllm-requirements.txt").read_text()
    assert load_services().vllm.image.endswith(f":v{version}")


# -- make vllm --------------------------------------------------------------------------------------------------------


def make_environment(folder: Path, python: str, *more: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FORCE": "1", **env}
    command = [str(SCRIPT), str(folder), python, *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_environment_is_made_after_a_break_and_once_more(tmp_path: Path) -> None:
    """With a wheel of the same name in place of the real one, which is 4 GB with all that it needs."""
    wheel = tmp_path / "vllm-0.33.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        info = "vllm-0.33.0.dist-info"
        file.writestr("vllm.py", "def main():\n    print('hello')\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: vllm\nVersion: 0.33.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/entry_points.txt", "[console_scripts]\nvllm = vllm:main\n")
        file.writestr(f"{info}/RECORD", "")
    folder = tmp_path / "venv"
    broken = make_environment(folder, sys.executable, "--no-index")
    assert broken.returncode == 1 and "run 'make vllm' again" in broken.stderr.splitlines()[-1]
    for _ in range(2):
        done = make_environment(folder, sys.executable, "--no-index", "--find-links", str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert "about 4 GB to download" in done.stdout and "vLLM 0.33.0 is ready" in done.stdout
    assert subprocess.run([folder / "bin/vllm"], capture_output=True, check=True).stdout == b"hello\n"


@pytest.mark.parametrize(
    ("python", "env", "words"),
    [
        ("no-such-python", {}, "there is no program 'no-such-python'"),
        ("old", {}, "needs Python 3.11 to 3.14"),
        pytest.param(
            *(sys.executable, {"FORCE": "", "PATH": SYSTEM_PATH}, "no NVIDIA driver is seen"),
            marks=pytest.mark.skipif(bool(shutil.which("nvidia-smi", path=SYSTEM_PATH)), reason="there is a driver"),
        ),
    ],
)
def test_what_stands_in_the_way_is_one_sentence(tmp_path: Path, python: str, env: dict[str, str], words: str) -> None:
    if python == "old":
        python = str(tmp_path / "python3.9")
        Path(python).write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
        Path(python).chmod(0o755)
    done = make_environment(tmp_path / "venv", python, **env)
    assert done.returncode == 1 and not (tmp_path / "venv").exists()
    assert done.stderr.count("\n") == 1 and words in done.stderr
