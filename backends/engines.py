"""From an engine's name to the object that the arbiter loads; modules are imported when first asked for."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from backends.gpu.engine import Engine
from backends.gpu.needs import MARGIN
from configs.errors import UsageError
from configs.llm_services import load_services, services_file
from configs.models import MODELS_FILE, load_models
from configs.rundir import run_dir
from configs.settings import Settings


def make_engine(name: str, settings: Settings, cache_dir: Path, *, download: bool = False) -> Engine:
    """A cold engine; `download`: a language model that is not there is fetched when it is loaded.

    Raises UsageError for a name that nobody knows to make.
    """
    match name:
        case "preview":
            from backends.image.preview import PreviewEngine

            return PreviewEngine(cache_dir=cache_dir / "layout", samples=settings.image.preview_samples)
        case "sdxl":
            from backends.image.sdxl.engine import SdxlEngine
            from configs.controlnet_config import load_controlnets
            from configs.image_tables import model_path
            from configs.sdxl_config import load_sdxl_config

            config = settings.image.sdxl_config
            return SdxlEngine(
                Path(settings.image.sdxl_path).expanduser(),
                dtype=settings.image.dtype,
                config_dir=Path(config).expanduser() if config else None,
                cap_mib=_cap_mib("sdxl", settings),
                config=load_sdxl_config(settings),
                controlnets=load_controlnets(settings),
                locate=partial(model_path, settings),
            )
        case "identity":
            from backends.vision.identity.engine import IdentityEngine

            return IdentityEngine(settings)
        case "espeak":
            from backends.voice.engines.espeak import EspeakEngine

            return EspeakEngine()
        case "voice_training":
            from backends.voice.training.seat import TrainingSeat
            from configs.voice_training import load_voice_training

            training = load_voice_training(settings)
            return TrainingSeat(training, training.root(settings), load_models().engines[name].need_mib)
        case "gpt_sovits":
            return _gpt_sovits(settings)
        case "qwen3_tts":
            from backends.voice.engines.qwen3_tts import Qwen3TtsEngine
            from configs.tts_config import load_tts

            return Qwen3TtsEngine(
                load_models().engines[name],
                load_tts(settings).engines.qwen3_tts,
                warehouse=settings.warehouse,
                run_dir=run_dir(settings),
                home=settings.home.expanduser(),
            )
    return _server(name, settings, download)


def _gpt_sovits(settings: Settings) -> Engine:
    from backends.voice.engines.gpt_sovits import GptSovitsEngine, RemoteGptSovits
    from configs.tts_config import load_tts

    options, home = load_tts(settings).engines.gpt_sovits, settings.home.expanduser()
    if settings.voice.gpt_sovits_url:
        return RemoteGptSovits(settings.voice.gpt_sovits_url, options, home=home)
    spec = load_models().engines["gpt_sovits"]
    return GptSovitsEngine(spec, options, warehouse=settings.warehouse, run_dir=run_dir(settings), home=home)


def _cap_mib(name: str, settings: Settings) -> int:
    """The most GPU memory that `name` may take: what leaves room for all that may stand beside it.

    Divided by the margin that the arbiter adds to what it learns, else a full use once learned would drive them out.
    Where the neighbours would leave too little, they cannot stand beside it anyway, and `name` may have all.
    """
    table, budget = load_models(), settings.gpu.vram_budget_mib
    beside = [sum(table.engines[n].need_mib for n in group - {name}) for group in table.together if name in group]
    beside_it = int((budget - max(beside, default=0)) / MARGIN)
    return beside_it if beside and beside_it >= table.engines[name].need_mib else budget


def _server(name: str, settings: Settings, download: bool) -> Engine:
    services = load_services(services_file(settings))
    if name in services.services:
        service, vllm = services.services[name], services.vllm
        if service.base_url or vllm.runtime == "remote":
            from backends.llm.vllm.remote import RemoteVllm

            return RemoteVllm(name, service, vllm)
        from backends.llm.vllm.engine import VllmEngine

        return VllmEngine(name, service, vllm, settings, run_dir=run_dir(settings), download=download)
    spec = load_models(MODELS_FILE, services_file(settings)).engines.get(name)
    if spec is not None and spec.process is not None:
        from backends.gpu.servers.process_engine import ProcessEngine

        home = settings.home.expanduser()
        return ProcessEngine(name, spec, warehouse=settings.warehouse, run_dir=run_dir(settings), home=home)
    raise UsageError(f"No code knows how to make the engine '{name}'", fix="Remove it from configs/models.yaml")
