"""Write ``src/ui/wire/types.ts``: the TypeScript of what Python declares once.

``python labextension/generate_types.py`` writes it, ``--check`` (as `make check` has it) only compares.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, get_args

from msgspec import inspect

from orbit_jupyter.bridge.routes.tokens import CreatedToken, NewToken, TokensAnswer
from orbit_jupyter.plugin.ui import UIConfig
from orbit_jupyter.protocol import frames
from orbit_jupyter_widgets.view import View
from orbit_plugins.join import answers as join
from orbit_plugins.psij import answers as psij
from orbit_plugins.queue_info import answers as queue_info
from orbit_plugins.staging import answers as staging
from orbit_plugins.sysinfo import answers as sysinfo

FILE = Path(__file__).parent / "src" / "ui" / "wire" / "types.ts"

HEAD = """// Made by labextension/generate_types.py from what Python declares; `make types` writes it anew.
/* eslint-disable */
"""

# The prefix keeps apart what two plugins call by one name.
ROOTS: list[tuple[str, Any]] = [
    ("", frames.EndpointInfo),
    ("", UIConfig),
    ("", View),
    ("", TokensAnswer),
    ("", NewToken),
    ("", CreatedToken),
    ("Psij", psij.Offers),
    ("Psij", psij.Submitted),
    ("Psij", psij.Launched),
    ("Psij", psij.Jobs),
    ("Psij", psij.JobStatus),
    ("Psij", psij.JobSpecification),
    ("Psij", psij.Followed),
    ("Psij", psij.CancelledAll),
    ("Psij", psij.TunnelStatus),
    ("Queue", queue_info.Backend),
    ("Queue", queue_info.JobAllocation),
    ("Queue", queue_info.Queues),
    ("Queue", queue_info.Jobs),
    ("Queue", queue_info.JobDetails),
    ("Queue", queue_info.Allocations),
    ("Sys", sysinfo.HostRole),
    ("Sys", sysinfo.Metrics),
    ("Sys", sysinfo.Columns),
    ("Sys", sysinfo.Subscribed),
    ("Staging", staging.Listing),
    ("Staging", staging.Transfers),
    ("Staging", staging.Digest),
    ("Staging", staging.Part),
    ("Staging", staging.Stored),
    ("Join", join.Joins),
    ("Join", join.Started),
    ("Join", join.Hosts),
]


class Writer:
    """Turns msgspec's description of types into TypeScript; each named type once."""

    def __init__(self) -> None:
        self.declared: dict[str, str] = {}

    def type(self, described: inspect.Type, prefix: str) -> str:
        """Return the TypeScript of a type, and declare those that it names."""
        match described:
            case inspect.StructType(cls=cls, fields=fields, array_like=array_like):
                if array_like:
                    return self._tuple(fields, prefix)
                return self._declare(_name(cls, prefix), fields, prefix)
            case inspect.TypedDictType(cls=cls, fields=fields):
                return self._declare(_name(cls, prefix), fields, prefix)
            case inspect.LiteralType(values=values):
                return " | ".join(repr(value) for value in values)
            case inspect.UnionType(types=types):
                return " | ".join(dict.fromkeys(self.type(one, prefix) for one in types))
            case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
                inner = self.type(item, prefix)
                return f"({inner})[]" if "|" in inner else f"{inner}[]"
            case inspect.TupleType(item_types=items):
                return f"[{', '.join(self.type(item, prefix) for item in items)}]"
            case inspect.DictType(value_type=value):
                return f"Record<string, {self.type(value, prefix)}>"
            case _:
                return _PLAIN[type(described)]

    def frame(self, described: inspect.StructType) -> None:
        """Declare a frame: a tuple that begins with its tag."""
        name = f"{described.cls.__name__}Frame"
        fields = self._tuple(described.fields, "", f"tag: '{described.tag}'")
        self.declared[name] = f"export type {name} = {fields};"

    def _tuple(self, fields: tuple[inspect.Field, ...], prefix: str, first: str = "") -> str:
        # What an older writer has left out may be missing at the end.
        parts = [first] if first else []
        for field in fields:
            optional = "" if field.required else "?"
            parts.append(f"{field.name.replace('default', 'default_')}{optional}: {self.type(field.type, prefix)}")
        return f"[{', '.join(parts)}]"

    def _declare(self, name: str, fields: tuple[inspect.Field, ...], prefix: str) -> str:
        if name not in self.declared:
            self.declared[name] = ""  # types that name each other end here
            lines = [f"  {_key(field)}: {self.type(field.type, prefix)};" for field in fields]
            self.declared[name] = "\n".join([f"export interface {name} {{", *lines, "}"])
        return name


def _name(cls: type, prefix: str) -> str:
    return prefix + cls.__name__.lstrip("_")


def _key(field: inspect.Field) -> str:
    return field.encode_name + ("" if field.required else "?")


_PLAIN: dict[type, str] = {
    inspect.StrType: "string",
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
    inspect.BytesType: "Uint8Array",
    inspect.AnyType: "any",
}


def text() -> str:
    """Return the file's text."""
    writer = Writer()
    for kind in get_args(frames.AnyFrame):
        described = inspect.type_info(kind)
        assert isinstance(described, inspect.StructType)
        writer.frame(described)
    for prefix, root in ROOTS:
        writer.type(inspect.type_info(root), prefix)
    return "\n".join([HEAD, *(f"{one}\n" for one in writer.declared.values())]).rstrip() + "\n"


def main() -> int:
    """Write the file, or say that it isn't what Python declares."""
    wanted = text()
    if "--check" not in sys.argv[1:]:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(wanted)
        return 0
    if FILE.is_file() and FILE.read_text() == wanted:
        return 0
    print(f"{FILE} isn't what Python declares: run `make types`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
