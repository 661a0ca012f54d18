"""The user's own word, asked for through the client: MCP's elicitation, where the client can do that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp import types

if TYPE_CHECKING:
    from mcp.server.session import ServerSession


class User:
    """Who sits at the client, as far as one call can reach them."""

    def __init__(self, session: ServerSession, request_id: types.RequestId) -> None:
        self._session, self._request = session, request_id

    @property
    def can_be_asked(self) -> bool:
        wanted = types.ClientCapabilities(elicitation=types.ElicitationCapability())
        return self._session.check_client_capability(wanted)

    async def agrees(self, message: str) -> bool:
        """A yes or no; what is closed without an answer is a no."""
        approve = {"type": "boolean", "title": "Approve", "description": "True: do it."}
        answer = await self._ask(message, {"approve": approve}, ["approve"])
        return answer is not None and answer.get("approve") is True

    async def agrees_or_changes(self, message: str) -> tuple[bool, str]:
        """A yes or no to a plan, or what to change in it, in words."""
        fields = {
            "approve": {"type": "boolean", "title": "Approve", "description": "True: do it as planned."},
            "change": {"type": "string", "title": "Change", "description": "Or what to change first, in words."},
        }
        answer = await self._ask(message, fields, [])
        if answer is None:
            return False, ""
        return answer.get("approve") is True, str(answer.get("change") or "").strip()

    async def says(self, message: str, choices: tuple[str, ...] = ()) -> str:
        """An answer in words; '' for none."""
        hint = f"For example: {'; '.join(choices)}" if choices else "In your own words."
        fields = {"answer": {"type": "string", "title": "Answer", "description": hint}}
        answer = await self._ask(message, fields, ["answer"])
        return "" if answer is None else str(answer.get("answer") or "").strip()

    async def _ask(self, message: str, fields: dict[str, Any], required: list[str]) -> dict[str, Any] | None:
        schema = {"type": "object", "properties": fields, "required": required}
        result = await self._session.elicit_form(message, schema, self._request)
        return dict(result.content or {}) if result.action == "accept" else None
