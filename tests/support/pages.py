"""The pages of the documentation, and the fenced blocks in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def module(self) -> str:
        """The name of a file for it that no other block has."""
        return f"{self.page.stem}_{self.line}.py".lower()


def blocks(kind: str | None = None) -> Iterator[Block]:
    """Yield the blocks of all pages, or those of one kind."""
    for page in PAGES:
        source = page.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(source):
            block = Block(page, source.count("\n", 0, match.start()) + 1, match[1], match[2])
            if kind in (None, block.kind):
                yield block
