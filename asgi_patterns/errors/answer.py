"""One answer on its way through ``Problems``: it passes, is rewritten, or waits for its exception."""

import traceback
from typing import TYPE_CHECKING, final

from asgi_patterns.errors.core import JSON, from_text, is_error_form, is_error_text, prefers_problem
from asgi_patterns.errors.forms import from_json
from asgi_patterns.kernel import headers as fields
from asgi_patterns.kernel.address import is_loopback
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.link import Held, Link, hold
from asgi_patterns.kernel.look import Holding
from asgi_patterns.kernel.problems import BASE, MEDIA_TYPE, Problem, take_marked
from asgi_patterns.kernel.types import Message, RawHeaders, Receive, Scope, Send

if TYPE_CHECKING:
    from asgi_patterns.errors.layer import Problems

# What described the body that is gone. All else that the app set (cookies, CORS, Allow, Retry-After) stays.
_OF_THE_BODY = (
    *(b"content-type", b"content-length", b"content-language", b"content-location", b"content-disposition"),
    *(b"etag", b"last-modified", b"accept-ranges", b"content-digest", b"repr-digest", b"content-md5"),
)
_FORWARDING = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via")


@final
class Answer(Holding):
    """The ``send`` of one request, and what the layer knows of its answer. ``on_head`` is the hook of a link."""

    # What few answers ever set is here, and costs the others nothing.
    waiting: tuple[Message, bytes] | None = None
    """What waits for the exception that it was made of, if there is one."""
    _held: Held | None = None
    _complete = False

    def __init__(
        self, settings: "Problems", exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.outer = self.onward = send
        self.out = self.head = None
        self.exchange = exchange
        self._settings = settings
        self._scope = scope
        self._receive = receive

    @property
    def started(self) -> bool:
        """Whether the head of an HTTP answer has come by."""
        out = self.out
        # A link that has failed to look at the head has let nothing go.
        return out is not None and (type(out) is not Link or out.started)

    def expect(self, head: Message, headers: RawHeaders) -> None:
        """Let a good answer pass as it is; have a link look at any other."""
        if head["status"] >= 400:
            self.takes_over(Link(self.outer, self.on_head))

    def on_head(self, head: Message) -> Send | None:
        """Let a good answer pass; replace what a raised problem became; hold a short error text."""
        self.onward = self.outer  # not the link any more: it has this method, and each would hold the other
        if head["type"] != "http.response.start" or head["status"] < 400:
            return None
        problem = take_marked(head["headers"])
        if problem is not None:
            return _Replacement(self, head, problem)
        if self._settings.upgrade == "off" or not self._may_upgrade(head):
            return None
        return self._upgrade(head)

    def _may_upgrade(self, head: Message) -> bool:
        headers = head["headers"]
        length = fields.content_length(headers)
        return (
            self._is_ours(head["status"], fields.media_type(headers))
            and length is not None
            and length <= self._settings.limit
            and not fields.has(headers, b"content-encoding")
            and not self.exchange.is_off(self._settings.label)
        )

    def _is_ours(self, status: int, media_type: str) -> bool:
        """Whether such an answer is ours to replace, if it says what we can read."""
        if is_error_form(status, media_type):
            return self._settings.upgrade == "all"
        # A handler inside may have answered a crash with a problem, for which the traceback has yet to come.
        return is_error_text(status, media_type) or (
            media_type == MEDIA_TYPE and status >= 500 and self._may_debug()
        )

    def _upgrade(self, head: Message) -> Send | None:
        media_type = fields.media_type(head["headers"])
        if is_error_text(head["status"], media_type):
            if not self._prefers_problem(head):
                return None
            if self._scope["method"] == "HEAD":
                # The text that would say more is not sent, so the length that a GET would get is not known.
                fields.remove(head["headers"], *_OF_THE_BODY)
                fields.append(head["headers"], b"content-type", MEDIA_TYPE)
                return None
        self._held = hold(head, self.outer, limit=self._settings.limit, decide=self._decide)
        return self._held

    def _prefers_problem(self, head: Message) -> bool:
        fields.merge_vary(head["headers"], "Accept")
        accept = fields.get_all(self._scope["headers"], b"accept")
        return prefers_problem(accept, fields.media_type(head["headers"]))

    async def _decide(self, head: Message, body: bytes) -> None:
        if head["status"] >= 500 and self._may_debug():
            self.waiting = (head, body)  # the exception, if there is one, arrives after the answer
        else:
            await self._go_on(head, body)

    async def _go_on(self, head: Message, body: bytes) -> None:
        problem = self._read(head, body)
        if problem is not None:
            return await self.replace(head, problem)
        self._complete = True
        await self.outer(head)
        await self.outer({"type": "http.response.body", "body": body})

    def _read(self, head: Message, body: bytes) -> Problem | None:
        """Return the problem that shall stand for this answer, if any."""
        status, media_type = head["status"], fields.media_type(head["headers"])
        if media_type == MEDIA_TYPE:
            return None
        # Litestar puts its JSON under whatever type the route has.
        problem = from_json(status, body) if body[:1] == b"{" else None
        if media_type != JSON:
            return problem or from_text(status, media_type, body)
        return problem if problem is not None and self._prefers_problem(head) else None

    async def replace(self, head: Message, problem: Problem) -> None:
        """Send ``problem`` under the ``head`` that the app had made, less what described its body."""
        self._complete = True
        self.exchange.problem = problem
        body = problem.body(self.exchange.request_id, self._scope.get(BASE))
        headers = head["headers"]
        fields.remove(headers, *_OF_THE_BODY)
        fields.append(headers, b"content-type", MEDIA_TYPE)
        fields.append(headers, b"content-length", str(len(body)))
        if problem.status_code >= 500 and not fields.has(headers, b"cache-control"):
            fields.append(headers, b"cache-control", "no-store")
        await self.outer({**head, "status": problem.status_code})
        shown = b"" if self._scope["method"] == "HEAD" else body
        await self.outer({"type": "http.response.body", "body": shown, "more_body": False})

    async def fail(self, exc: Exception, *, started: bool) -> bool:
        """Answer ``exc`` where that is still possible. Return whether the client has a whole answer now."""
        if self.waiting is not None:
            head, _ = self.waiting
            self.waiting = None
            await self.replace(head, self._crash(exc))
        elif not started or (self._held is not None and not self._held.released):
            if self._scope["type"] == "websocket" and not isinstance(exc, Problem):
                return False  # a server has its own way to say so before and after accept
            await (exc if isinstance(exc, Problem) else self._crash(exc))(
                self._scope, self._receive, self.outer
            )
        else:
            # A problem that a handler inside made of the exception has passed as it was.
            return self._complete or self.exchange.problem is not None
        return True

    async def finish(self) -> None:
        """Send what waited for an exception that was not raised: a framework may have kept it to itself."""
        if self.waiting is None:
            return
        exc = self.exchange.exception
        if isinstance(exc, Exception):
            await self.replace(self.waiting[0], self._crash(exc))
        else:
            await self._go_on(*self.waiting)

    def _crash(self, exc: Exception) -> Problem:
        if self.exchange.answered_by is None:  # otherwise what failed is a layer that was answering
            self.exchange.answered(self._settings.label)
        if not self._may_debug():
            return Problem(500)
        return Problem(
            500,
            f"{type(exc).__name__}: {exc}",
            traceback="".join(traceback.format_exception(exc)).splitlines(),
        )

    def _may_debug(self) -> bool:
        """Whether the traceback may be shown: asked for, and nobody but a program on this machine reads it."""
        if not self._settings.debug:
            return False
        client = self.exchange.client(self._scope)
        forwarded = any(fields.has(self._scope["headers"], name) for name in _FORWARDING)
        return is_loopback(client.host) and not client.proxied and not forwarded


@final
class _Replacement:
    """A sink that sends a raised problem in place of what the framework made of it."""

    __slots__ = ("_answer", "_head", "_problem")

    def __init__(self, answer: Answer, head: Message, problem: Problem) -> None:
        self._answer: Answer | None = answer
        self._head = head
        self._problem = problem

    async def __call__(self, message: Message) -> None:
        answer = self._answer
        if answer is not None:  # this is the head
            # It sends through us: what holds itself is freed much later, by the collector.
            self._answer = None
            await answer.replace(self._head, self._problem)
        # The body that the framework wrote has no place any more.
