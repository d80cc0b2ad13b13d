"""A page in a browser, as the Fetch standard has it: what its scripts may send and read."""

from dataclasses import dataclass

from asgi_patterns.testing import Answer

SHOP = "https://shop.example"
OTHER = "https://other.example"

SAFE_METHODS = {"GET", "HEAD", "POST"}
SAFE_ANSWER_FIELDS = {
    *("cache-control", "content-language", "content-length", "content-type"),
    *("expires", "last-modified", "pragma"),
}


@dataclass(frozen=True)
class Page:
    """A page of ``origin`` whose scripts send requests with or without ``credentials``."""

    origin: str
    credentials: bool = False

    def asks(self, method: str, *names: str) -> dict[str, str]:
        """The fields of the preflight in front of a request with this method and these fields (Fetch 4.8)."""
        fields = {"origin": self.origin, "access-control-request-method": method}
        if names:
            fields["access-control-request-headers"] = ",".join(sorted(name.lower() for name in names))
        return fields

    def may_read(self, answer: Answer) -> bool:
        """The CORS check (Fetch 4.10)."""
        allowed = combined(answer, "access-control-allow-origin")
        if allowed == "*" and not self.credentials:
            return True
        if allowed != self.origin:
            return False
        return not self.credentials or combined(answer, "access-control-allow-credentials") == "true"

    def may_send(self, preflight: Answer, method: str, *names: str) -> bool:
        """Whether the request goes out after this answer to its preflight (Fetch 4.8)."""
        if not self.may_read(preflight) or not 200 <= preflight.status <= 299:
            return False
        methods = listed(preflight, "access-control-allow-methods") or [method]
        if method not in methods and method not in SAFE_METHODS and not self._counts_star(methods):
            return False
        fields = [each.lower() for each in listed(preflight, "access-control-allow-headers")]
        return all(
            name.lower() in fields or (self._counts_star(fields) and name.lower() != "authorization")
            for name in names
        )

    def sees(self, answer: Answer, name: str) -> bool:
        """Whether a script finds this field on an answer that it may read (Fetch 2.2.6)."""
        exposed = [each.lower() for each in listed(answer, "access-control-expose-headers")]
        return name.lower() in {*SAFE_ANSWER_FIELDS, *exposed} or self._counts_star(exposed)

    def _counts_star(self, names: list[str]) -> bool:
        return "*" in names and not self.credentials


def combined(answer: Answer, name: str) -> str | None:
    """A field as a browser gets it: a second line makes another value."""
    values = answer.all(name)
    return ", ".join(values) if values else None


def listed(answer: Answer, name: str) -> list[str]:
    return [each.strip() for each in (combined(answer, name) or "").split(",") if each.strip()]


def cors_fields(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """All that is said about CORS; a name that comes twice would be a mistake of ours."""
    ours = [(name.decode(), value.decode()) for name, value in headers if name.startswith(b"access-control-")]
    assert len(ours) == len(dict(ours))
    return {name.removeprefix("access-control-"): value for name, value in ours}
