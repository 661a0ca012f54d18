"""Errors that a user can act on: what went wrong, why, and what to do."""

from __future__ import annotations

import re
from typing import ClassVar

UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a terminal's cursor, turns the direction of what is read, or fits into no file."""

LINE_END = re.compile(r"\s*[\t-\r\x1c-\x1f\x85\u2028\u2029]\s*")


def one_line(text: str) -> str:
    """Text that may hold a stranger's words (a file's name, what a program said), fit to stand in a sentence."""
    return LINE_END.sub(" ", UNSEEN.sub("", text)).strip()


class StudioError(Exception):
    """A failure told in one sentence each: `problem`, `cause`, `fix`.

    `exit_code` is what the command line ends with (0 done, 2 wrong use, 3 a question is open,
    4 a tool failed, 5 refused by policy).
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, problem: str, cause: str = "", fix: str = "") -> None:
        self.problem, self.cause, self.fix = map(one_line, (problem, cause, fix))
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """The three parts as one line, without a traceback."""
        text = self.problem.rstrip(".")
        if self.cause:
            text += f": {self.cause.rstrip('.')}"
        text += "."
        if not self.fix:
            return text
        return f"{text} {self.fix}" if self.fix.endswith("?") else f"{text} {self.fix.rstrip('.')}."


class UsageError(StudioError):
    """The request itself cannot be right: a wrong argument, an unknown name, an unreadable file."""

    exit_code = 2


class QuestionOpen(StudioError):
    """Nothing is wrong, but the user has to answer or approve first."""

    exit_code = 3

    def __init__(self, problem: str, cause: str = "", fix: str = "", choices: tuple[str, ...] = ()) -> None:
        """`choices`: answers that a chat may offer; the user may always say something else."""
        super().__init__(problem, cause, fix)
        self.choices = choices


class PolicyError(StudioError):
    """The request asks for more than the user's intent and approval allow."""

    exit_code = 5


class EngineError(StudioError):
    """An engine could not be loaded or failed while working."""


class Cancelled(StudioError):
    """The user (or a time limit) stopped the work; finished assets stay."""
