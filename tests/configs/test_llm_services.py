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


def services_text(**a: object) -> str:
    """A file with two services; `a` changes the first."""
    first = {"model": "m", "need_mib": 5000, "kv_mib": 1000, **a}
    second = {"model": "m", "need_mib": 4000, "kv_mib": 1000}
    return yaml.safe_dump({"default": "a", "vllm": {"version": "1"}, "services": {"a": first, "b": second}})


def named(name: str) -> str:
    return f"default: {name!r}\nvllm: {{version: '1'}}\nservices: {{{name!r}: {{model: m, need_mib: 5000}}}}"


SERVICE = "{a: {model: m, need_mib: 5000}}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("default: [", "is no YAML.*line 1"),
        ("\x00", "is no YAML"),
        ("", "is empty or no table"),
        ("- a\n- b", "is empty or no table"),
        ("[" * 3000, "is no YAML"),
        (f"vllm: {{version: '1'}}\nservices: {SERVICE}", "wrong at default: the key is missing"),
        (f"default: ''\nvllm: {{version: '1'}}\nservices: {SERVICE}", "wrong at default"),
        (f"default: a\nservices: {SERVICE}", "wrong at vllm: the key is missing"),
        ("default: a\nvllm: {version: '1'}\nservices: {}", "wrong at services"),
        ("default: a\nvllm: {version: '1'}\nservices: {1: {model: m, need_mib: 5000}}", "wrong at services.1"),
        (f"default: b\nvllm: {{version: '1'}}\nservices: {SERVICE}", "unknown service 'b'.*Known are a"),
        (f"default: a\njudge: c\nvllm: {{version: '1'}}\nservices: {SERVICE}", "unknown service 'c'"),
        (f"default: a\nvllm: {{version: '1', runtime: conda}}\nservices: {SERVICE}", "vllm.runtime.*'conda'"),
        (f"default: a\nvllm: {{version: '1', runtime: remote}}\nservices: {SERVICE}", "'a' has no address"),
        (f"default: a\nvllm: {{version: '1', runtime: docker}}\nservices: {SERVICE}", "names no image"),
        (f"default: a\nvllm: {{version: '1', stop_seconds: -1}}\nservices: {SERVICE}", "vllm.stop_seconds.*'-1'"),
        (services_text(contxt=5), r"services\.a\.contxt: there is no such key. Did you mean 'context'"),
        (services_text(need_mib=-1), r"services\.a\.need_mib.*greater than 0, got '-1'"),
        (services_text(need_mib="much"), r"services\.a\.need_mib.*'much'"),
        (services_text(kv_mib=-5), r"services\.a\.kv_mib"),
        (services_text(kv_mib=5000), "kv_mib of 5000 is a part of its need_mib, which is only 5000"),
        (services_text(parked_mib=5001), "parked it would hold 5001 MiB"),
        (services_text(port=70000), r"services\.a\.port"),
        (services_text(env={"X": 1}), r"services\.a\.env\.X"),
        (services_text(flags="--a"), r"services\.a\.flags"),
        (services_text(model=""), r"services\.a\.model"),
        (services_text(smaller="c"), "unknown service 'c': as smaller of 'a'"),
        (services_text(smaller="a"), "'a' needs 5000 MiB, which is not less"),
        (services_text(smaller="b", need_mib=3000), "'b' needs 4000 MiB, which is not less than 3000"),
        (services_text(base_url="vllm:8000"), "'vllm:8000' is no address. Write it like http"),
        (services_text(base_url="http://[::1 /x"), "is no address"),
        (named("default"), "that word stands for another"),
        *((named(name), "a letter or digit first") for name in ("-x", "a b", "Qwen/Qwen3", "..", "ü", "a'b", "x" * 65)),
    ],
)
def test_mistakes_in_the_file_are_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        load_services(path)
    assert str(path) in caught.value.sentence or "has no address" in caught.value.sentence
    assert "\n" not in caught.value.sentence and "pydantic" not in caught.value.sentence


@pytest.mark.parametrize("kind", ["missing", "folder", "bytes", "line break in a name"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "services.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "bytes":
        path.write_bytes(b"default: \xff\xfe")
    elif kind != "missing":
        path.write_text('default: a\nvllm: {version: "1"}\nservices: {"a\\nb": {model: m, need_mib: 5000}}')
    with pytest.raises(UsageError) as caught:
        load_services(path)
    assert str(path) in caught.value.sentence and "\n" not in caught.value.sentence


def test_names_of_engines_are_looked_up_in_both_files(tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(services_text(beside=["b", "gpt_sovits"]))
    assert load_models(services_path=path).may_share_gpu(frozenset({"a", "b", "gpt_sovits"}))
    path = tmp_path / "wrong.yaml"
    path.write_text(services_text(beside=["gpt_sovit"]))
    with pytest.raises(
        UsageError, match=r"wrong.yaml names the unknown engine 'gpt_sovit'.*beside of 'a'.*'gpt_sovits'"
    ):
        load_models(services_path=path)
    path = tmp_path / "twice.yaml"
    path.write_text(services_text().replace("a:", "sdxl:").replace("default: a", "default: sdxl"))
    with pytest.raises(UsageError, match=r"'sdxl' is both an engine of models.yaml and a service of .*twice.yaml"):
        load_models(services_path=path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("engines: {}\ntogether: [[sdxl]]", "unknown engine 'sdxl'"),
        ("engines: {x: {kind: image, device: tpu, need_mib: 1}}", r"engines\.x\.device"),
        ("engines: {x: {kind: image, device: cpu, need_mib: 1, process: {command: []}}}", r"process\.command"),
        ("engines: {x: {kind: image, device: cpu, need_mib: 1, smaller: y}}", "unknown engine 'y'"),
        ("engines: {../x: {kind: image, device: cpu, need_mib: 1}}", "a letter or digit first"),
        ("engines: {}\nrules: {dwel_seconds: 1}", "Did you mean 'dwell_seconds'"),
    ],
)
def test_mistakes_in_the_engine_table_are_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_models(path)


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
