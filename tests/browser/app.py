"""An API that refuses in every way, and a page of another origin that tries to read it."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from asgi_patterns import Problem, wrap

PAGE = """<!doctype html><meta charset="utf-8"><title>reader</title><pre id="result">nothing yet</pre>
<script>
const api = new URLSearchParams(location.search).get("api");
const asked = [
  ["GET", "/fine"], ["GET", "/limited"], ["GET", "/shed"], ["GET", "/broken"], ["GET", "/nothing"], ["PUT", "/fine"],
];
async function read([method, path]) {
  try {
    const options = method === "PUT" ? {method, headers: {"X-Wish": "1"}, body: "{}"} : {method};
    const answer = await fetch(api + path, options);
    const body = await answer.json();
    return {
      method, path, status: answer.status, title: body.title ?? null, id: answer.headers.get("x-request-id"),
      later: answer.headers.get("retry-after"), sameId: body.requestId === answer.headers.get("x-request-id"),
    };
  } catch (error) {
    return {method, path, unreadable: String(error)};
  }
}
Promise.all(asked.map(read)).then(found => {
  document.getElementById("result").textContent = JSON.stringify(found);
});
</script>
"""


async def page(request: Request) -> Response:
    return HTMLResponse(PAGE)


async def fine(request: Request) -> Response:
    return JSONResponse({"title": "fine"})


async def limited(request: Request) -> Response:
    raise Problem(429, headers={"Retry-After": "7"})


async def shed(request: Request) -> Response:
    raise Problem(503, headers={"Retry-After": "3"})


async def broken(request: Request) -> Response:
    raise RuntimeError("broken on purpose")


app = Starlette(
    routes=[
        Route("/page", page),
        Route("/fine", fine, methods=["GET", "PUT"]),
        Route("/limited", limited),
        Route("/shed", shed),
        Route("/broken", broken),
    ]
)

ORIGIN = os.environ.get("ALLOWED_ORIGIN")
cors = {"allow_origins": [ORIGIN], "allow_methods": ["GET", "PUT"], "allow_headers": ["X-Wish"]}
asgi = wrap(app, config={}, cors=cors) if ORIGIN else wrap(app, config={})
