"""The endpoint in use, for all terminals of this user: one for each bridge, in a small file."""

from __future__ import annotations

import json
from pathlib import Path

from orbit_jupyter.state import write_whole


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
        write_whole(self._file, json.dumps({**self._all(), self._url: name}).encode())

    def _all(self) -> dict[str, object]:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}
