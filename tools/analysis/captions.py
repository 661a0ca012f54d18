"""What each shot shows, in words: by a served vision model where there is one, else from what was measured."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.caption import describe, one_line
from configs.errors import StudioError
from configs.settings import LlmSettings
from tools.analysis.captions_measured import MEASURED, camera_text, colour_names, measured_text, people_of

if TYPE_CHECKING:
    from backends.vision.record import FilmRecord, Shot
    from backends.vision.vlm import VisionModel

Rgb = NDArray[np.uint8]
TOGETHER = 4
"""Requests at a time: vLLM batches them."""
LIMIT_S = 600.0
"""Longest time that a film's shots are described in; the rest is told from measurements."""
_HOPELESS = 3
"""Unusable answers, without a usable one, after which the model is not asked any more."""
_POLL_S, _GRACE_S = 0.1, 5.0
_SAID, _AUTHOR = 300, 80
"""Characters of the words of a shot that the model is told, and of its name."""


def describe_shots(
    record: FilmRecord,
    keyframes: Sequence[Rgb],
    *,
    llm: LlmSettings,
    known: Collection[str] = (),
    cancel: Callable[[], None] = lambda: None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    warn: Callable[[str], None] = lambda text: None,
    limit_s: float = LIMIT_S,
) -> tuple[list[tuple[str, str]], str]:
    """(text, author) of every shot of the record, and why some are told from measurements ('' when none is).

    A failure of the model keeps the texts that it wrote before, and is told once through `warn`. Texts are at most 300
    characters on one line; they are data, whoever wrote them.

    Args:
        keyframes: (H, W, 3) uint8 RGB, one per shot; asked for one at a time.
        llm: where models are served.
        known: names of models that take pictures besides those that can be told by their name.
        cancel: called several times a second; what it raises ends the work.
        on_progress: called with the shots done and their number.
    """
    from backends.vision.vlm import find_vision_model

    texts = [(measured_text(shot), MEASURED) for shot in record.shots]
    if not record.shots:
        return texts, ""
    if len(keyframes) != len(record.shots):
        raise ValueError("each shot needs its keyframe")
    cancel()
    model, why = find_vision_model(llm, known)
    if model is None:
        return texts, why
    work = _Captions(model, record, keyframes)
    work.run(cancel, on_progress, limit_s)
    author = one_line(model.name, _AUTHOR)  # a name that the server gave itself
    for at, text in work.texts.items():
        texts[at] = (text, author)
    missing = len(texts) - len(work.texts)
    if not missing:
        return texts, ""
    reason = work.reason or "some of its answers could not be used"
    if work.texts:
        reason = f"{missing} of {len(texts)} shots: {reason}"
    warn(f"{author} did not describe {'all' if work.texts else 'the'} shots, measurements do: {reason.rstrip('.')}")
    return texts, reason


class _Captions:
    """One film's requests to a model."""

    def __init__(self, model: VisionModel, record: FilmRecord, keyframes: Sequence[Rgb]) -> None:
        self._model, self._record, self._keyframes = model, record, keyframes
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._unusable, self._closed = 0, False
        self.texts: dict[int, str] = {}
        self.reason = ""

    def run(self, cancel: Callable[[], None], on_progress: Callable[[int, int], None], limit_s: float) -> None:
        end, total = time.monotonic() + limit_s, len(self._keyframes)
        pool = concurrent.futures.ThreadPoolExecutor(TOGETHER, thread_name_prefix="captions")
        try:
            open_ = {pool.submit(self._describe, at) for at in range(total)}
            while open_ and not self._over.is_set():
                done, open_ = concurrent.futures.wait(open_, _POLL_S, concurrent.futures.FIRST_COMPLETED)
                cancel()
                for one in done:
                    one.result()  # a bug is no failure of the model
                if done:
                    on_progress(total - len(open_), total)
                if open_ and time.monotonic() > end:
                    self._stop(f"the time for it was over ({limit_s:g} s)")
            # what was on its way when one failed may still come well
            grace = min(end, time.monotonic() + _GRACE_S)
            pool.shutdown(wait=False, cancel_futures=True)
            while open_ and time.monotonic() < grace:
                _, open_ = concurrent.futures.wait(open_, _POLL_S)
                cancel()
        finally:
            with self._lock:
                self._over.set()
                self._closed = True
            pool.shutdown(wait=False, cancel_futures=True)

    def _describe(self, at: int) -> None:
        facts = shot_facts(self._record.shots[at], len(self._record.shots))
        with self._lock:  # they may be read from one file, one at a time
            if self._over.is_set():
                return
            picture = self._keyframes[at]
        try:
            text, why = describe(self._model, "caption", facts, [picture])
        except StudioError as error:
            self._stop(error.sentence)
            return
        with self._lock:
            if self._closed:
                return
            if text:
                self.texts[at] = text
                return
            self._unusable += 1
            hopeless = self._unusable >= _HOPELESS and not self.texts
            self.reason = self.reason or why
        if hopeless:
            self._stop(why)

    def _stop(self, why: str) -> None:
        with self._lock:
            if not self._over.is_set():
                self.reason = why
                self._over.set()


def shot_facts(shot: Shot, count: int) -> dict[str, Any]:
    """What was measured of a shot, JSON-ready, as a model is told it."""
    look = shot.composition
    facts: dict[str, Any] = {"shot": shot.index, "of": count, "seconds": round(shot.seconds, 1)}
    if camera := camera_text(shot):
        facts["camera"] = camera
    if look is not None:
        facts |= {"scale": look.scale, "key": look.key, "colours": colour_names(look)}
        if look.figures:
            facts["figures"] = max(1, len(look.figures))
        if names := people_of(look):
            facts["characters"] = names
    if shot.sound is not None:
        facts["sound"] = shot.sound.label
    if shot.words:
        facts["said"] = " / ".join(" ".join(words.text.split()) for words in shot.words)[:_SAID]
    return facts
