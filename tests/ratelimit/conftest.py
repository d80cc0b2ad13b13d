"""What holds for every field of every answer that any test in this folder gets."""

from collections.abc import Iterator

import pytest

from asgi_patterns.kernel.types import Message
from asgi_patterns.testing import Answer
from tests.ratelimit.reading import items

LISTS = {b"ratelimit", b"ratelimit-policy", b"x-ratelimit-warning"}


@pytest.fixture(autouse=True)
def every_field_can_be_parsed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let ``http-sf`` parse each list that an answer had, and look for each in one line only."""
    found: list[tuple[bytes, bytes]] = []
    add = Answer.add

    def adding(answer: Answer, message: Message) -> None:
        names = [name for name, _ in message.get("headers", ()) if name in LISTS]
        assert len(names) == len(set(names)), names
        # The older syntax has the same names, and no quotes.
        found.extend(
            (bytes(name), value)
            for name, value in message.get("headers", ())
            if name in LISTS and value.startswith(b'"')
        )
        add(answer, message)

    monkeypatch.setattr(Answer, "add", adding)
    yield
    for name, value in found:
        for quota, parameters in items(value.decode("latin-1")):
            assert isinstance(quota, str)
            assert parameters.get("r", 0) >= 0, (name, value)
            assert parameters.get("t", 0) >= 0, (name, value)
            assert ("q" in parameters) == (name == b"ratelimit-policy"), (name, value)
            assert parameters.get("w", 1) > 0, (name, value)
