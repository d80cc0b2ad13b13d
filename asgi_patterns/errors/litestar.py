"""The handlers for ``exception_handlers=`` of Litestar: real problems, made inside the app.

from asgi_patterns.errors.litestar import problem_handlers

app = Litestar(handlers, exception_handlers=problem_handlers())
"""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.exceptions.responses import create_exception_response
from litestar.params import ParameterKwarg
from litestar.types import ExceptionHandlersMap
from starlette.exceptions import HTTPException as StarletteHTTPException

from asgi_patterns.errors.core import from_words
from asgi_patterns.errors.forms import is_litestar_error, litestar_item, litestar_problem
from asgi_patterns.errors.handlers import kept_crash
from asgi_patterns.errors.validation import PARAMETERS, Item, from_pydantic, invalid
from asgi_patterns.kernel.problems import Problem

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


def problem_handlers() -> ExceptionHandlersMap:
    """Return the handlers for ``Litestar(exception_handlers=...)``, or those of a router or a controller.

    As ``asgi_patterns.errors.problem_handlers`` for Starlette: ``HTTPException`` and failed validation with all
    they hold, a ``Problem`` as it is, and anything else as a 500, of which the pipeline's listeners hear.
    """
    return {
        HTTPException: _answer_http_exception,
        StarletteHTTPException: _answer_starlette_exception,
        Exception: _answer_crash,
    }


def _answer_http_exception(request: AnyRequest, exc: HTTPException) -> AnyResponse:
    if exc.status_code == 500:  # Litestar does not show the detail of these either
        return _answer_crash(request, exc)
    problem = _invalid(request, exc) or litestar_problem(exc.status_code, exc.detail, exc.extra, exc.headers)
    return create_exception_response(request, exc) if problem is None else _response(request, problem)


def _answer_starlette_exception(request: AnyRequest, exc: StarletteHTTPException) -> AnyResponse:
    problem = (
        exc if isinstance(exc, Problem) else from_words(exc.status_code, exc.detail, headers=exc.headers)
    )
    if problem is not None:
        return _response(request, problem)
    return Response(exc.detail, status_code=exc.status_code, headers=exc.headers, media_type="text/plain")


def _answer_crash(request: AnyRequest, exc: Exception) -> AnyResponse:
    scope: Any = request.scope
    return _response(request, kept_crash(scope, exc))


def _invalid(request: AnyRequest, exc: HTTPException) -> Problem | None:
    """Return the problem of a failed validation, with more about the places than Litestar's answer tells."""
    messages = exc.extra
    if not (isinstance(messages, list) and messages and all(map(is_litestar_error, messages))):
        return None
    taken = _parameters(request)
    causes = getattr(exc.__cause__, "errors", None)
    if "data" in taken and isinstance(causes, list) and not any("source" in each for each in messages):
        return invalid(exc.status_code, causes, _pydantic_item)
    return invalid(exc.status_code, messages, lambda message: litestar_item(_named(message, taken)))


def _pydantic_item(error: Mapping[str, Any]) -> Item:
    return from_pydantic({**error, "loc": ("body", *error["loc"])})


def _parameters(request: AnyRequest) -> Mapping[str, Any]:
    """Return what the route's function takes, by the names of its arguments."""
    route: Any = request.scope.get("route_handler")
    return {} if route is None else dict(route.parsed_fn_signature.parameters)


def _named(message: Mapping[str, str], taken: Mapping[str, Any]) -> Mapping[str, str]:
    """Say the name that the client used; Litestar says that of the function's argument."""
    key, source = message.get("key", ""), message.get("source")
    declared = getattr(taken.get(key), "kwarg_definition", None)
    if source not in PARAMETERS or not isinstance(declared, ParameterKwarg):
        return message
    # Where the name stands depends on the version of Litestar, and on which of its two forms was used.
    return {**message, "key": getattr(declared, "name", None) or getattr(declared, source, None) or key}


def _response(request: AnyRequest, problem: Problem) -> AnyResponse:
    scope: Any = request.scope
    head, body = problem.answer(scope)
    fields = {name.decode(): value.decode("latin-1") for name, value in head["headers"]}
    media_type = fields.pop("content-type")  # Litestar writes it itself
    shown = b"" if request.method == "HEAD" else body
    return Response(shown, status_code=head["status"], headers=fields, media_type=media_type)
