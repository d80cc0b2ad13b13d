"""Whether an app answers browsers by itself already, for a hint at start-up."""

from typing import Final

OWN_CORS: Final = (
    "the app adds its CORS fields itself, so whatever refuses in front of it does so without them: "
    "browsers hide such answers from pages, and preflights count as requests. Use the Cors layer in its place"
)
"""The hint for an app that ``own_cors`` says yes to, and that has no ``Cors`` in front of it."""

# Wrappers around wrappers: more than anybody writes, and an end for an app whose ``app`` is itself.
_DEEPEST = 16


def own_cors(app: object) -> bool:
    """Whether ``app`` has CORS of its own: a ``CORSMiddleware`` around it or among its middleware, or Litestar's.

    Classes are known by their names, so that no framework has to be there. Only what is configured when this is
    asked can be seen, and nothing inside mounted apps.
    """
    for _ in range(_DEEPEST):
        if _is_middleware(type(app)) or _is_configured(app):
            return True
        app = getattr(app, "app", None)
        if app is None:
            return False
    return False


def _is_configured(app: object) -> bool:
    configured = getattr(app, "user_middleware", None)  # Starlette and what is built on it
    entries = configured if isinstance(configured, list | tuple) else ()
    return getattr(app, "cors_config", None) is not None or any(
        _is_middleware(getattr(entry, "cls", None)) for entry in entries
    )


def _is_middleware(cls: object) -> bool:
    return isinstance(cls, type) and any(each.__name__ == "CORSMiddleware" for each in cls.__mro__)
