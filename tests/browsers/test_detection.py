"""Which apps have CORS of their own."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware as FromFastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.browsers import OWN_CORS, own_cors
from asgi_patterns.testing import hello


class Stricter(CORSMiddleware):
    pass


def starlette(*middleware: Middleware) -> Starlette:
    return Starlette(middleware=[*middleware])


def fastapi() -> FastAPI:
    app = FastAPI()
    app.add_middleware(FromFastAPI, allow_origins=["*"])
    return app


class Endless:
    @property
    def app(self) -> "Endless":
        return self


APPS: list[tuple[str, object, bool]] = [
    ("Starlette with it", starlette(Middleware(CORSMiddleware)), True),
    ("among others", starlette(Middleware(GZipMiddleware), Middleware(CORSMiddleware)), True),
    ("Starlette with a class of the user's", starlette(Middleware(Stricter)), True),
    ("FastAPI with it", fastapi(), True),
    ("around the app", CORSMiddleware(hello), True),
    ("around it, behind another one", GZipMiddleware(CORSMiddleware(hello)), True),
    ("behind a pipeline", Pipeline(RequestId())(starlette(Middleware(CORSMiddleware))), True),
    ("Litestar's own", SimpleNamespace(cors_config=object()), True),
    ("Starlette without", starlette(Middleware(GZipMiddleware)), False),
    ("Starlette with nothing", Starlette(), False),
    ("Litestar without", SimpleNamespace(cors_config=None), False),
    ("a pipeline among the middleware", SimpleNamespace(user_middleware=[Middleware(RequestId())]), False),
    ("a bare app", hello, False),
    ("something else by that name", SimpleNamespace(user_middleware="CORSMiddleware"), False),
    ("wrappers without an end", Endless(), False),
    ("nothing", None, False),
]


@pytest.mark.parametrize(("app", "expected"), [row[1:] for row in APPS], ids=[row[0] for row in APPS])
def test_who_has_cors_already(app: object, expected: bool) -> None:
    assert own_cors(app) is expected


def test_the_hint_says_what_to_do() -> None:
    assert "Use the Cors layer" in OWN_CORS
