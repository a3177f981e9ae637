"""The API that nodes and operators dial: each call has one role, one token, and errors of one shape."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from coordinator.hub import Hub
from coordinator.identity.tokens import OPERATOR, Caller
from coordinator.web.shield import HEADERS, Shield, fault, refusal
from privacy.canonical import Document
from privacy.errors import HedgerowError, Invalid, Refusal
from privacy.metrics import Tally

MODEL_TYPE = "application/octet-stream"


def make_app(hub: Hub, *, largest_body: int, answers: Tally | None = None) -> ASGIApp:
    """Return the API as an ASGI application; no documentation pages, no schema. ``answers`` counts, by HTTP status."""
    app = FastAPI(title="Hedgerow coordinator", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.hub = hub
    app.add_exception_handler(HedgerowError, _refused)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(Exception, _failed)
    for path, method, endpoint in (
        ("/v1/studies", "GET", _list_studies),
        ("/v1/studies", "POST", _submit),
        ("/v1/studies/{named}", "GET", _show),
        ("/v1/studies/{named}/document", "GET", _document),
        ("/v1/studies/{named}/run", "POST", _run),
        ("/v1/studies/{named}/run", "GET", _history),
        ("/v1/studies/{named}/run/cancel", "POST", _cancel),
        ("/v1/studies/{named}/run/resume", "POST", _resume),
        ("/v1/studies/{named}/withdraw", "POST", _withdraw),
        ("/v1/studies/{named}/result", "GET", _result),
        ("/v1/nodes", "GET", _list_nodes),
        ("/v1/notices", "POST", _note),
        ("/v1/models/{study_hash}", "GET", _model),
    ):
        app.add_api_route(path, endpoint, methods=[method], response_model=None)
    return Shield(app, largest_body=largest_body, answers=answers or Tally())


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


def _caller(request: Request) -> Caller:
    """Admit whoever calls, before anything else of the request is read."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal("token-refused", "no bearer token")
    hub = _hub(request)
    caller = hub.doorkeeper.admit(token)
    request.state.role = caller.role
    if caller.role == "node":
        hub.register.note_seen(caller.name, request.headers.get("user-agent", ""), at=hub.now())
    return caller


def _node(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    if caller.role != "node":
        raise Refusal("role-refused")
    return caller


def _operator(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    if caller.role != OPERATOR:
        raise Refusal("role-refused")
    return caller


async def _body(request: Request) -> bytes:
    return await request.body()


Anyone = Annotated[Caller, Depends(_caller)]
Node = Annotated[Caller, Depends(_node)]
Operator = Annotated[Caller, Depends(_operator)]
At = Annotated[Hub, Depends(_hub)]
# A dependency that a later parameter names is solved later: no body is read for a caller who was not admitted.
Body = Annotated[bytes, Depends(_body)]


def _list_studies(caller: Anyone, hub: At) -> JSONResponse:
    return _said(hub.offered(caller) if caller.role == "node" else hub.overview())


def _list_nodes(_caller: Operator, hub: At) -> JSONResponse:
    return _said({"online": sorted(hub.presence.online())})


def _submit(_caller: Operator, hub: At, body: Body) -> JSONResponse:
    return _said(hub.submit(body))


def _show(_caller: Operator, hub: At, named: str) -> JSONResponse:
    return _said(hub.status(named))


def _run(_caller: Operator, hub: At, named: str, body: Body) -> JSONResponse:
    return _said(hub.run(named, body), status=202)


def _resume(_caller: Operator, hub: At, named: str, body: Body) -> JSONResponse:
    return _said(hub.resume(named, body), status=202)


def _cancel(_caller: Operator, hub: At, named: str) -> JSONResponse:
    return _said(hub.cancel(named))


def _history(_caller: Operator, hub: At, named: str) -> JSONResponse:
    return _said(hub.history(named))


def _document(_caller: Operator, hub: At, named: str) -> JSONResponse:
    return _said(hub.document(named))


def _withdraw(_caller: Operator, hub: At, named: str, body: Body) -> JSONResponse:
    return _said(hub.withdraw(named, body))


def _result(_caller: Operator, hub: At, named: str) -> JSONResponse:
    return _said(hub.result(named))


def _note(caller: Node, hub: At, body: Body) -> Response:
    hub.note(caller, body)
    return Response(status_code=204, headers=HEADERS)


def _model(caller: Anyone, hub: At, study_hash: str) -> Response:
    return Response(hub.model(caller, study_hash), media_type=MODEL_TYPE, headers=HEADERS)


def _said(document: Document, *, status: int = 200) -> JSONResponse:
    return JSONResponse(document, status, HEADERS)


def _refused(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HedgerowError):
        return fault()
    return refusal(error, explain=getattr(request.state, "role", "") == OPERATOR)


def _unknown(_request: Request, _error: Exception) -> JSONResponse:
    return refusal(Invalid("address-unknown"))


def _failed(_request: Request, _error: Exception) -> JSONResponse:
    return fault()


__all__ = ["MODEL_TYPE", "make_app"]
