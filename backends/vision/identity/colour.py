"""The weightless encoder: where on a character which colours sit, and its outline."""

from __future__ import annotations

import numpy as np

from backends.vision.identity.encoder import SMALLEST, Box, Encoding, Mask, Rgb, region, unit

VERSION = "colour-1"
_BANDS = 4


class ColourEncoder:
    """Histograms of CIELAB colour in bands from head to foot."""

    name = "colour"
    licence = "none needed: it has no weights"
    needs_face = False

    @property
    def version(self) -> str:
        return VERSION

    def missing(self) -> str:
        return ""

    def available(self) -> bool:
        return True

    def encode(self, rgb: Rgb, box: Box | None = None, mask: Mask | None = None) -> Encoding:
        from skimage.color import rgb2lab

        where = region(rgb.shape, box, mask)
        if where is None or min(where[2:]) < SMALLEST:
            return Encoding(None, False, "the character fills too little of the picture")
        x, y, width, height = where
        cut = rgb[y : y + height, x : x + width]
        inside = mask[y : y + height, x : x + width] if mask is not None else np.ones((height, width), bool)
        lab = rgb2lab(cut)
        parts = []
        for band in np.array_split(np.arange(height), _BANDS):
            pixels = lab[band][inside[band]]
            counts, _ = np.histogramdd(pixels, bins=(6, 12, 12), range=((0, 100), (-80, 80), (-80, 80)))
            parts.append(np.sqrt(counts.ravel() / max(1.0, counts.sum())))
        return Encoding(unit(np.concatenate(parts)), True)

    def unload(self) -> None:
        """It holds nothing."""
