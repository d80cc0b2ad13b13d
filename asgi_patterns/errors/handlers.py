"""The handlers for ``exception_handlers=`` of Starlette and FastAPI: real problems, made inside the app."""

from collections.abc import Callable, Coroutine
from typing import Any, final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketState

from asgi_patterns.errors.core import from_words
from asgi_patterns.errors.events import Crashed
from asgi_patterns.errors.validation import from_pydantic, invalid
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import Receive, Scope, Send

Handlers = dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]]
"""What both frameworks take."""


def problem_handlers() -> Handlers:
    """Return the handlers for ``Starlette(exception_handlers=...)`` and ``FastAPI(exception_handlers=...)``.

    ``HTTPException`` keeps status, detail and fields, failed validation (FastAPI) says what is wrong and where,
    a ``Problem`` is itself, and what nobody caught is a 500 that says nothing about the code. All of them carry
    the request's id. Put your own behind them: ``{**problem_handlers(), Mine: handler}``.
    """
    handlers: Handlers = {
        Problem: _answer_http_exception,
        HTTPException: _answer_http_exception,
        Exception: _answer_crash,
    }
    try:
        from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
    except ModuleNotFoundError:
        return handlers
    invalid_input: Handlers = {
        RequestValidationError: _answer_invalid,
        WebSocketRequestValidationError: _answer_invalid,
    }
    return handlers | invalid_input


def is_crash_handler(handler: object) -> bool:
    """Whether this is the handler from here for what nobody caught: it may stand back for the layer."""
    return handler is _answer_crash


def kept_crash(scope: Scope, exc: Exception) -> Problem:
    """Return the problem for a crash whose exception the framework keeps to itself, and tell the observers."""
    exchange: Exchange | None = scope.get(KEY)
    if exchange is not None:
        exchange.exception = exc
        exchange.emit(Crashed(exception=exc, answered=True))
    return Problem(500)


async def _answer_http_exception(request: Request, exc: HTTPException) -> Response:
    problem = (
        exc if isinstance(exc, Problem) else from_words(exc.status_code, exc.detail, headers=exc.headers)
    )
    if problem is not None:
        return await _response(request, problem)
    if exc.status_code in (204, 304):
        return Response(status_code=exc.status_code, headers=exc.headers)
    return PlainTextResponse(exc.detail, exc.status_code, exc.headers)


async def _answer_crash(request: Request, exc: Exception) -> Response:
    return await _response(request, Problem(500))


async def _answer_invalid(request: Request, exc: Any) -> Response:
    # A WebSocket has no body; for a request, it tells which steps of a place exist.
    known = (exc.body,) if hasattr(exc, "body") else ()
    problem = invalid(422, exc.errors(), lambda error: from_pydantic(error, *known))
    return await _response(request, problem)


async def _response(connection: Request | WebSocket, problem: Problem) -> Response:
    # Starlette calls the same handlers for WebSockets. After accept, closing is all that is left.
    if isinstance(connection, WebSocket) and connection.application_state is not WebSocketState.CONNECTING:
        await connection.close(1008 if problem.status_code < 500 else 1011)
        return _Nothing()
    return _ProblemResponse(problem)


@final
class _ProblemResponse(Response):
    """A problem where Starlette wants a ``Response``. It is made when it is sent: Starlette may drop it unsent."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(status_code=problem.status_code)
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._problem(scope, receive, send)


@final
class _Nothing(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send nothing: the connection is closed already."""
