"""Request bodies that are legal and seldom seen, for ``content=``.

Both mappings go into ``pytest.mark.parametrize``: a key is the sentence that becomes the id of a test.
"""

from collections.abc import Mapping, Sequence

from asgi_patterns.kernel.types import Message


def request(**keys: object) -> Message:
    """Write a request message with exactly these keys besides its type."""
    return {"type": "http.request", **keys}


LEFT: Message = {"type": "http.disconnect"}

UNUSUAL_BODIES: Mapping[str, Sequence[Message]] = {
    "one message has it all": [request(body=b"hello")],
    "an empty message follows without any key": [request(body=b"hello", more_body=True), request()],
    "a message without body comes first": [request(more_body=True), request(body=b"hello")],
    "empty chunks come between the others": [
        request(body=b"", more_body=True),
        request(body=b"hel", more_body=True),
        request(body=b"", more_body=True),
        request(body=b"lo", more_body=True),
        request(body=b"", more_body=False),
    ],
    "each byte comes alone": [*(request(body=b"%c" % byte, more_body=True) for byte in b"hello"), request()],
}
"""The bytes are ``hello`` in each."""

ABANDONED_BODIES: Mapping[str, Sequence[Message]] = {
    "the client leaves before its body": [LEFT],
    "the client leaves in the middle of its body": [request(body=b"hel", more_body=True), LEFT],
    "the client leaves before the empty end of its body": [request(body=b"hello", more_body=True), LEFT],
    "the client leaves after its body": [request(body=b"hello"), LEFT],
}
"""The client hangs up where each ends."""
