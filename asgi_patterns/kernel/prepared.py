"""A problem whose answer is made ready once, for those who are refused in great numbers.

``Prepared``: head and body of a problem as bytes. Only the request's id is still to be put in.
"""

import json
from typing import final

from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.problems import Problem, is_slug
from asgi_patterns.kernel.types import Receive, Scope, Send


@final
class Prepared:
    """Answers with one problem, again and again. The type must be a whole URI: a slug would depend on the request.

    Raises ``ValueError`` for a slug.
    """

    __slots__ = ("_body", "_fields", "problem")

    def __init__(self, problem: Problem) -> None:
        if is_slug(problem.type):
            raise ValueError(f"{problem.type!r} is no whole URI")
        self.problem = problem
        self._body = problem.body()
        self._fields = [line for line in problem.head(0)["headers"] if line[0] != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the problem, as it does by itself."""
        if scope["type"] != "http":
            return await self.problem(scope, receive, send)
        exchange: Exchange | None = scope.get(KEY)
        body = self._body
        if exchange is not None:
            exchange.problem = self.problem
            if exchange.request_id is not None:
                # The last member, as in Problem.
                body = b'%b,"requestId":%b}' % (body[:-1], json.dumps(exchange.request_id).encode())
        headers = [*self._fields, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": self.problem.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
