"""What keeps GPT-SoVITS from being started or reached is told before a line is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cloning_installs import install_gpt_sovits

from backends.engines import make_engine
from configs.errors import EngineError
from configs.settings import load_settings


def test_base_weights_that_are_missing_are_told_before_anything_is_started(tmp_path: Path) -> None:
    install_gpt_sovits(tmp_path)
    (tmp_path / "GPT-SoVITS" / "GPT_SoVITS" / "pretrained_models" / "s1v3.ckpt").unlink()
    engine: Any = make_engine("gpt_sovits", load_settings(home=tmp_path / "home", warehouse=tmp_path), tmp_path)
    with pytest.raises(EngineError, match=r"lacks its base weights: there is no file .*s1v3"):
        engine.check_startable()
    install_gpt_sovits(tmp_path)
    engine.check_startable()
    (tmp_path / "GPT-SoVITS" / "GPT_SoVITS" / "pretrained_models" / "chinese-hubert-base").rmdir()
    with pytest.raises(EngineError, match=r"lacks its base models: there is no folder .*hubert"):
        engine.check_startable()


def test_a_server_elsewhere_that_is_not_there_is_told(tmp_path: Path) -> None:
    address = "http://127.0.0.1:9"
    remote = make_engine("gpt_sovits", load_settings(home=tmp_path, voice={"gpt_sovits_url": address}), tmp_path)
    with pytest.raises(EngineError, match=f"no server answers at {address}"):
        remote.load()
