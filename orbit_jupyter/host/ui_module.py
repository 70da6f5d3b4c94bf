"""Where a plugin's JavaScript is, found out in a short process of its own, so that a bridge imports no plugin.

Started as ``python -m orbit_jupyter.host.ui_module NAME``; prints a `UIModule` as JSON.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec

from .discovery import load_plugin_class

LONGEST = 60
"""Seconds after which the process ends by itself: a bridge that was killed can't end it any more."""


class UIModule(msgspec.Struct, frozen=True):
    """What is said of a plugin: the path of its module, or why there is none."""

    path: str = ""
    reason: str = ""


def find(name: str) -> UIModule:
    """Import an installed plugin and return its `ui_module`."""
    try:
        path = load_plugin_class(name).ui_module
    except (Exception, SystemExit) as error:
        return UIModule(reason=f"plugin {name} can't be loaded: {type(error).__name__}: {error}")
    if not path:
        return UIModule(reason=f"plugin {name} has no JavaScript of its own")
    if not Path(path).is_absolute() or not Path(path).is_file():
        return UIModule(reason=f"ui_module of plugin {name} must be the absolute path of a file; {path!r} isn't")
    return UIModule(path=str(path))


def main() -> None:
    """Run the process."""
    signal.alarm(LONGEST)
    # The answer alone goes out; what a plugin prints while it is imported doesn't get between.
    out = os.dup(1)
    os.dup2(2, 1)
    found = find(sys.argv[1])
    with open(out, "wb") as answer:
        answer.write(msgspec.json.encode(found))
    sys.stderr.flush()
    os._exit(0)  # threads that the import has started are of no more use


if __name__ == "__main__":
    main()
