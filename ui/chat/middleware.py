"""ASGI middleware of the web server: signed-in pages without foreign links, and quiet when a page is closed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ui.chat.site import without_external_links

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

USER = "creator"
"""Identifier of the one user."""
OWN_PICTURES = (b"content-security-policy", b"img-src 'self' data: blob:; media-src 'self' data: blob:")
"""Names of files and characters, captions and subtitles are shown as Markdown: a picture in them must not call out."""
_NO_RESPONSE = "No response returned."


class OfflinePages:
    """Rewrites HTML on its way out and leaves everything else, sockets and films included, alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if "." not in scope["path"].rsplit("/", 1)[-1]:
            # pages are rewritten below, so they must not come compressed
            scope["headers"] = [h for h in scope["headers"] if h[0] != b"accept-encoding"]
        head: Message | None = None
        page = bytearray()

        async def rewrite(message: Message) -> None:
            nonlocal head
            if message["type"] == "http.response.start":
                if _is_page(message):
                    head = message
                    return
            elif head is not None and message["type"] == "http.response.body":
                page.extend(message.get("body", b""))
                if message.get("more_body"):
                    return
                body = without_external_links(bytes(page))
                kept = [h for h in head["headers"] if h[0] != b"content-length"]
                head["headers"] = [*kept, (b"content-length", str(len(body)).encode()), OWN_PICTURES]
                await send(head)
                message = {"type": "http.response.body", "body": body}
            await send(message)

        await self.app(scope, receive, rewrite)


class SignedIn:
    """Every page comes with its session, so that it need not ask for one and be loaded a second time.

    Whoever reaches the studio's own address is its one user; `local_user` in `app.py` says the same to Chainlit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_session(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                message["headers"] = [*message["headers"], (b"set-cookie", _session_cookie())]
            await send(message)

        await self.app(scope, receive, with_session)


def _is_page(start: Message) -> bool:
    """Whether it is a page of the chat: HTML that is shown in a sandbox is somebody else's, and gets no session."""
    headers: dict[bytes, bytes] = dict(start["headers"])
    sandboxed = b"sandbox" in headers.get(b"content-security-policy", b"")
    return headers.get(b"content-type", b"").startswith(b"text/html") and not sandboxed


def _session_cookie() -> bytes:
    from chainlit.auth import create_jwt
    from chainlit.config import config
    from chainlit.user import User
    from starlette.responses import Response

    response = Response()
    response.set_cookie(
        os.environ["CHAINLIT_AUTH_COOKIE_NAME"], create_jwt(User(identifier=USER, display_name=USER.title())),
        max_age=config.project.user_session_timeout, httponly=True, samesite="strict",
    )  # fmt: skip
    return response.headers["set-cookie"].encode("latin-1")


class ClosedPages:
    """A page that is closed in the middle of a request is no error, though Chainlit's own middleware raises one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = False

        async def listen() -> Message:
            nonlocal left
            message = await receive()
            left = left or message["type"] == "http.disconnect"
            return message

        try:
            await self.app(scope, listen, send)
        except RuntimeError as error:
            if not (left and str(error) == _NO_RESPONSE):
                raise
