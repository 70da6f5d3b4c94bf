"""An argument parser for a place that must not end: it raises where `argparse` would exit."""

from __future__ import annotations

import argparse
from typing import NoReturn


class UsageMistake(Exception):
    """The words don't fit; the message says what would."""


class HelpAsked(Exception):
    """Help was asked for, which is the message."""


class VerbParser(argparse.ArgumentParser):
    """A parser whose mistakes are `UsageMistake` and whose help is `HelpAsked`."""

    def error(self, message: str) -> NoReturn:
        raise UsageMistake(f"{message}; {self.prog} --help says more")

    def print_help(self, file: object = None) -> NoReturn:
        raise HelpAsked(self.format_help())
