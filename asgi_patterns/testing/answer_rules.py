"""In which order the messages of an HTTP answer may come, and what may be in them."""

from collections.abc import Callable, Container
from enum import Enum
from pathlib import Path
from typing import Any, assert_never, final

from asgi_patterns.kernel.types import Message
from asgi_patterns.testing.answer import without_content
from asgi_patterns.testing.field_rules import check_fields, declared_length
from asgi_patterns.testing.files import measure
from asgi_patterns.testing.violation import ProtocolViolation, require


class Phase(Enum):
    """How far an answer has come."""

    NOTHING = "before the head"
    BODY = "after the head"
    TRAILERS = "after the body"
    END = "after the end of the answer"


@final
class AnswerRules:
    """What an app may send as an HTTP answer; the denial of a WebSocket has the same shape.

    ``method`` is the request's, ``extensions`` what the server offered, ``prefix`` begins every type.
    """

    def __init__(
        self,
        method: str,
        extensions: Container[str],
        *,
        prefix: str = "http.response.",
        any_case: bool = False,
    ) -> None:
        self.phase = Phase.NOTHING
        self._method = method
        self._extensions = extensions
        self._prefix = prefix
        self._any_case = any_case
        self._status = 0
        self._declared: int | None = None
        self._sent = 0
        self._trailers = False
        self._pathsent = False
        self._debugged = False
        self._rules: dict[str, Callable[[Message], None]] = {
            "start": self._start,
            "body": self._body,
            "zerocopysend": self._zerocopysend,
            "pathsend": self._pathsend,
            "trailers": self._trailer,
            "early_hint": self._early_hint,
            "push": self._push,
            "debug": self._debug,
        }

    @property
    def complete(self) -> bool:
        """Whether nothing may follow."""
        return self.phase is Phase.END

    def sent(self, message: Message) -> None:
        """Follow one message of the app. Raises ``ProtocolViolation`` when it may not come now or ever."""
        kind = message["type"]
        require(not self.complete, f"{kind} after the end of the answer")
        rule = self._rules.get(kind.removeprefix(self._prefix)) if kind.startswith(self._prefix) else None
        if rule is not None:
            rule(message)

    def ended(self) -> None:
        """Raise ``ProtocolViolation`` when the app returned with its answer unfinished."""
        match self.phase:
            case Phase.NOTHING:
                raise ProtocolViolation(f"the app returned without {self._prefix}start")
            case Phase.BODY:
                raise ProtocolViolation("the app returned without the last message of its body")
            case Phase.TRAILERS:
                raise ProtocolViolation("the app returned without the trailers that its head announced")
            case Phase.END:
                pass
            case _:
                assert_never(self.phase)

    def _start(self, message: Message) -> None:
        where = message["type"]
        require(self.phase is Phase.NOTHING, f"a second {where}: an answer has one head")
        status = message.get("status")
        require(
            isinstance(status, int) and not isinstance(status, bool),
            f"{where}: status {status!r} is not an integer",
        )
        self._status = int(status or 0)
        require(
            200 <= self._status <= 599,
            f"{where}: status {status} is not that of a final answer, 200 to 599",
        )
        fields = check_fields(message.get("headers", ()), where, any_case=self._any_case)
        self._declared = declared_length(fields, where)
        self._trailers = bool(message.get("trailers", False))
        if self._trailers:
            self._offered("http.response.trailers", "announces trailers")
        self.phase = Phase.BODY

    def _body(self, message: Message) -> None:
        body = message.get("body", b"")
        require(
            isinstance(body, bytes | bytearray | memoryview), f"{message['type']}: body {body!r} is no bytes"
        )
        self._content(message)

    def _zerocopysend(self, message: Message) -> None:
        self._offered("http.response.zerocopysend", "sends http.response.zerocopysend")
        file = message.get("file")
        require(
            isinstance(file, int) or hasattr(file, "fileno"),
            f"{message['type']}: file {file!r} has no descriptor",
        )
        self._content(message)

    def _pathsend(self, message: Message) -> None:
        where = message["type"]
        self._offered("http.response.pathsend", "sends http.response.pathsend")
        path = message.get("path")
        there = isinstance(path, str) and Path(path).is_absolute() and Path(path).is_file()
        require(there, f"{where}: path {path!r} is not the absolute path of a file")
        require(self._sent == 0, f"{where} after {self._sent} body bytes: it is the whole body or none of it")
        self._content({"type": where, "path": path})

    def _content(self, message: Message) -> None:
        where = message["type"]
        require(self.phase is not Phase.NOTHING, f"{where} before the head")
        require(self.phase is Phase.BODY, f"{where} after the last message of the body")
        more = message.get("more_body", False)
        require(isinstance(more, bool), f"{where}: more_body {more!r} is not a boolean")
        self._count(measure(message), where)
        if not more:
            self._complete(where)

    def _count(self, size: int, where: str) -> None:
        self._sent += size
        if self._method == "HEAD":
            return
        if without_content(self._method, self._status):
            require(not self._sent, f"{where}: {self._sent} body bytes on a {self._status}, which has none")
        elif self._declared is not None:
            require(
                self._sent <= self._declared,
                f"{where}: {self._sent} body bytes, but content-length says {self._declared}",
            )

    def _complete(self, where: str) -> None:
        if self._declared is not None and not without_content(self._method, self._status):
            require(
                self._sent == self._declared,
                f"{where}: the body ends after {self._sent} bytes, but content-length says {self._declared}",
            )
        self.phase = Phase.TRAILERS if self._trailers else Phase.END

    def _trailer(self, message: Message) -> None:
        where = message["type"]
        require(self._trailers, f"{where}, but the head did not announce trailers")
        require(self.phase is Phase.TRAILERS, f"{where} before the last message of the body")
        check_fields(message.get("headers", ()), where, any_case=self._any_case)
        if not message.get("more_trailers", False):
            self.phase = Phase.END

    def _early_hint(self, message: Message) -> None:
        where = message["type"]
        self._offered("http.response.early_hint", f"sends {where}")
        require(self.phase is not Phase.TRAILERS, f"{where} after the last message of the body")
        links = [(b"link", value) for value in message.get("links", ())]
        check_fields(links, where)

    def _push(self, message: Message) -> None:
        where = message["type"]
        self._offered("http.response.push", f"sends {where}")
        require(self.phase is not Phase.TRAILERS, f"{where} after the last message of the body")
        path: Any = message.get("path")
        require(isinstance(path, str), f"{where}: path {path!r} is not text")
        check_fields(message.get("headers", ()), where, any_case=self._any_case)

    def _debug(self, message: Message) -> None:
        where = message["type"]
        self._offered("http.response.debug", f"sends {where}")
        require(self.phase is Phase.NOTHING, f"{where} {self.phase.value}: it comes before the head")
        require(not self._debugged, f"a second {where}: it comes once")
        self._debugged = True

    def _offered(self, extension: str, deed: str) -> None:
        require(extension in self._extensions, f"the app {deed}, but the scope does not offer {extension}")
