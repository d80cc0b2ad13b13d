"""A setting that nobody is shown: not in an error, not in ``show``, not in a log."""

from typing import Annotated

from pydantic import BeforeValidator, SecretStr


def hide(value: object) -> object:
    """Return a text hidden; anything else as it is."""
    return SecretStr(value) if isinstance(value, str) else value


def reveal(secret: SecretStr | str | None) -> str:
    """Return the text of a setting that ``Secret`` has taken in; ``""`` where it is not set."""
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret or ""


# Hidden before anything can be wrong with it: the error of a validator further in shows asterisks.
Secret = Annotated[SecretStr | str, BeforeValidator(hide)]
"""A text that no error and no ``show`` repeats. In code a plain string will do."""
