"""What the training scripts say of their progress: epoch, step and losses, read from their output.

s2_train.py logs 'Train Epoch: 3 [40%]' and then '[disc, gen, fm, mel, kl_ssl, kl, step, rate]'; s2_train_v3_lora.py
'[cfm, step, rate]'; s1_train.py is Lightning's progress bar ('Epoch 3: 40%|####| 10/25 [..., total_loss_step=612.0').
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field

_EPOCH = re.compile(r"Train Epoch: (\d+) \[\s*([\d.]+)%\]")
_EPOCH_DONE = re.compile(r"====> Epoch: (\d+)")
_START = re.compile(r"start training from epoch (\d+)")
_LIST = re.compile(r"(\[[-+\d.,eE\s]+(?:nan|inf|[\d.])[-+\d.,eE\s naif]*\])\s*$", re.IGNORECASE)
_BAR = re.compile(r"Epoch (\d+)(?:/\d+)?\b.*?(\d+)/(\d+)\b")
_BAR_LOSS = re.compile(r"total_loss(?:_step)?\s*[=:]\s*([-+\d.eE]+|nan|inf)", re.IGNORECASE)
_DROPPED = re.compile(
    r"deleted (?P<audios>\d+) audios who's (?P<why>.+)|skipped_phone: +(?P<phones>\d+) , skipped_dur: +(?P<lengths>\d+)"
)
_SAVING = re.compile(r"saving ckpt (\S+?):(.*)$")
_RAISED = re.compile(r"[\w.]*(Error|Exception)\b")
LOST_AFTER = 12
"""Losses in a row that are no numbers."""
_GAN_LOSSES = 8
"""Numbers in a line of s2_train.py: six losses, step and rate."""


@dataclass(frozen=True)
class Point:
    """One measured loss."""

    epoch: int
    step: int
    loss: float


@dataclass
class Progress:
    """Reads a script's output line by line."""

    epochs: int
    """That it shall train."""
    epoch: int = 0
    """Of the last line, from 1."""
    share: float = 0.0
    """0..1 of all epochs."""
    points: list[Point] = field(default_factory=list)
    began_at: int = 0
    """The epoch that it began with; 0 while it has not said so."""
    _awaits: bool = False
    """True between 'Train Epoch: ...' and the numbers that follow it."""
    dropped: list[str] = field(default_factory=list)
    """Clips that the script's own loader left out, in its words."""
    save_failed: str = ""
    """What the script said when it could not save weights; it goes on all the same."""

    def read(self, line: str) -> bool:
        """Take in a line; whether it told something about progress."""
        if match := _START.search(line):
            self.began_at = int(match[1])
            return False
        if match := _EPOCH.search(line):
            self._at(int(match[1]), float(match[2]) / 100)
            self._awaits = True
            return True
        if match := _EPOCH_DONE.search(line):
            self._at(int(match[1]), 1.0)
            return True
        if (match := _SAVING.search(line)) and not match[2].strip().startswith("Success"):
            self.save_failed = match[2].strip() or "no reason is given"
            return False
        if match := _DROPPED.search(line):
            if match["audios"]:
                self.dropped.append(f"{match['audios']} clips ({match['why'].strip()})")
            elif lost := int(match["phones"]) + int(match["lengths"]):
                self.dropped.append(f"{lost} clips (their phonemes or their length)")
            return False
        if self.save_failed.startswith("Traceback") and _RAISED.match(line):
            self.save_failed = line.strip()
        if self._awaits and (match := _LIST.search(line)):
            self._awaits = False
            return self._losses(match[1])
        return self._bar(line)

    @property
    def is_lost(self) -> bool:
        """Whether the last losses are no numbers any more (NaN): what is trained from there on is worth nothing.

        A few are not enough: with 16 bit floats the scaler skips such steps.
        """
        last = self.points[-LOST_AFTER:]
        return len(last) >= LOST_AFTER and not any(math.isfinite(point.loss) for point in last)

    @property
    def loss(self) -> float | None:
        return self.points[-1].loss if self.points else None

    def note(self) -> str:
        """'epoch 3 of 8, loss 27.1'."""
        if not self.epoch:
            return ""
        loss = f", loss {self.loss:.4g}" if self.loss is not None and math.isfinite(self.loss) else ""
        return f"epoch {self.epoch} of {self.epochs}{loss}"

    def _at(self, epoch: int, part: float) -> None:
        self.epoch = epoch
        self.share = max(self.share, min(1.0, (epoch - 1 + min(part, 1.0)) / max(1, self.epochs)))

    def _losses(self, text: str) -> bool:
        try:
            numbers = [float(n) for n in json.loads(text.replace("nan", "NaN").replace("inf", "Infinity"))]
        except (ValueError, TypeError):
            return False
        if len(numbers) < 3:
            return False
        # the first of s2_train.py's is the discriminator's, which the voice's own loss does not contain
        losses = numbers[1:-2] if len(numbers) == _GAN_LOSSES else numbers[:-2]
        self.points.append(Point(self.epoch, int(numbers[-2]), sum(losses)))
        return True

    def _bar(self, line: str) -> bool:
        match = _BAR.search(line)
        if match is None:
            return False
        epoch, done, steps = int(match[1]) + 1, int(match[2]), int(match[3])
        self._at(epoch, done / max(1, steps))
        if loss := _BAR_LOSS.search(line):
            step = (epoch - 1) * steps + done
            if not self.points or self.points[-1].step != step:
                self.points.append(Point(epoch, step, float(loss[1])))
        return True
