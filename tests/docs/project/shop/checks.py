"""The project that the pages speak of, as far as their settings name parts of it."""


async def database() -> None:
    """Ask the database whether it is there."""
