"""Error handlers for Quart: real problems, made inside the app.

from asgi_patterns.errors.quart import register_problem_handlers

app = Quart(__name__)
register_problem_handlers(app)
"""

from typing import Any

from quart import Blueprint, Quart, Response, has_request_context, request, websocket
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, InternalServerError

from asgi_patterns.errors.core import from_words
from asgi_patterns.errors.handlers import kept_crash
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import Scope


def register_problem_handlers(app: Quart | Blueprint) -> None:
    """Make ``app`` answer its errors with problems: ``Problem``, ``abort(...)``, 404, 405, and crashes.

    A crash is logged by Quart as ever, and the pipeline's listeners hear of it. Handlers that you register for
    a class or a status of their own come before these.
    """
    app.register_error_handler(Problem, _answer_problem)
    app.register_error_handler(HTTPException, _answer_http_exception)


async def _answer_problem(problem: Problem) -> Response:
    return _response(problem)


async def _answer_http_exception(exc: HTTPException) -> Response | HTTPException:
    if isinstance(exc, InternalServerError) and isinstance(exc.original_exception, Exception):
        return _response(kept_crash(_scope(), exc.original_exception))
    # The description of the class is a lecture for people in front of a browser.
    detail = exc.description if exc.description != type(exc).description else None
    problem = from_words(exc.code or 0, detail or "", headers=dict(exc.get_headers()))
    return exc if problem is None else _response(problem)


def _scope() -> Scope:
    connection: Any = request if has_request_context() else websocket
    scope: Scope = connection.scope
    return scope


def _response(problem: Problem) -> Response:
    head, body = problem.answer(_scope())
    fields = Headers([(name.decode(), value.decode("latin-1")) for name, value in head["headers"]])
    # With the body for HEAD too, like every answer of Quart's: it counts the length anew, and the server drops it.
    return Response(body, status=head["status"], headers=fields)
