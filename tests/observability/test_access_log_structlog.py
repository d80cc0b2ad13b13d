"""What others make of a line, and when: structlog gets every field, as a value, once the answer is with the client."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from asgi_patterns import AccessLog, Pipeline, RequestId
from asgi_patterns.kernel.types import Message
from asgi_patterns.observability.lines import Form
from asgi_patterns.testing import Client, hello
from tests.observability.test_core import scope_of
from tests.observability.together import LOGGER

pytestmark = pytest.mark.anyio


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler writes that is set up as the documentation says."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logger = logging.getLogger(LOGGER)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


async def test_structlog_has_the_fields_as_values_and_a_short_event(written: io.StringIO) -> None:
    app = Pipeline(AccessLog(format="short"), RequestId())(hello)

    answer = await Client(app).get("/a?token=1", headers={"user-agent": "curl\x7f/8"})

    (text,) = written.getvalue().splitlines()
    line = json.loads(text)
    assert (line["event"], line["level"]) == ("GET - 200", "info")
    assert (line["status"], line["bytes_out"], line["path"], line["query"]) == (200, 5, "/a", "token=***")
    assert line["request_id"] == answer.header("x-request-id")
    assert line["headers"] == {"user-agent": r"curl\x7f/8"}
    assert 0 <= line["head"] <= line["duration"]


async def test_nothing_is_formatted_before_the_client_has_its_answer() -> None:
    seen: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(f"line of {record.__dict__['status']}")
            self.format(record)

    async def send(message: Message) -> None:
        seen.append(message["type"])

    async def receive() -> Message:
        return {"type": "http.request"}

    logger, handler = logging.getLogger(LOGGER), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        await AccessLog()(hello)(scope_of(), receive, send)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)

    assert seen == ["http.response.start", "http.response.body", "line of 200"]


@pytest.mark.parametrize("form", ["json", "text", "short"])
async def test_the_same_fields_are_there_in_every_form(form: Form, written: io.StringIO) -> None:
    await Client(AccessLog(format=form)(hello)).get("/a")

    line = json.loads(written.getvalue())
    assert (line["method"], line["status"], line["outcome"], line["client"]) == (
        "GET",
        200,
        "ok",
        "127.0.0.1",
    )


async def test_what_breaks_a_line_is_escaped_there_too(written: io.StringIO) -> None:
    layer = AccessLog(format="short", request_headers=["user-agent", "x-evil"])
    evil = [(b"user-agent", b"a\x1b[2J"), (b"x-evil", b"\x9b31m\xe2\x80\xa8")]

    await Client(layer(hello)).get("/%0d%0afake%1b%5b31m", headers=evil)

    (text,) = written.getvalue().splitlines()
    line = json.loads(text)
    values = [line["path"], *line["headers"].values()]
    assert line["path"] == r"/\r\nfake\x1b[31m"
    assert all(value.isprintable() for value in values)
