"""``send`` is wrapped by ``Link`` and its kin, ``receive`` by ``Body`` and ``Conversation``, in the kernel only."""

from collections.abc import Iterator

import pytest

from tests.architecture.asgi_calls import WRAPPERS, Judge, app_calls, looks
from tests.architecture.source import PACKAGE, Module, complaints, modules, snippet

# Where the wrapping is done, and which of the two.
WRITERS = {
    "kernel/link.py": ("send",),
    "kernel/asking.py": ("receive", "send"),
    "kernel/body.py": ("receive",),
    "kernel/conversation.py": ("receive",),
    "kernel/lifespan.py": ("receive", "send"),
    "kernel/observing.py": ("receive", "send"),
    "kernel/observing_sockets.py": ("receive", "send"),
    "kernel/standin.py": ("send",),
}


def wraps_nothing(module: Module) -> Iterator[str]:
    """An app gets the ``receive`` and ``send`` that came in, or what the kernel made of them."""
    # They stand in for a server, whose own two ends are the outermost: in tests, around the real one, to measure.
    if module.folder in ("benching", "serving", "testing"):
        return
    free = WRITERS.get(module.inner_path, ())
    for call in app_calls(module):
        for kind, value in (("receive", call.receive), ("send", call.send)):
            if kind not in free and not Judge(kind).is_honest(value, call.scopes):
                yield module.at(
                    call.node, f"gives an app a {kind} that {' or '.join(WRAPPERS[kind])} did not make"
                )


