"""Around the API: no body too large, no exception's text, and every refusal of one shape."""

from __future__ import annotations

import structlog
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privacy.errors import HedgerowError, Invalid, Refusal, Tampered, Unreachable
from privacy.metrics import Tally

STATUS_BY_CODE = {
    "address-unknown": 404,
    "body-too-large": 413,
    "fault": 500,
    "model-absent": 404,
    "node-revoked": 403,
    "role-refused": 403,
    "study-unknown": 404,
    "token-refused": 401,
}
STATUS_BY_CLASS: dict[type[HedgerowError], int] = {Invalid: 422, Unreachable: 503, Refusal: 409, Tampered: 400}
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

log = structlog.get_logger()


class Shield:
    """An ASGI application around another one: counts what comes in, and lets no exception out to the server."""

    def __init__(self, app: ASGIApp, *, largest_body: int, answers: Tally) -> None:
        self._app, self._largest, self._answers = app, largest_body, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the application inside has answered a fault already when it is caught here."""
        try:
            await self._app(scope, self._counted(receive), self._tallied(send))
        except Exception as error:  # noqa: BLE001 - the server would log its text
            log.error("api-fault", kind=type(error).__name__)  # noqa: TRY400 - no values in logs

    def _tallied(self, send: Send) -> Send:
        async def tallied(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers.add(str(message["status"]))
            await send(message)

        return tallied

    def _counted(self, receive: Receive) -> Receive:
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._largest:
                raise Invalid("body-too-large")
            return message

        return counted


def refusal(error: HedgerowError, *, explain: bool = False) -> JSONResponse:
    """Return an error in its one shape; ``explain`` adds where and which faults, for operators alone."""
    content: dict[str, object] = {
        "code": error.code,
        "what": error.entry.what,
        "next": error.entry.next_step,
    }
    if explain:
        content |= {"detail": error.detail, "faults": list(error.faults)}
    return JSONResponse(content, status_of(error), HEADERS)


def status_of(error: HedgerowError) -> int:
    """Return the HTTP status for an error: 401, 403, 404, 409, 413, 422, 400 for tampering, 503, else 500."""
    by_class = next((status for kind, status in STATUS_BY_CLASS.items() if isinstance(error, kind)), 500)
    return STATUS_BY_CODE.get(error.code, by_class)


def fault() -> JSONResponse:
    """Return what is said of an unexpected exception: its code, and nothing of the exception."""
    return refusal(HedgerowError("fault"))


__all__ = ["HEADERS", "STATUS_BY_CLASS", "STATUS_BY_CODE", "Shield", "fault", "refusal", "status_of"]
