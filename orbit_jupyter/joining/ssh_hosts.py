"""The hosts that the user's ssh configuration names, for completion."""

from __future__ import annotations

from pathlib import Path

MOST = 200
"""Names that are offered."""

_DEEPEST = 3


def known_hosts(config: Path | None = None) -> list[str]:
    """Return the hosts of ``~/.ssh/config`` and what it includes; patterns are left out."""
    found: dict[str, None] = {}
    _read(config or Path.home() / ".ssh" / "config", found, _DEEPEST)
    return list(found)[:MOST]


def _read(path: Path, found: dict[str, None], deeper: int) -> None:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        word, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        values = rest.split("#", 1)[0].replace('"', " ").split()
        if word.lower() == "host":
            found.update(dict.fromkeys(value for value in values if not set(value) & set("*?!")))
        elif word.lower() == "include" and deeper:
            for value in values:
                folder = Path.home() / ".ssh"
                pattern = Path(value).expanduser()
                base, glob = (Path("/"), str(pattern)[1:]) if pattern.is_absolute() else (folder, value)
                for included in sorted(base.glob(glob)):
                    _read(included, found, deeper - 1)
