"""The size that was asked, the size that SDXL works at, and pictures brought from one to the other and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import ControlMap, ImageRequest, Reference
from configs.errors import EngineError

MULTIPLE = 8
"""The VAE halves the sides three times."""
SMALLEST = 64
"""Pixels; no fallback makes a smaller side."""
LEAST = 32
"""Pixels; with a smaller side nothing is left on the UNet's coarsest grid."""
EDGE = 8
"""Pixels at 1024 over which a hard mask's inner edge goes from the old picture to the new one."""
MOST_STEPS, MOST_GUIDANCE = 1000, 100
"""SDXL's schedule has 1000 timesteps; far below this guidance pictures are burnt already."""
STRONGEST = 2.0
"""Scale of a map or a reference; more only breaks pictures."""


@dataclass(frozen=True)
class Frame:
    """The asked picture lies in the middle of one with sides that are multiples of `multiple`."""

    width: int
    height: int
    multiple: int = MULTIPLE

    @property
    def asked(self) -> tuple[int, int]:
        """Width and height, rounded up."""
        return self.size(1.0)

    def size(self, scale: float) -> tuple[int, int]:
        """Width and height of what is made when the sides are this share of the asked ones."""
        sides = (-(-round(side * scale) // self.multiple) * self.multiple for side in (self.width, self.height))
        return next(sides), next(sides)

    def filled(self, image: NDArray[np.uint8], size: tuple[int, int], *, hard: bool = False) -> NDArray[np.uint8]:
        """A picture of the asked size, (H, W) or (H, W, 3), brought to `size`: its edges repeated, then scaled.

        `hard`: no values between two pixels (masks, edges).
        """
        asked = self.asked
        top, left = self._corner()
        bottom, right = asked[1] - self.height - top, asked[0] - self.width - left
        full = np.pad(image, ((top, bottom), (left, right), (0, 0))[: image.ndim], mode="edge")
        if size != asked:
            from PIL import Image

            how = Image.Resampling.NEAREST if hard else Image.Resampling.LANCZOS
            full = np.asarray(Image.fromarray(full).resize(size, how))
        return np.ascontiguousarray(full)

    def cut(self, made: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The asked size of what was made, 0..1: enlarged where it is smaller, then the middle cut out.

        Raises EngineError for values that are no numbers.
        """
        if not np.isfinite(made).all():
            raise EngineError(
                "SDXL made an unusable picture", "its values are not finite numbers (the VAE overflows in float16)",
                "Set image.dtype to bfloat16, or use the fp16-fix VAE",
            )  # fmt: skip
        pixels = (made.clip(0, 1) * 255).round().astype(np.uint8)
        if pixels.shape[1::-1] != self.asked:
            from PIL import Image

            pixels = np.asarray(Image.fromarray(pixels).resize(self.asked, Image.Resampling.LANCZOS))
        top, left = self._corner()
        return np.ascontiguousarray(pixels[top : top + self.height, left : left + self.width])

    def _corner(self) -> tuple[int, int]:
        asked = self.asked
        return (asked[1] - self.height) // 2, (asked[0] - self.width) // 2


def composed(painted: NDArray[np.uint8], init: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What was painted inside the mask, the first picture pixel for pixel where the mask is 0.

    A mask of 0 and 255 alone gets an edge that is soft towards its inside; any other is taken as it is.
    """
    share = _softened(mask)[..., None]
    mixed = init + (painted.astype(np.float32) - init) * share
    return np.ascontiguousarray(mixed.round().astype(np.uint8))


def check_inputs(request: ImageRequest) -> None:
    """Raises EngineError for figures, words, a size, map, reference or first picture that cannot be used."""
    _check_figures(request)
    shape = (request.height, request.width, 3)
    if min(request.width, request.height) < LEAST:
        raise EngineError(
            f"SDXL makes no picture of {request.width}x{request.height}", f"sides begin at {LEAST} pixels",
            "Ask for a larger one",
        )  # fmt: skip
    for control in request.controls:
        _check_control(control, shape)
    for reference in request.references:
        _check_reference(reference, shape)
    init = request.init
    if init is None:
        return
    _check_shape("The picture to start from", init.image, shape)
    if not 0 <= init.strength <= 1:
        raise EngineError(f"A strength of {init.strength:g} is out of range", "", "Use 0 (keep) to 1 (paint anew)")
    if init.mask is not None:
        _check_shape("The mask", init.mask, shape[:2])


def _check_figures(request: ImageRequest) -> None:
    steps, guidance, seed = request.steps, request.guidance, request.seed
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise EngineError(f"SDXL makes no picture in {steps} steps", "", f"Use 1 to {MOST_STEPS}, usually 30")
    if guidance is not None and not 0 <= guidance <= MOST_GUIDANCE:
        raise EngineError(f"A guidance of {guidance:g} is out of range", "", f"Use 0 to {MOST_GUIDANCE}, usually 6.5")
    if not -(2**63) <= seed < 2**64:
        raise EngineError(f"The seed {str(seed)[:24]} is out of range", "it has more than 64 bits", "Use a smaller one")
    for what, text in (("prompt", request.prompt), ("negative prompt", request.negative_prompt)):
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise EngineError(f"The {what} cannot be read", "it has half characters (surrogates)", "Write it anew")


def _check_control(control: ControlMap, shape: tuple[int, ...]) -> None:
    _check_shape(f"The {control.kind} map", control.image, shape)
    if not 0 <= control.scale <= STRONGEST or not 0 <= control.start < control.end <= 1:
        raise EngineError(
            f"The {control.kind} map cannot steer so",
            f"scale {control.scale:g}, from {control.start:g} to {control.end:g} of the steps",
            f"Use a scale of 0 to {STRONGEST:g} and 0 <= start < end <= 1",
        )


def _check_reference(reference: Reference, shape: tuple[int, ...]) -> None:
    image = reference.image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise EngineError("A reference picture cannot be used", "it is no RGB picture", "Give a PNG or JPEG")
    if not 0 <= reference.scale <= STRONGEST:
        raise EngineError(f"A reference strength of {reference.scale:g} is out of range", "", f"Use 0 to {STRONGEST:g}")
    if reference.mask is not None:
        _check_shape("A reference's mask", reference.mask, shape[:2])


def _check_shape(what: str, array: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    if array.shape == shape and array.dtype == np.uint8:
        return
    sizes = "no picture"
    if array.ndim >= 2:
        sizes = "{}x{}, the picture {}x{}".format(*array.shape[1::-1], *shape[1::-1])
    cause = f"it is {sizes}"
    if array.shape[:2] == shape[:2]:
        cause = f"it has the wrong form ({array.ndim} axes, {array.dtype})"
    raise EngineError(f"{what} cannot be used", cause, "Bring it to the picture's size")


def _softened(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    share = mask.astype(np.float32) / np.float32(255)
    if not mask.any() or ((mask > 0) & (mask < 255)).any() or mask.all():
        return share
    import cv2

    depth = cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, 5)
    edge = max(1.0, EDGE * math.sqrt(mask.size) / 1024)
    # Half of the mask's own depth at most, so that a thin one is still painted in its middle.
    soft: NDArray[np.float32] = np.clip(depth / min(edge, float(depth.max()) / 2), 0, 1).astype(np.float32)
    return soft
