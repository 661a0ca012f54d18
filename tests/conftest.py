"""Fixtures for all tests: a throw-away home, settings without the user's environment, a brain that follows a script."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_order import slow_first
from kept_folders import remove_kept

from configs.settings import Settings, load_settings
from configs.workspace import Workspace

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Read when torch and numpy are loaded, here and in every child. Threads of OpenMP wait for each other in a loop: where
# the workers already fill the cores, small pictures and nets took ten times the processor with two each.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# A shell that starts a run in the background has it ignore Ctrl-C, and with it every process that a test starts.
if threading.current_thread() is threading.main_thread():
    for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(_number) is signal.SIG_IGN:
            signal.signal(_number, _usual)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow_first(items)


def pytest_collection_finish() -> None:
    """What is loaded by now stays loaded: each `gc.collect()` of an engine looked through a million objects of it."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    remove_kept()


@pytest.fixture(autouse=True)
def _no_user_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith("STUDIO_") and name != "STUDIO_REAL_MEDIA":
            monkeypatch.delenv(name)
    # Locks and records of started servers: never those of a studio that runs on this machine.
    monkeypatch.setenv("STUDIO_GPU__RUN_DIR", str(tmp_path_factory.getbasetemp() / "run"))


@pytest.fixture(autouse=True)
def _log_is_seen() -> Iterator[None]:
    """A studio that is opened in this process sends its log to its home alone: no other test's log goes there."""
    log = logging.getLogger("studio")
    before, log.propagate = list(log.handlers), True
    yield
    for handler in [one for one in log.handlers if one not in before]:
        log.removeHandler(handler)
        handler.close()
    log.propagate = True


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with the numpy index (no Chroma start-up) and a home of their own."""
    return load_settings(home=tmp_path / "home", brain="offline", memory={"index": "numpy", "embedder": "letters"})


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    return Workspace.open(settings.home)


@pytest.fixture(scope="session")
def media_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("media")