def method(body: str) -> Module:
    """A wired layer whose ``__call__`` is ``body``."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return snippet(
        f"class Wired:\n    async def __call__(self, scope, receive, send):\n{lines}\n", "new/layer.py"
    )


def test_the_package_wraps_in_one_place() -> None:
    package = modules(PACKAGE)

    found = complaints(wraps_nothing, package)

    assert found == []


def test_a_look_that_passes_on_by_itself_is_a_wrapper_of_its_own() -> None:
    sees = snippet("class Sees(Editing):\n    def edit(self, head): ...\n", "new/sees.py")
    wraps = snippet("class Wraps(Holding):\n    def send(self, message): ...\n", "new/wraps.py")
    calls = snippet("class Calls(Holding):\n    def __call__(self, message): ...\n", "new/calls.py")

    assert list(looks([sees, wraps, calls])) == ["Sees"]


def test_the_calls_of_every_layer_are_seen() -> None:
    layers = [module for module in modules(PACKAGE) if module.path.name.endswith("layer.py")]

    blind = [module.inner_path for module in layers if not list(app_calls(module))]

    assert blind == []


@pytest.mark.parametrize("path", WRITERS)
def test_a_writer_exists(path: str) -> None:
    paths = [module.inner_path for module in modules(PACKAGE)]

    assert path in paths


NESTED = "async def watch(message):\n    await send(message)\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"{NESTED}await self._app(scope, receive, watch)", id="a nested function as send"),
        pytest.param(
            "async def send(message):\n    await self._send(message)\nawait self._app(scope, receive, send)",
            id="a nested function that is called send",
        ),
        pytest.param("await self._app(scope, receive, lambda message: send(message))", id="a lambda as send"),
        pytest.param("await self._app(scope, lambda: receive(), send)", id="a lambda as receive"),
        pytest.param("await self.app(scope, receive, Recorder(send))", id="a wrapper of its own"),
        pytest.param(
            "recorder = Recorder(send)\nawait self._app(scope, receive, recorder)", id="with a name"
        ),
        pytest.param("send = Recorder(send)\nawait self._app(scope, receive, send)", id="under the old name"),
        pytest.param("await self._app(scope, receive, self._send)", id="a method as send"),
        pytest.param("await self._app(scope, receive, send.copy)", id="something of a send that came in"),
        pytest.param("await self._app(scope, receive, partial(self._out, send))", id="a partial"),
        pytest.param("await self._app(scope, queue.get, send)", id="a queue as receive"),
        pytest.param("await self._app(scope, Link(send, f), send)", id="the other wrapper"),
        pytest.param(
            "out = Link(send, f)\nif scope['slow']:\n    out = Recorder(send)\nawait self._app(scope, receive, out)",
            id="a wrapper of its own on one branch",
        ),
        pytest.param(
            "await self._app(scope, receive, Link(send, f) if self._on else Recorder(send))",
            id="a wrapper of its own in one case",
        ),
        pytest.param("first, out = 1, Recorder(send)\nawait self._app(scope, receive, out)", id="unpacked"),
        pytest.param("with Recorder(send) as out:\n    await self._app(scope, receive, out)", id="entered"),
        pytest.param("for out in self._outs:\n    await self._app(scope, receive, out)", id="out of a loop"),
        pytest.param("await self._app(scope=scope, receive=receive, send=Recorder(send))", id="by keyword"),
        pytest.param("group.start_soon(self._app, scope, receive, Recorder(send))", id="in a task"),
        pytest.param("await partial(self._app, scope, receive, Recorder(send))()", id="for later"),
        pytest.param("await (self._app if scope else self._b)(scope, receive, Recorder(send))", id="chosen"),
        pytest.param("await Problem(404)(scope, receive, Recorder(send))", id="an answer that was just made"),
        pytest.param("await self._apps[0](scope, receive, Recorder(send))", id="one of several apps"),
        pytest.param("await self._app(scope, receive, nowhere)", id="a name that nothing binds"),
    ],
)
def test_it_stops(body: str) -> None:
    module = method(body)

    found = list(wraps_nothing(module))

    assert len(found) == 1, found


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("await self._app(scope, receive, send)", id="what came in"),
        pytest.param("await self._app(scope, receive, Link(send, self._on_head))", id="a link"),
        pytest.param("link = Link(send, f)\nawait self._app(scope, receive, link)", id="a link with a name"),
        pytest.param("send = Link(send, f)\nawait self._app(scope, receive, send)", id="a link called send"),
        pytest.param("link: Link = Link(send, f)\nawait self._app(scope, receive, link)", id="annotated"),
        pytest.param("await self._app(scope, Body(receive, limit=9), send)", id="a body"),
        pytest.param(
            "body = Body(receive)\nawait self._app(scope, body.receive, send)", id="a body's receive"
        ),
        pytest.param(
            "body = await Body.read(receive)\nawait self._app(scope, body.replay(), send)", id="read"
        ),
        pytest.param(
            "async with Body(receive) as body:\n    await self._app(scope, body, send)", id="entered"
        ),
        pytest.param(
            "body, link = Body(receive), Link(send, f)\nawait self._app(scope, body, link)", id="two"
        ),
        pytest.param("await self._app(scope, receive, send if self._off else Link(send, f))", id="a choice"),
        pytest.param(
            "async def f():\n    await self._app(scope, receive, send)\nawait f()", id="from within"
        ),
        pytest.param("return Wired(self._app, self.one, self.two, self.three)", id="an app that is kept"),
        pytest.param("await self._answer(exchange, problem, Recorder(send))", id="a call that is no app's"),
    ],
)
def test_it_lets_pass(body: str) -> None:
    module = method(body)

    found = list(wraps_nothing(module))

    assert found == []


@pytest.mark.parametrize(
    ("assigned", "expected"),
    [
        pytest.param("send", 0, id="the send that came in, kept"),
        pytest.param("Link(send, f)", 0, id="a link, kept"),
        pytest.param("Recorder(send)", 1, id="a wrapper of its own, kept"),
    ],
)
def test_what_an_object_keeps_is_followed(assigned: str, expected: int) -> None:
    module = snippet(
        "class Answer:\n"
        "    def __init__(self, receive, send):\n"
        f"        self._send = {assigned}\n"
        "        self._receive = receive\n"
        "    async def fail(self, problem):\n"
        "        await problem(404)(self.scope, self._receive, self._send)\n",
        "new/answer.py",
    )

    found = list(wraps_nothing(module))

    assert len(found) == expected, found


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("kernel/body.py", 1, id="who wraps receive may not wrap send"),
        pytest.param("kernel/lifespan.py", 0, id="the lifespan protocol has both ends"),
        pytest.param("testing/client.py", 0, id="the test client is the server"),
        pytest.param("kernel/exchange.py", 2, id="the rest of the kernel wraps nothing"),
    ],
)
def test_only_writers_wrap(path: str, expected: int) -> None:
    module = snippet("async def f(app, scope):\n    await app(scope, queue.get, queue.put)", path)

    found = list(wraps_nothing(module))

    assert len(found) == expected, found
