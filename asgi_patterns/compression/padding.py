"""Bytes in a coded body that mean nothing, so that its length tells less about what is in it.

Who can put text into a page that also holds a secret, and sees how long the answers are, guesses the secret letter by
letter (BREACH). A random length in addition makes him ask more often; it does not stop him.
"""

from typing import Final

MOST: Final = 256
"""Bytes of padding that every coding here has room for."""

# RFC 8878 3.1.2: a frame of this kind is to be passed over.
_SKIPPABLE: Final = (0x184D2A50).to_bytes(4, "little")
_GZIP_HEAD: Final = 10
_HAS_NAME: Final = 0x08


def fill_zstd(size: int) -> bytes:
    """Return a frame to stand before all others; ``size`` is without its head of 8 bytes, and 0 is no frame."""
    return _SKIPPABLE + size.to_bytes(4, "little") + bytes(size) if size else b""


def fill_brotli(size: int) -> bytes:
    """Return a block of metadata (RFC 7932 9.2) to stand where a byte begins; ``size`` is without its head of 2."""
    # From the lowest bit: not the last block, "11" for metadata, a zero, the size in one byte, which is one less.
    return (0b010110 | (size - 1) << 6).to_bytes(2, "little") + bytes(size) if size else b""


def fill_gzip(coded: bytes, size: int) -> bytes:
    """Return a gzip body, or the beginning of one, with a file name of ``size`` bytes in its head (RFC 1952 2.3)."""
    head = coded[:3] + bytes([coded[3] | _HAS_NAME]) + coded[4:_GZIP_HEAD]
    return head + b"x" * (size - 1) + b"\0" + coded[_GZIP_HEAD:]
