"""The edge (边界): what every answer carries for protection, and how much may be sent."""

from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

MOST_BYTES = 1_000_000
MOST_BYTES_OF_FILES = 25_000_000
FILES_UNDER = "/drafts/"
"""The addresses that take files begin so; all others take short forms."""


class Guarded:
    """Adds the protective headers to every answer, and takes no more than a page may be sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, measured, and its answer back, guarded."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        left = MOST_BYTES_OF_FILES if scope["path"].startswith(FILES_UNDER) else MOST_BYTES

        async def measured() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "提交的内容过大，未作任何更改。")
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, measured, guarded)
