"""The tools that the server adds to the studio's own: their names and arguments."""

from __future__ import annotations

from pydantic import Field

from tools.spec import ToolArgs

ASK, TAKE_IN = "ask", "attach_file"


class AskArgs(ToolArgs):
    """Arguments of `ask`."""

    text: str = Field(description="The user's wish, or the answer to the studio's last question, in the user's words.")
    attach: list[str] = Field(
        default_factory=list,
        description="Files that the wish is about: paths below the studio's folder, or below one that was allowed.",
    )


class TakeInArgs(ToolArgs):
    """Arguments of `attach_file`."""

    path: str = Field(description="The file: an absolute path in an allowed folder, or one in the studio's own.")
