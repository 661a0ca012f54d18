"""Decoded frames as upright RGB arrays: scaled without flicker, one field only, HDR and transparency brought down."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.media.hdr import BITS, TRANSFERS, to_sdr

if TYPE_CHECKING:
    from av.filter.graph import Graph
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

Rgb = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
SHORTEST_SIDE = 32
"""Pixels: optical flow and block measures need as much; smaller films are enlarged."""
SD_LINES = 576
"""Untagged films with more lines are in BT.709 colours, others in BT.601, as players take them."""
_BT709, _UNTAGGED = 1, 2
"""Matrices of ITU-T H.273."""


def small_size(width: int, height: int, aspect: Fraction | None, longest: int) -> tuple[int, int]:
    """Width and height, both even, at which a film is measured: its longer side `longest` pixels at most.

    width, height: pixels as stored or as shown; aspect: a pixel's width / height (None = square). Proportions are
    kept, unless the film is so narrow that a side would fall under SHORTEST_SIDE.
    """
    shown = width * float(aspect or 1) or 1.0
    scale = min(1.0, longest / max(shown, height))
    if min(shown, height) * scale < SHORTEST_SIDE:
        scale = min(SHORTEST_SIDE / min(shown, height), longest / max(shown, height))
    return _even(shown * scale), _even(height * scale)


def _even(side: float) -> int:
    return max(SHORTEST_SIDE, 2 * round(side / 2))


class Scaler:
    """Makes RGB arrays of one film's frames, each of the same size.

    Area averaging, since samples without it (swscale's POINT, FAST_BILINEAR) make fine detail flicker when it moves.
    """

    def __init__(self, aspect: Fraction | None = None) -> None:
        """aspect: a stored pixel's width / height, None = square."""
        from av.video.reformatter import VideoReformatter

        self._aspect = aspect
        self._turns = 0
        self._started = False
        self._stored = (0, 0)
        self._alpha: dict[str, bool] = {}
        self._fields: dict[tuple[int, int, str], Graph] = {}
        # One for the film: a reformatter's tables cost more than the scaling of a frame.
        self._reformatter: VideoReformatter = VideoReformatter()
        self.interlaced = self.transparent = False
        """What was met so far."""
        self.hdr = ""
        """'PQ' or 'HLG' when such a frame was met."""

    def whole(self, frame: VideoFrame) -> Rgb:
        """The frame in its stored size, upright."""
        self._start(frame)
        if frame.color_trc in TRANSFERS or self._has_alpha(frame):
            return self._upright(self._rgb(frame, frame.width, frame.height))
        rgb: NDArray[Any] = frame.to_ndarray(format="rgb24", src_colorspace=_matrix(frame))
        return self._upright(np.asarray(rgb, np.uint8))

    def wide(self, frame: VideoFrame, width: int) -> Rgb:
        """The frame, upright, `width` pixels wide and of even height, in right proportions."""
        self._start(frame)
        if not self._stored[0]:
            shown_width, shown_height = frame.width * float(self._aspect or 1), frame.height
            if self._turns % 2:
                shown_width, shown_height = shown_height, shown_width
            size = (width, max(2, 2 * round(shown_height * width / shown_width / 2)))
            self._stored = size[::-1] if self._turns % 2 else size
        return self._upright(self._rgb(frame, *self._stored))

    def small(self, frame: VideoFrame, longest: int) -> Rgb:
        """The frame, upright, its longer side `longest` at most (see `small_size`)."""
        self._start(frame)
        if not self._stored[0]:
            self._stored = small_size(frame.width, frame.height, self._aspect, longest)
        return self._upright(self._rgb(frame, *self._stored))

    def _start(self, frame: VideoFrame) -> None:
        if not self._started:
            self._turns = round(frame.rotation / 90) % 4
            self._started = True
        if frame.interlaced_frame:
            self.interlaced = True

    def _upright(self, rgb: Rgb) -> Rgb:
        return np.ascontiguousarray(np.rot90(rgb, self._turns) if self._turns else rgb)

    def _rgb(self, frame: VideoFrame, width: int, height: int) -> Rgb:
        if self.interlaced and height < frame.height:
            frame = self._one_field(frame)
        if frame.color_trc in TRANSFERS:
            self.hdr = TRANSFERS[frame.color_trc]
            green, blue, red = self._planes(frame, width, height, f"gbrp{BITS}le", np.uint16)
            return to_sdr(np.dstack([red, green, blue]), frame.color_trc)
        import cv2

        if self._has_alpha(frame):
            self.transparent = True
            green, blue, red, alpha = self._planes(frame, width, height, "gbrap", np.uint8)
            opaque = cv2.merge([alpha, alpha, alpha])
            return np.asarray(cv2.multiply(cv2.merge([red, green, blue]), opaque, scale=1 / 255), np.uint8)
        # Planar RGB in one step: exact levels and whole colour resolution, and less work than rgb24 or yuv first.
        green, blue, red = self._planes(frame, width, height, "gbrp", np.uint8)
        return np.asarray(cv2.merge([red, green, blue]), np.uint8)

    def _planes(self, frame: VideoFrame, width: int, height: int, form: str, dtype: type) -> list[NDArray[Any]]:
        from av.video.reformatter import Interpolation

        made = self._reformatter.reformat(
            frame, width, height, form, src_colorspace=_matrix(frame), interpolation=Interpolation.AREA, threads=1
        )
        size = np.dtype(dtype).itemsize
        return [
            np.frombuffer(plane, dtype).reshape(-1, plane.line_size // size)[:height, :width]  # type: ignore[call-overload]
            for plane in made.planes
        ]

    def _has_alpha(self, frame: VideoFrame) -> bool:
        name = frame.format.name
        if name not in self._alpha:
            self._alpha[name] = name == "pal8" or any(part.is_alpha for part in frame.format.components)
        return self._alpha[name]

    def _one_field(self, frame: VideoFrame) -> VideoFrame:
        """The upper field: two moments in one picture would look like motion and flicker."""
        key = (frame.width, frame.height, frame.format.name)
        if key not in self._fields:
            self._fields[key] = _field_graph(frame)
        graph = self._fields[key]
        trc, matrix, levels = frame.color_trc, frame.colorspace, frame.color_range
        graph.vpush(frame)
        field = graph.vpull()
        field.color_trc, field.colorspace, field.color_range = trc, matrix, levels
        return field


def _field_graph(frame: VideoFrame) -> Graph:
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    graph.link_nodes(source, graph.add("field", "type=top"), graph.add("buffersink")).configure()
    return graph


def _matrix(frame: VideoFrame) -> int | None:
    guessed = frame.colorspace == _UNTAGGED and frame.height > SD_LINES and not frame.format.is_rgb
    return _BT709 if guessed else None
