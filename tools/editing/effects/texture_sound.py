"""What old machines do to sound: narrow bands, uneven speed, few bits."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from tools.editing.effects.base import ClipEffect, effect


class Heard(ClipEffect):
    """Base of effects that are only heard."""

    audible: ClassVar[bool] = True


@effect
class Band(Heard):
    """Only a band of the sound, squeezed as small speakers and horns squeeze it."""

    name = "band"
    about = "sound as from a telephone, a radio or a gramophone"

    low: float = Field(300.0, ge=20, le=8000, description="Hz.")
    high: float = Field(3400.0, ge=200, le=20_000, description="Hz.")

    @model_validator(mode="after")
    def _a_band(self) -> Band:
        if self.low >= self.high:
            raise ValueError("the band is empty")
        return self

    def sound(self, seconds: float) -> list[str]:
        edges = [f"highpass=f={self.low:.1f}:p=2", f"lowpass=f={self.high:.1f}:p=2"]
        return [*edges, *edges, "acompressor=threshold=0.1:ratio=3:attack=8:release=160:makeup=1.6"]


@effect
class Wow(Heard):
    """The pitch wavers, as of a worn tape or a warped record."""

    name = "wow"
    about = "a wavering pitch, as of a worn tape"

    strength: float = Field(0.5, ge=0, le=1)

    def sound(self, seconds: float) -> list[str]:
        return [f"vibrato=f=0.7:d={0.35 * self.strength:.4f}", f"vibrato=f=6.3:d={0.06 * self.strength:.4f}"]


@effect
class Bits(Heard):
    """Few bits and few samples, as of an early game console."""

    name = "bits"
    about = "crushed sound, as of an early game console"

    bits: float = Field(6.0, ge=2, le=16)
    samples: int = Field(6, ge=1, le=60, description="As many samples become one.")

    def sound(self, seconds: float) -> list[str]:
        return [f"acrusher=bits={self.bits:.2f}:samples={self.samples}:mode=lin:mix=1", "lowpass=f=7500"]
