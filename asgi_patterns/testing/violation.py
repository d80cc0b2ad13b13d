"""How the linter says no."""


class ProtocolViolation(AssertionError):
    """A scope, a message or an order of messages that ASGI does not allow; the text says which and why."""


def require(holds: bool, sentence: str) -> None:
    """Raise ``ProtocolViolation`` with ``sentence`` unless the rule holds."""
    if not holds:
        raise ProtocolViolation(sentence)
