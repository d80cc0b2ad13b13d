"""From the settings of a layer to what counts."""

from collections.abc import Sequence

from asgi_patterns.ratelimit.gauge import Gauge
from asgi_patterns.ratelimit.keys import KeyFunction, parse
from asgi_patterns.ratelimit.quota import Quota


def made_ready(
    quotas: Sequence[Quota | str],
    default: Sequence[Quota | str],
    *,
    key: str | KeyFunction,
    warn_at: float,
    layer: str | None = None,
) -> Sequence[Gauge]:
    """Return the gauges of ``quotas``, then those of ``default``. Each is a ``Quota`` once a layer has taken it in.

    ``layer`` is the layer's name, if it has one of its own.
    """
    found = [(each, False) for each in quotas] + [(each, True) for each in default]
    return [
        Gauge(
            quota,
            parse(key if quota.key is None else quota.key),
            is_default=is_default,
            warn_at=warn_at,
            layer=layer,
        )
        for quota, is_default in found
        if isinstance(quota, Quota)
    ]
