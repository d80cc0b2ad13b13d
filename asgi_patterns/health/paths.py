"""Which path asks what."""

from collections.abc import Mapping
from typing import Literal

Endpoint = Literal["health", "live", "ready", "startup"]
"""What a probe can ask: all of it, whether to restart, whether to send requests, whether it has started."""

Aliases = bool | Mapping[str, Endpoint]
"""Further paths with what they ask; true stands for ``CUSTOMARY``, false for none."""

CUSTOMARY: Mapping[str, Endpoint] = {"/healthz": "health", "/livez": "live", "/readyz": "ready"}
"""The paths that Kubernetes made customary."""


def clean(path: str) -> str:
    """Return ``path`` without a slash at its end. Raises ``ValueError`` where it cannot be a path of health."""
    bare = path.rstrip("/")
    if (
        not path.startswith("/")
        or not bare
        or any(sign in bare for sign in "?#*\\")
        or not bare.isprintable()
    ):
        raise ValueError(f"{path!r} is no path for health: write for example /health, without *, ? and #")
    return bare


def table(path: str, aliases: Aliases) -> dict[str, Endpoint]:
    """Return what each path asks, with and without a slash at its end.

    Raises ``ValueError`` where an alias stands for something else than the path itself.
    """
    found: dict[str, Endpoint] = {
        path: "health",
        f"{path}/live": "live",
        f"{path}/ready": "ready",
        f"{path}/startup": "startup",
    }
    if isinstance(aliases, bool):
        aliases = CUSTOMARY if aliases else {}
    for alias, endpoint in aliases.items():
        bare = clean(alias)
        if found.setdefault(bare, endpoint) != endpoint:
            raise ValueError(f"{alias!r} cannot ask for {endpoint}: it asks for {found[bare]} already")
    return found | {f"{bare}/": endpoint for bare, endpoint in found.items()}
