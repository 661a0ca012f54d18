"""A VllmEngine whose program is the fake: its folders, its device, and doors to its traps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_device import FakeDevice
from fake_vllm import FakeVllm, fake_environment, fake_model

from backends.gpu.engine import StartProgress
from backends.gpu.monitor import Device, Snapshot
from backends.gpu.servers.records import Record, read
from backends.llm.vllm.engine import VllmEngine
from configs.llm_services import LlmService, VllmSpec
from configs.settings import Settings, load_settings

NAME = "qwen3-8b"
NEED_MIB = 9300
"""5,800 of weights, 2,304 of KV cache, about 1,200 of context: what the fake holds is a little less."""


@dataclass
class VllmBench:
    folder: Path
    device: FakeDevice
    settings: Settings
    engines: list[VllmEngine] = field(default_factory=list)
    told: list[StartProgress] = field(default_factory=list)

    @property
    def run_dir(self) -> Path:
        return Path(self.settings.gpu.run_dir)

    def look(self) -> Snapshot:
        total, used = self.device.total_mib, self.device.used_mib
        return Snapshot((Device(0, "fake", total, used, total - used),), 64000, 8000, 56000)

    def engine(self, *, name: str = NAME, service: dict[str, Any] | None = None, **vllm: Any) -> VllmEngine:
        """`vllm`: fields of VllmSpec, `traps` for the start, `download`."""
        traps, download = vllm.pop("traps", {}), vllm.pop("download", False)
        env = {"FAKE_VLLM": json.dumps(traps), "FAKE_VLLM_DEVICE": str(self.device.path), **vllm.pop("env", {})}
        values = {"version": "0.33.0", "environment": str(self.folder / "venv"), "stop_seconds": 0.5, "env": env}
        values |= {"start_seconds": 30, "probe_seconds": 1.0, "sleep_seconds": 5, "first_sleep_seconds": 10}
        spec = VllmSpec.model_validate({**values, **vllm})
        asked = {"model": "Qwen/Qwen3-8B-AWQ", "need_mib": NEED_MIB, "kv_mib": 2304, "tool_parser": "hermes"}
        asked |= {"quantization": "awq_marlin", "reasoning_parser": "qwen3"}
        made = VllmEngine(
            name,
            LlmService.model_validate({**asked, **(service or {})}),
            spec,
            self.settings,
            run_dir=self.run_dir,
            download=download,
            look=self.look,
        )
        made.on_start = self.told.append
        self.engines.append(made)
        return made

    def fake(self, engine: VllmEngine) -> FakeVllm:
        """The control side of the server that `engine` started."""
        return FakeVllm(engine.base_url, engine.served_model, engine.headers["Authorization"].split()[1])

    def record(self, name: str = NAME) -> Record | None:
        return read(self.run_dir, name)

    def disown(self, name: str = NAME) -> None:
        """As if the studio that started the server were gone."""
        record = self.record(name)
        assert record is not None
        gone = record.model_copy(update={"owner_born": "long ago"})
        (self.run_dir / "engines" / f"{name}.json").write_text(gone.model_dump_json())


@contextmanager
def vllm_bench(folder: Path) -> Iterator[VllmBench]:
    run = folder / "run"
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    fake_environment(folder / "venv")
    fake_model(folder / "shelf", "Qwen3-8B-AWQ")
    settings = load_settings(home=folder / "home", warehouse=folder / "shelf", gpu={"run_dir": str(run)})
    bench = VllmBench(folder, FakeDevice(folder / "device.json"), settings)
    try:
        yield bench
    finally:
        for engine in bench.engines:
            engine.unload()
