"""The code blocks of the pages under `docs/`, for the tests that run them.

Every block of Python is run. Words behind the language say more: ``file=hello.py`` makes the block a file,
``not-run`` keeps it from being run. A block of ``text`` that directly follows one of Python is what that prints or
returns; ``…`` in it stands for anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    code: str
    prints: str | None = None

    @property
    def file(self) -> str | None:
        """Name of the file that it is, or None."""
        return next((word.partition("=")[2] for word in self.words if word.startswith("file=")), None)

    @property
    def is_run(self) -> bool:
        """Whether it is run as a cell."""
        return self.language == "python" and self.file is None and "not-run" not in self.words

    def printed(self, text: str) -> bool:
        """Return whether `text` is what the page says."""
        assert self.prints is not None
        pattern = ".*".join(re.escape(part) for part in self.prints.strip().split("…"))
        return re.fullmatch(pattern, text.strip(), re.DOTALL) is not None


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page, in order.

    Parameters
    ----------
    page
        Its path in the repository.
    """
    found: list[Block] = []
    before = None
    for token in MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8")):
        if token.type == "fence":
            assert token.map is not None
            language, *words = token.info.split() or [""]
            block = Block(page, token.map[0] + 1, language, tuple(words), token.content)
            if language == "text" and before is not None:
                shown = found.pop()
                block = Block(shown.page, shown.line, shown.language, shown.words, shown.code, token.content)
            found.append(block)
            before = block if block.is_run and block.prints is None else None
        else:
            before = None
    return found


def write_files(page: str, folder: Path) -> None:
    """Write the blocks that are files."""
    for block in blocks(page):
        if block.file is not None:
            (folder / block.file).write_text(block.code, encoding="utf-8")
