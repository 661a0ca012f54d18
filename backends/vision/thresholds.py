"""The measures' thresholds, from `configs/vision.yaml`."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cuts(_Section):
    ratio_at_lowest: float = Field(gt=1)
    ratio_at_highest: float = Field(gt=1)
    window_frames: int = Field(ge=1)
    min_content: float = Field(ge=0)
    large_content: float = Field(ge=0)
    min_shot_seconds: float = Field(ge=0)
    cut_step: float = Field(gt=0, le=1)
    cut_likeness: float = Field(gt=0, le=1)
    blend_change: float = Field(gt=0)
    blend_ramp: float = Field(gt=0, le=1)
    blend_share: float = Field(gt=0, le=1)
    blend_detail_firm: float = Field(gt=0, le=1)
    blend_blocks_firm: float = Field(gt=0, lt=1)
    blend_detail: float = Field(gt=0, lt=1)
    blend_blocks: float = Field(gt=0, lt=1)
    blend_sharpness: float = Field(gt=0, lt=1)
    blend_likeness: float = Field(gt=0, le=1)
    blend_unmoved: float = Field(gt=0, le=1)
    blend_between: float = Field(gt=0, le=1)
    passing_likeness: float = Field(gt=0, le=1)
    flat_level: float = Field(gt=0)
    flat_share: float = Field(gt=0, lt=1)
    fade_share: float = Field(gt=0, le=1)
    wipe_change: float = Field(gt=0)
    wipe_distance: float = Field(gt=0)
    wipe_order: float = Field(gt=0, le=1)
    wipe_likeness: float = Field(gt=0, le=1)
    wipe_seam: float = Field(gt=0, le=1)
    wipe_area: float = Field(gt=0, le=1)
    network: Literal["own", "transnetv2", "auto"]
    network_level: float = Field(gt=0, lt=1)


class Motion(_Section):
    width: int = Field(ge=64)
    samples_per_second: float = Field(gt=0)
    inside_shot_share: float = Field(ge=0, le=1)
    silence_db: float = Field(lt=0)


class Black(_Section):
    luma: int = Field(ge=0, le=255)
    frame_share: float = Field(gt=0, le=1)
    span_seconds: float = Field(ge=0)


class Frozen(_Section):
    block_change: float = Field(gt=0)
    span_seconds: float = Field(gt=0)


class Picture(_Section):
    clipped_level: int = Field(ge=1, le=255)
    sharpness_width: int = Field(ge=64)


class Sound(_Section):
    loudness_max_seconds: float = Field(gt=0)


class Palette(_Section):
    colours: int = Field(ge=1, le=16)
    min_share: float = Field(ge=0, lt=1)


class Keyframes(_Section):
    per_second: float = Field(gt=0)
    change: float = Field(gt=0)
    quality: int = Field(ge=1, le=100)
    quality_when_full: int = Field(ge=1, le=100)
    mib_per_hour: float = Field(gt=0)


class Camera(_Section):
    texture: float = Field(gt=0)
    flow_error: float = Field(gt=0)
    flow_error_share: float = Field(ge=0, lt=1)
    bar_luma: int = Field(ge=0, le=255)
    lost: float = Field(ge=0, le=1)
    step_length: float = Field(gt=0)
    step_seconds: float = Field(gt=0)
    depth_growth: float = Field(gt=0)
    depth_patience: float = Field(gt=0)
    depth_shift: float = Field(gt=0)
    depth_seconds: float = Field(gt=0)
    leaves: float = Field(gt=0)
    leaves_share: float = Field(ge=0, lt=1)
    shake_window: float = Field(gt=0)
    sway_window: float = Field(gt=0)
    sway: float = Field(gt=0)
    handheld_shake: float = Field(gt=0)
    unrest: float = Field(gt=0)
    above_unrest: float = Field(gt=0)
    easing: float = Field(gt=0, le=1)
    piece_price: float = Field(gt=0)
    shortest_piece: float = Field(gt=0)
    shortest_shaken_piece: float = Field(gt=0)
    shortest_stretch: float = Field(gt=0)
    slowest: float = Field(gt=0)
    shortest_way: float = Field(gt=0)
    fixed_point: float = Field(gt=0)
    also_share: float = Field(gt=0, le=1)
    parallax: float = Field(gt=0, lt=1)
    travel: float = Field(gt=0, lt=1)
    subject: float = Field(gt=0, lt=1)
    main_share: float = Field(gt=0.5, le=1)
    least_texture: float = Field(ge=0, lt=1)
    least_inliers: float = Field(ge=0, lt=1)
    least_known: float = Field(ge=0, le=1)
    shortest_shot: float = Field(ge=0)
    slow: dict[str, float]
    fast: dict[str, float]


class Coherent(_Section):
    least_frames: int = Field(ge=3)
    darkest: float = Field(ge=0)
    block_texture: float = Field(gt=0)
    fastest: float = Field(gt=0, le=1)
    boil_in_wobble: float = Field(ge=0)
    marks: dict[str, float]


class Hearing(_Section):
    silence_below_loud: float = Field(gt=0)
    silence_lowest: float = Field(lt=0)
    silence_highest: float = Field(lt=0)
    silence_seconds: float = Field(gt=0)
    click_seconds: float = Field(ge=0)
    shortest_seconds: float = Field(gt=0)
    evidence: float = Field(gt=0, le=1)
    change: float = Field(gt=0, lt=0.5)
    music_gap_seconds: float = Field(ge=0)
    beats_sure: float = Field(ge=0, le=1)
    pause_seconds: float = Field(gt=0)


class Scenes(_Section):
    window_shots: int = Field(ge=1)
    window_seconds: float = Field(gt=0)
    near_shots: int = Field(ge=1)
    twin_colours: tuple[float, float]
    twin_layout: tuple[float, float]
    common: tuple[float, float]
    border: float
    twin: float = Field(le=0)
    kinship: float = Field(le=0)
    neighbours: float = Field(le=0)
    closed: float = Field(ge=0)
    jump: float = Field(ge=0)
    music: float = Field(le=0)
    speech: float = Field(le=0)
    fade: float = Field(ge=0)
    dissolve: float = Field(ge=0)
    wipe: float = Field(ge=0)
    shortest_scene: float = Field(ge=0)


class Thresholds(_Section):
    camera: Camera
    cuts: Cuts
    motion: Motion
    black: Black
    frozen: Frozen
    picture: Picture
    sound: Sound
    hearing: Hearing
    palette: Palette
    keyframes: Keyframes
    scenes: Scenes
    coherence: Coherent


@cache
def thresholds() -> Thresholds:
    """The file's values, checked. Raises pydantic's ValidationError when the file is wrong."""
    return Thresholds.model_validate(own_table(CONFIG_DIR / "vision.yaml"))
