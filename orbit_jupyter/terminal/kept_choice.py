"""The endpoint in use, for all terminals of this user: one for each bridge, in a small file."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path


class KeptChoice:
    """Keeps what ``jupyter orbit use NAME`` chose.

    Parameters
    ----------
    file
        Where.
    url
        The bridge's.
    """

    def __init__(self, file: Path, url: str) -> None:
        self._file, self._url = file, url

    def get(self) -> str | None:
        """Return the endpoint that was chosen, or None."""
        name = self._all().get(self._url)
        return name if isinstance(name, str) else None

    def set(self, name: str) -> None:
        """Keep the choice."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, written = tempfile.mkstemp(dir=self._file.parent, prefix=self._file.name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({**self._all(), self._url: name}, file)
            os.replace(written, self._file)  # never half a file, whoever writes beside
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(written)
            raise

    def _all(self) -> dict[str, object]:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}
