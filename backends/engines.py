"""From an engine's name to the object that the arbiter loads; modules are imported when first asked for."""

from __future__ import annotations

from pathlib import Path

from backends.gpu.engine import Engine
from configs.errors import UsageError
from configs.settings import Settings


def make_engine(name: str, settings: Settings, cache_dir: Path) -> Engine:
    """A cold engine. Raises UsageError for a name that `configs/models.yaml` has and this table lacks."""
    match name:
        case "preview":
            from backends.image.preview import PreviewEngine

            return PreviewEngine(cache_dir=cache_dir / "layout", samples=settings.image.preview_samples)
        case "sdxl":
            from backends.image.sdxl import SdxlEngine

            config = settings.image.sdxl_config
            return SdxlEngine(
                Path(settings.image.sdxl_path).expanduser(),
                dtype=settings.image.dtype,
                config_dir=Path(config).expanduser() if config else None,
            )
        case "espeak":
            from backends.voice.espeak import EspeakEngine

            return EspeakEngine()
    raise UsageError(f"No code knows how to make the engine '{name}'", fix="Remove it from configs/models.yaml")
