"""``python -m bench``: print one table, and write it as JSON where asked to."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from .measure import measure
from .rows import GROUPS
from .steps import Sizes
from .table import report, table

FULL, QUICK = Sizes(1.0), Sizes(0.4, mib=256, endpoints=200, pause=4.0)


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    words = argparse.ArgumentParser(prog="make bench", description=__doc__)
    words.add_argument("--rounds", type=int, help="how often everything is measured (default: 7; quick: 2)")
    words.add_argument("--quick", action="store_true", help="a rough look, with less of everything")
    words.add_argument("--only", metavar="GROUP,…", help=f"some of: {', '.join(GROUPS)}")
    words.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return words


def main() -> int:
    """Measure, print, write; the status is 1 where a figure of our own is missing."""
    words = parser()
    given = words.parse_args()
    groups = given.only.split(",") if given.only else GROUPS
    if unknown := set(groups) - set(GROUPS):
        words.error(f"--only: there is no {', '.join(sorted(unknown))}; there is {', '.join(GROUPS)}")
    rounds = given.rounds or (2 if given.quick else 7)
    sizes = QUICK if given.quick else FULL
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what has been started is ended then, too
    told = report(asyncio.run(measure(groups, rounds, sizes)), groups, sizes, rounds)
    print(table(told))
    if given.json is not None:
        given.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(any("missing" in row for row in told["rows"]))


if __name__ == "__main__":
    sys.exit(main())
