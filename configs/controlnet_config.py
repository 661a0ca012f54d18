"""`configs/controlnet_config.yaml`: the ControlNets and what makes their maps out of pictures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from configs.image_tables import table_file
from configs.settings import Settings
from configs.yaml_file import read_table

MapName = Literal["depth", "pose", "canny", "normal"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetSpec(Part):
    """A ControlNet for one kind of map."""

    path: str = Field(min_length=1)
    """diffusers folder or .safetensors file, below the warehouse unless absolute."""
    scale: float = Field(0.7, ge=0, le=2)
    start: float = Field(0.0, ge=0, le=1)
    end: float = Field(1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> NetSpec:
        if self.start >= self.end:
            raise ValueError(f"start {self.start:g} is not below end {self.end:g}")
        return self


class UnionSpec(Part):
    """ControlNet Union: one net for many kinds of map."""

    path: str = ""
    modes: dict[MapName, Annotated[int, Field(ge=0, le=15)]] = {"pose": 0, "depth": 1, "canny": 3, "normal": 4}
    """Index of each kind in the net's own order."""
    use_from: int = Field(3, ge=1)
    """Maps from which on it is used in place of single nets (it is also used where a single net is missing)."""


class Canny(Part):
    low: int = Field(100, ge=0, le=1000)
    high: int = Field(200, ge=0, le=1000)
    blur: float = Field(1.0, ge=0, le=10)
    """Standard deviation in pixels at 1024 px; 0 = none."""

    @model_validator(mode="after")
    def _ordered(self) -> Canny:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class PoseModels(Part):
    detector: str = ""
    """ONNX file that finds people (YOLOX of rtmlib)."""
    pose: str = ""
    """ONNX file that finds joints (RTMPose / RTMW of rtmlib)."""


class Preprocessors(Part):
    canny: Canny = Canny()
    pose: PoseModels = PoseModels()
    depth: str = ""
    """Folder of Depth Anything V2 (Small is Apache-2.0; larger ones are non-commercial)."""


class ControlNetConfig(Part):
    nets: dict[MapName, NetSpec] = {}
    union: UnionSpec = UnionSpec()
    preprocessors: Preprocessors = Preprocessors()


def load_controlnets(settings: Settings) -> ControlNetConfig:
    """Raises UsageError that names the place of what is wrong."""
    parts = (NetSpec, UnionSpec, Preprocessors, Canny, PoseModels)
    return read_table(table_file(settings, "controlnet_config"), ControlNetConfig, "ControlNet table", parts)
