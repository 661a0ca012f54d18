"""Floating point operations of an SDXL picture, and the seconds below which a GPU cannot make it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

PictureMode = Literal["text", "image", "inpaint"]
NOMINAL = 1024 * 1024
"""Pixels that the coefficients below refer to."""
TERA = 1e12


class Cost(NamedTuple):
    """TFLOP of one forward of one picture: `fixed + linear * a + square * a²`, `a` = pixels / NOMINAL.

    What text and time cost does not grow with the picture, convolutions and projections grow with its pixels,
    self-attention with their square.
    """

    fixed: float
    linear: float
    square: float

    def at(self, width: int, height: int) -> float:
        """TFLOP at this size in pixels."""
        area = width * height / NOMINAL
        return self.fixed + self.linear * area + self.square * area**2


UNET = Cost(0.052531, 5.957086, 0.751619)
CONTROLNET = Cost(0.025870, 2.661653, 0.332860)
VAE_DECODE = Cost(0.0, 9.920637, 0.549756)
VAE_ENCODE = Cost(0.0, 4.329195, 0.549756)
"""SDXL base 1.0 and its ControlNet. Counted by torch.utils.flop_counter on the meta device, two operations to a
multiply-add, at 512, 768 and 1024 px; `tests/backends/test_sdxl_flops.py` counts them anew."""
TEXT = 0.013299 + 0.097863
"""TFLOP of both text encoders for one prompt of 77 tokens."""

PEAKS: dict[str, float] = {
    "B200": 2250, "H200": 989, "H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "A100": 312, "L40S": 362, "L40": 181,
    "L4": 121, "A10": 125, "T4": 65, "V100": 125, "RTX A6000": 155,
    "RTX 5090": 209.5, "RTX 5080": 113, "RTX 5070 Ti": 87.9, "RTX 5070": 61.7, "RTX 5060 Ti": 51,
    "RTX 4090": 165, "RTX 4080": 97.5, "RTX 3090": 71,
}  # fmt: skip
"""TFLOP per second in float16 with float32 sums, dense (no sparsity); the first name that occurs decides.

Data centre: NVIDIA's data sheets (B200, H200, H100 SXM / PCIe / NVL, A100, L40S, L40, L4, A10, T4, V100 SXM2, RTX
A6000). GeForce: NVIDIA's white papers on GA102, Ada and Blackwell, 'Peak FP16 Tensor TFLOPS with FP32 Accumulate',
half of what they reach with FP16 sums. 5080: an owner measured 112 (pytorch issue 159207); 5060 Ti: 51 measured
(flashinfer issue 3628). Laptop versions run at other clocks and are not in it."""
OTHER_CARD = re.compile(r"\s*(ti|super|d|laptop|max-q|mobile)\b", re.IGNORECASE)
"""What follows a card's name when it is another, slower or faster card."""


def picture_flops(
    width: int, height: int, steps: int, guidance: float, nets: int = 0, mode: PictureMode = "text"
) -> float:
    """Operations of one picture.

    Args:
        width, height: pixels.
        steps: denoising steps that are really made (of image-to-image, the steps times its strength).
        guidance: above 1 every step has two forwards.
        nets: ControlNets that run in every step; a Union counts as one.
        mode: 'image' and 'inpaint' encode a picture first, inpainting a masked one as well.
    """
    forwards = steps * (2 if guidance > 1 else 1)
    encodes = {"text": 0, "image": 1, "inpaint": 2}[mode]
    tera = forwards * (UNET.at(width, height) + nets * CONTROLNET.at(width, height))
    tera += VAE_DECODE.at(width, height) + encodes * VAE_ENCODE.at(width, height)
    return (tera + TEXT * (2 if guidance > 1 else 1)) * TERA


def peak_flops(gpu_name: str) -> float | None:
    """Operations per second of a GPU by the name that its driver gives; None for one that is not in the table."""
    for name, tera in PEAKS.items():
        words = r"[\s-]+".join(map(re.escape, name.split()))
        found = re.search(rf"(?<![A-Za-z0-9]){words}(?![A-Za-z0-9])", gpu_name, re.IGNORECASE)
        if found:
            return None if OTHER_CARD.match(gpu_name[found.end() :]) else tera * TERA
    return None


def floor_seconds(flops: float, gpu_name: str) -> float | None:
    """Seconds at the GPU's peak: no code can be faster in float16. None for an unknown GPU."""
    peak = peak_flops(gpu_name)
    return flops / peak if peak else None
