"""Where codecs come from that Python may not have itself."""

from types import ModuleType

from asgi_patterns.kernel.optional import MissingExtra, require


def zstd_package() -> ModuleType:
    """Return Python's own zstd (3.14), or the package that brings it to those before. Raises ``MissingExtra``."""
    try:
        return require("compression.zstd", "compression")
    except MissingExtra:
        return require("backports.zstd", "compression")
