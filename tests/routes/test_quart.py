"""The routes of Quart apps, with ``quart_routes``."""

import pytest
from quart import Blueprint, Quart, websocket
from quart.views import MethodView

from asgi_patterns.kernel.route_hooks import missing_hook, quart_routes
from tests.routes.contract import EVERYWHERE, REFUSED, SOCKETS, Row, ask, table


async def show(**parameters: object) -> str:
    return "shown"


async def crash() -> str:
    raise RuntimeError("as it must")


async def room(room: str) -> None:
    await websocket.accept()


class Things(MethodView):
    async def get(self) -> str:
        return "things"


items = Blueprint("items", __name__)
items.add_url_rule("/items/<int:item>", "item", show)

app = quart_routes(Quart(__name__, static_folder=".", static_url_path="/static"))
app.add_url_rule("/orders", "orders", show, methods=["GET", "POST"])
app.add_url_rule("/orders/<int:order_id>", "order", show)
app.add_url_rule("/orders/<int:order_id>/lines/<string(length=1):line>", "line", show)
app.add_url_rule("/files/<path:rest>", "file", show)
app.register_blueprint(items, url_prefix="/v1", name="first")
app.register_blueprint(items, url_prefix="/v2", name="second")
app.register_blueprint(items, url_prefix="/tenants/<tenant>", name="third")
app.add_url_rule("/crash", "crash", crash)
app.add_websocket("/rooms/<room>", "room", room)
app.add_url_rule("/things", view_func=Things.as_view("things"))
app.add_url_rule("/slash/", "slash", show)

OWN: list[Row] = [
    ("a class that lacks the method", "DELETE /things", 405, None),
    ("a class", "GET /things", 200, "/things"),
    ("a slash that is redirected", "GET /slash", 308, None),
    ("OPTIONS, which Quart answers", "OPTIONS /orders", 200, "/orders"),
    ("files", "GET /static/test_quart.py", 200, "/static/{filename}"),
    ("no such file", "GET /static/nothing", 404, "/static/{filename}"),
]

ROWS = table(EVERYWHERE, REFUSED, SOCKETS, OWN)


@pytest.mark.asyncio
@pytest.mark.parametrize(("request_line", "status", "template"), ROWS)
async def test_the_template(request_line: str, status: int, template: str | None) -> None:
    asked = await ask(app, request_line)  # type: ignore[arg-type]  # Quart has its own names for ASGI

    assert (asked.status, asked.at_head, asked.template) == (status, template, template)


@pytest.mark.asyncio
@pytest.mark.parametrize(("request_line", "status", "template"), ROWS)
async def test_the_root_of_the_server_stands_in_front(
    request_line: str, status: int, template: str | None
) -> None:
    asked = await ask(app, request_line, root_path="/api")  # type: ignore[arg-type]  # as above

    assert (asked.status, asked.template) == (status, None if template is None else "/api" + template)


@pytest.mark.asyncio
async def test_without_the_line_there_is_no_template() -> None:
    bare = Quart(__name__)
    bare.add_url_rule("/orders", "orders", show)

    asked = await ask(bare, "GET /orders")  # type: ignore[arg-type]  # as above

    assert (asked.status, asked.template) == (200, None)


def test_the_missing_line_is_named() -> None:
    assert missing_hook(Quart(__name__)) == "quart_routes(app), from asgi_patterns.kernel.route_hooks"
    assert missing_hook(quart_routes(Quart(__name__))) is None
