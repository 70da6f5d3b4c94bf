"""``python -m bench``: print one table, and write it as JSON where asked to."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from .measure import EVENTS, Step, everything
from .table import ROWS, Series, report, table

GROUPS = list(dict.fromkeys(row.group for row in ROWS))


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    words = argparse.ArgumentParser(prog="make bench", description=__doc__)
    words.add_argument("--rounds", type=int, help="how often everything is measured (default: 7; quick: 3)")
    words.add_argument("--quick", action="store_true", help="a rough look, in less than 40 seconds")
    words.add_argument("--only", metavar="GROUP,…", help=f"some of: {', '.join(GROUPS)}")
    words.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return words


async def measure(groups: list[str], rounds: int, seconds: float) -> Series:
    """Run all steps in rounds, in turns forward and backward, so that a machine that drifts favours none."""
    series: Series = {}
    async with everything(seconds, EVENTS) as bench:
        steps: list[Step] = [step for name, group in bench.steps().items() if name in groups for step in group]
        bench.seconds = min(seconds, 0.3)
        for step in steps:
            await step()  # warm
        bench.seconds = seconds
        for number in range(rounds):
            print(f"round {number + 1} of {rounds} …", file=sys.stderr, flush=True)
            for step in steps if number % 2 == 0 else reversed(steps):
                for name, value in (await step()).items():
                    series.setdefault(name, []).append(value)
    return series


def main() -> int:
    """Measure, print, write."""
    words = parser()
    given = words.parse_args()
    groups = given.only.split(",") if given.only else GROUPS
    if unknown := set(groups) - set(GROUPS):
        words.error(f"--only: there is no {', '.join(sorted(unknown))}; there is {', '.join(GROUPS)}")
    rounds = given.rounds or (3 if given.quick else 7)
    found = report(asyncio.run(measure(groups, rounds, 0.4 if given.quick else 1.5)), rounds)
    print(table(found))
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
