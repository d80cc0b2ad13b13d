"""Errors as problem details (RFC 9457): one form for every failure, whoever noticed it.

Use it in front of any API. Handlers raise ``Problem``; an exception that nobody caught becomes a 500 that says
nothing about your code; the short texts in which frameworks say 404, 405 or 500 become problems for clients
that take JSON, while a browser keeps its HTML.

    raise Problem(409, "the order has been shipped", type="https://shop.example/problems/shipped")

Or the errors are made inside the app, with all that it knows of them: ``exception_handlers=problem_handlers()``
for Starlette and FastAPI, and for others ``errors.litestar``, ``errors.quart`` and ``errors.django``.

An answer that has begun is never begun again. What the app raised stays on the exchange for observers, and is
raised again so that the server logs it, once.
"""

from asgi_patterns.errors.events import Crashed
from asgi_patterns.errors.handlers import problem_handlers
from asgi_patterns.errors.layer import Problems
from asgi_patterns.kernel.problems import Problem, ProblemType

__all__ = ["Crashed", "Problem", "ProblemType", "Problems", "problem_handlers"]
