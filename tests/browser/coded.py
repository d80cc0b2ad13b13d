"""The same text in every coding, whole and streamed, plain and lengthened, for a page that compares them."""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from asgi_patterns import Compression
from asgi_patterns.compression.codecs import CODINGS, Coding

TEXT = "".join(f"{number} teapots and a kettle\n" for number in range(500))
KINDS = ("whole", "stream")
PADDINGS = (0, 100)
PATHS = [f"/{coding}/{padding}/{kind}" for coding in CODINGS for padding in PADDINGS for kind in KINDS]

PAGE = """<!doctype html><meta charset="utf-8"><title>reader</title><pre id="result">nothing yet</pre>
<script>
async function read(path) {
  try {
    const answer = await fetch(path);
    const body = await answer.text();
    return {path, coding: answer.headers.get("content-encoding"), vary: answer.headers.get("vary"), body};
  } catch (error) {
    return {path, unreadable: String(error)};
  }
}
Promise.all(PATHS.map(read)).then(found => {
  document.getElementById("result").textContent = JSON.stringify(found);
});
</script>
"""


async def whole(request: Request) -> Response:
    return Response(TEXT, media_type="text/plain")


async def stream(request: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        for line in TEXT.splitlines(keepends=True):
            yield line

    return StreamingResponse(parts(), media_type="text/plain")


async def page(request: Request) -> Response:
    return HTMLResponse(PAGE.replace("PATHS", repr(PATHS)))


def coded(coding: Coding, padding: int) -> Mount:
    """Return the texts in one coding."""
    texts = Starlette(routes=[Route("/whole", whole), Route("/stream", stream)])
    return Mount(f"/{coding}/{padding}", Compression(codings=[coding], padding=padding)(texts))


app = Starlette(
    routes=[Route("/page", page), *(coded(coding, padding) for coding in CODINGS for padding in PADDINGS)]
)
