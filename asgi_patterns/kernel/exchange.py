"""The facts of one request, computed once, when somebody asks, and shared by our layers."""

from collections.abc import Collection
from typing import TYPE_CHECKING, final

from asgi_patterns.kernel.address import Client, resolve
from asgi_patterns.kernel.caller import Caller, identify_caller
from asgi_patterns.kernel.context import DEFAULT, Context
from asgi_patterns.kernel.events import Event, note_failure
from asgi_patterns.kernel.types import RawHeaders, Scope

if TYPE_CHECKING:
    from asgi_patterns.kernel.observing import Observation
    from asgi_patterns.kernel.problems import Problem
    from asgi_patterns.kernel.record import Outcome
    from asgi_patterns.kernel.spans import Span

KEY = "asgi_patterns"
"""Where an exchange stands in the scope."""

ROUTED = (
    *("asgi_patterns_route", "route", "endpoint", "router", "path_params", "app_root_path"),
    *("fastapi", "path_template", "route_handler"),
)
"""What a router has left in the scope. A request of our own that starts from such a scope is not routed yet."""

SWITCHED_OFF = "asgi_patterns_off"
"""Where a handler names the layers that shall leave its answer alone, in the scope's ``state``."""


@final
class Exchange:
    """One request or WebSocket connection, as our layers see it.

    ``scope`` is the dictionary that our layers pass inwards, so that what a framework adds to it can be read
    afterwards. Nothing here is shared between two requests.
    """

    # No slots and no __init__: what most requests never set stands on the class, and costs them nothing.
    scope: Scope
    context: Context = DEFAULT
    parent: "Exchange | None" = None
    request_id: str | None = None
    exception: BaseException | None = None
    """What the app raised, kept for observers although the client got an answer."""
    problem: "Problem | None" = None
    """The problem that was answered, if one was."""
    coding: bytes | None = None
    """The content coding that a layer further out would give the answer: its tag is another one then."""
    turned_away: bool = False
    """Whether a layer further in refused the request for want of room or time, before the handler had it.

    What was charged for it is given back. Set it before sending that refusal.
    """
    answered_by: str | None = None
    """The label of our layer that answers in the app's place, see ``answered``."""
    outcome: "Outcome | None" = None
    """What that layer says became of the request."""
    observation: "Observation | None" = None
    """What measures this exchange, while it lasts and if anybody observes it."""
    span: "Span | None" = None
    """What a tracing layer records it in, sampled or not."""
    _caller: tuple[Caller | None] | None = None
    _client: Client | None = None
    _client_of: tuple[object, object] = (None, None)

    @staticmethod
    def of(scope: Scope) -> "tuple[Exchange, Scope]":
        """Return the exchange of ``scope``, and the scope to pass inwards.

        Where there is none yet, this is our outermost layer: it copies the scope once.
        """
        if KEY in scope:
            return scope[KEY], scope
        # As in begin, written out: every request of a layer that stands alone comes by here.
        exchange = Exchange()
        inner = exchange.scope = {**scope}
        inner[KEY] = exchange
        if "state" not in inner:
            inner["state"] = {}
        return exchange, inner

    @staticmethod
    def begin(scope: Scope, context: Context) -> "tuple[Exchange, Scope]":
        """Start an exchange on a copy of ``scope``, in ``context``."""
        exchange = Exchange()
        exchange.context = context
        # Many layers read these, and to find one on the class takes them ten times as long.
        exchange.parent = exchange.request_id = exchange.observation = exchange.span = None
        exchange.answered_by = exchange.outcome = None
        exchange.turned_away = False
        inner = exchange.scope = {**scope}
        inner[KEY] = exchange
        # A handler speaks to us through the state, so it has to be in our copy, not in one made further in.
        if "state" not in inner:
            inner["state"] = {}
        return exchange, inner

    def child(self, scope: Scope) -> "tuple[Exchange, Scope]":
        """Start the exchange of a request that we make ourselves: own facts, this one's caller and request id."""
        exchange, inner = Exchange.begin(scope, self.context)
        for key in ROUTED:
            inner.pop(key, None)
        inner["state"] = {**inner["state"]}  # what is said for its answer says nothing for this one's
        exchange.parent = self
        exchange.request_id = self.request_id
        return exchange, inner

    @property
    def is_internal(self) -> bool:
        """Whether we made this request ourselves. Such a one is not counted or charged as a client's."""
        return self.parent is not None

    def client(self, scope: Scope) -> Client:
        """Return who is at the other end, behind the trusted proxies, as ``scope`` of this request tells it.

        Asked again after somebody replaced the scope's ``client`` or ``headers``, it looks again.
        """
        peer, headers = scope.get("client"), scope["headers"]
        if self._client is None or self._client_of[0] is not peer or self._client_of[1] is not headers:
            self._client = resolve(peer, headers, self.context.proxies, self.context.proxy_fields)
            self._client_of = (peer, headers)
        return self._client

    def settle_client(self, client: Client, headers: RawHeaders) -> None:
        """Take ``client`` as decided for this scope, whose ``client`` and ``headers`` now say the same."""
        self._client = client
        self._client_of = (self.scope.get("client"), headers)

    async def caller(self) -> Caller | None:
        """Return who the request is for as far as that is verified; ``identify`` runs once per exchange."""
        if self.parent is not None:
            return await self.parent.caller()
        if self._caller is None:
            identify = self.context.identify
            self._caller = (None if identify is None else await identify_caller(identify, self.scope),)
        return self._caller[0]

    def answered(self, label: str, outcome: "Outcome | None" = None) -> None:
        """Say that the layer called ``label`` answers, or breaks the answer off; for observers.

        ``None``: the status says enough. Of several layers the last one counts: it is the one further out.
        """
        self.answered_by = label
        self.outcome = outcome

    def emit(self, event: Event) -> None:
        """Report ``event`` to the pipeline's listeners. One that raises is logged; the request goes on."""
        for listener in self.context.listeners:
            try:
                listener(event, self)
            except Exception:
                note_failure(listener, event)

    def is_off(self, name: str) -> bool:
        """Whether the handler switched the layer called ``name`` off for its own answer."""
        return is_off(self.scope, name)


def is_off(scope: Scope, name: str) -> bool:
    """Whether the handler switched the layer called ``name`` off for its own answer, as its ``scope`` tells."""
    state = scope.get("state")
    off: Collection[str] | None = state.get(SWITCHED_OFF) if state else None
    return off is not None and name in off


def switch_off(scope: Scope, *names: str) -> None:
    """Make the layers called ``names`` leave the answer to this request alone; for handlers.

    In Starlette and FastAPI the same as ``request.state.asgi_patterns_off = {"problems"}``.
    """
    state = scope.setdefault("state", {})
    state[SWITCHED_OFF] = {*state.get(SWITCHED_OFF, ()), *names}
