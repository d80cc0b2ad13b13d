"""The words of ASGI, as types: what an app is called with and what it sends."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

AnyApp = Callable[[Any, Any, Any], Awaitable[None]]
"""An app as anybody's types describe it: Litestar and Quart have their own names for what ASGI calls an app with."""

RawHeaders = list[tuple[bytes, bytes]]

__all__ = ["ASGIApp", "AnyApp", "Message", "RawHeaders", "Receive", "Scope", "Send"]
