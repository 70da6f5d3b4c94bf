"""Makes modules of sources, and answers: how `there` begins on the other side, with a call of this behind it."""

from __future__ import annotations

import sys
import types


def begin(sources: dict[str, str]) -> None:
    """Have the package `there`, of which nothing is on any disk, and answer a request."""
    package = sys.modules["there"] = types.ModuleType("there")
    package.__path__ = []
    for name, source in sources.items():
        module = sys.modules[f"there.{name}"] = types.ModuleType(f"there.{name}")
        module.__package__ = "there"
        exec(compile(source, f"there/{name}.py", "exec"), module.__dict__)  # noqa: S102 - it is our own
    sys.modules["there.answering"].main()
