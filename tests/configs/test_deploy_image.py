"""The image: what its recipe says, and that what it installs works without the checkout."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from deploy_files import DEPLOY, ROOT, compose

from configs.settings import known_keys

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = [p.rstrip("*") for p in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]


@dataclass
class Stage:
    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    """(instruction, its text)"""

    def all(self, instruction: str) -> list[str]:
        return [text for word, text in self.steps if word == instruction]

    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for text in self.all("ENV") for pair in shlex.split(text))


def stages() -> list[Stage]:
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: list[Stage] = []
    for line in filter(None, (line.strip() for line in text.replace("\\\n", " ").splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name))
        else:
            found[-1].steps.append((word, rest.strip()))
    return found


BUILD, FINAL = stages()


def test_both_stages_have_the_same_pinned_base() -> None:
    assert BUILD.base == FINAL.base == "python:3.11-slim-bookworm"
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert FINAL.base.startswith(f"python:{lowest}")


def test_it_runs_as_nobody_special_and_says_whether_it_lives() -> None:
    (user,) = FINAL.all("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "numeric, so that an orchestrator sees that it is not root"
    last_root_step = max(n for n, (word, _) in enumerate(FINAL.steps) if word == "RUN")
    assert [w for w, _ in FINAL.steps].index("USER") > last_root_step
    assert all(service["user"] == user for name, service in compose()["services"].items() if "studio" in name)
    (health,) = FINAL.all("HEALTHCHECK")
    assert "/health" in health and "--start-period=" in health


def test_nothing_is_fetched_but_packages() -> None:
    for stage in (BUILD, FINAL):
        assert not stage.all("ADD")
        assert not re.search(r"curl|wget|git clone|https?://", " ".join(stage.all("RUN")))
    for command in BUILD.all("RUN"):
        for install in re.findall(r"pip install [^&;]*", command):
            assert "-c constraints.txt" in install, install
            assert "--mount=type=cache,target=/root/.cache/pip" in command


def test_the_final_stage_has_no_compiler_and_no_source() -> None:
    installed = " ".join(FINAL.all("RUN"))
    assert not re.search(r"gcc|g\+\+|clang|build-essential|-dev\b|cargo", installed)
    assert "rm -rf /var/lib/apt/lists/*" in installed and "--no-install-recommends" in installed
    assert FINAL.all("COPY") == ["--from=build /opt/studio /opt/studio"]


def test_labels_name_the_image() -> None:
    labels = dict(pair.split("=", 1) for text in FINAL.all("LABEL") for pair in shlex.split(text))
    wanted = {"title", "description", "licenses", "version", "revision"}
    assert {f"org.opencontainers.image.{name}" for name in wanted} <= set(labels)
    assert f"VERSION={PROJECT['project']['version']}" in FINAL.all("ARG")


def test_every_source_exists_and_reaches_the_builder() -> None:
    """.dockerignore refuses everything and lets single paths in again."""
    rules = [r for r in (ROOT / ".dockerignore").read_text().splitlines() if r and not r.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {source for text in BUILD.all("COPY") for source in text.split()[:-1]}
    assert copied == let_in and all((ROOT / name).exists() for name in copied)
    assert set(PACKAGES) <= copied, "a package of pyproject.toml is not in the image"
    secret = [r for r in rules[1:] if not r.startswith("!") and fnmatch.fnmatch("configs/deploy/.env", r)]
    assert secret and rules.index(secret[0]) > max(rules.index(f"!{name}") for name in let_in)


def test_what_it_starts_exists() -> None:
    from typer.main import get_command

    from ui.cli import app

    (entry,) = (json.loads(text) for text in FINAL.all("ENTRYPOINT"))
    (command,) = (json.loads(text) for text in FINAL.all("CMD"))
    assert entry == ["studio"] and "studio" in PROJECT["project"]["scripts"]
    subcommand = get_command(app).commands[command[0]]  # type: ignore[attr-defined]
    context = subcommand.make_context(command[0], command[1:])
    assert context.params["host"] == "0.0.0.0"


def test_its_settings_are_real() -> None:
    given = {name for name in FINAL.environment() if name.startswith("STUDIO_")}
    assert {"STUDIO_HOME", "STUDIO_WAREHOUSE"} <= given
    assert {name.removeprefix("STUDIO_").lower().replace("__", ".") for name in given} <= known_keys()


@pytest.mark.parametrize("extras", ["offline", "offline,gpu", ""])
def test_the_layer_of_dependencies_is_what_the_project_asks_for(extras: str) -> None:
    (command,) = (text for text in BUILD.all("RUN") if "tomllib" in text)
    script = re.search(r"python -c '([^']+)'", command)
    assert script is not None
    told = subprocess.run(
        [sys.executable, "-c", script[1], extras], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    optional = PROJECT["project"]["optional-dependencies"]
    wanted = [
        *PROJECT["project"]["dependencies"],
        *(line for name in extras.split(",") if name for line in optional[name]),
    ]
    assert told == wanted


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what the builder gets, by the project's own build backend."""
    pytest.importorskip("setuptools", minversion="77")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", ".env")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True, timeout=180)
    return next(out.glob("*.whl"))


def test_every_file_is_in_the_wheel(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}
    assert not tracked - set(zipfile.ZipFile(wheel).namelist())


def test_the_installed_studio_finds_its_data(wheel: Path, tmp_path: Path) -> None:
    """Unpacked beside an empty folder, with only its dependencies from here: the checkout is not looked at."""
    place = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(place)
    script = """
import json, sys
from pathlib import Path
import configs, ui
from configs.models import load_models
from configs.settings import load_settings
from ui.chat.site import prepare_site
from ui.cli import app
assert Path(configs.__file__).is_relative_to(sys.argv[1]) and Path(ui.__file__).is_relative_to(sys.argv[1])
settings = load_settings()
settings.home.mkdir(parents=True)
prepare_site(settings.home, "badge", 1)
print(json.dumps([len(load_models().engines), str(settings.warehouse)]))
"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_")}
    environment |= {k: v for k, v in FINAL.environment().items() if k.startswith("STUDIO_")}
    environment |= {"PYTHONPATH": str(place), "STUDIO_HOME": str(tmp_path / "data" / "studio")}
    done = subprocess.run(
        [sys.executable, "-c", script, str(place)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    engines, warehouse = json.loads(done.stdout.splitlines()[-1])
    assert engines >= 5 and warehouse == "/models"
