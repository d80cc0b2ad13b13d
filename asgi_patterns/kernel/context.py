"""What a pipeline knows that every request in it shares."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgi_patterns.kernel.address import USUAL_FIELDS, TrustedProxies
from asgi_patterns.kernel.store import IN_MEMORY, Store

if TYPE_CHECKING:
    from asgi_patterns.kernel.caller import Identify
    from asgi_patterns.kernel.events import Listener
    from asgi_patterns.kernel.gauges import Gauging

NO_PROXIES = TrustedProxies(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The settings of a pipeline that are not one layer's own."""

    proxies: TrustedProxies = NO_PROXIES
    proxy_fields: frozenset[bytes] = USUAL_FIELDS
    identify: "Identify | None" = None
    listeners: tuple["Listener", ...] = ()
    gauges: "tuple[Gauging, ...]" = ()
    store: Store = IN_MEMORY


DEFAULT = Context()
"""For a layer that stands alone: no proxy is believed, nobody is identified, nobody listens, all is in memory."""
