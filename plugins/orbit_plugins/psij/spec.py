"""A request's ``job_spec``, checked before PSI/J sees it: it raises bare assertions.

The fields are those of PSI/J's `JobSpec`, `JobAttributes` and `ResourceSpecV1`, and ``custom_attributes`` beside
them, where radical.orbit 0.2.0 has it. ``stdin``, ``stdout`` and ``stderr`` are other spellings of the paths.
"""

from __future__ import annotations

from os.path import expanduser  # Path's own raises where there is no such user
from pathlib import Path
from typing import Annotated

import msgspec

from orbit_jupyter.plugin import InvalidFieldError, parse

from .durations import seconds_of
from .output import unsafe

# What goes to the operating system as a C string.
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]
Name = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]+$", max_length=4096)]
Label = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=255)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Custom = dict[str, str | int | float | bool | None]

STREAMS = ("stdin_path", "stdout_path", "stderr_path")
SCRIPTS = ("pre_launch", "post_launch")

PSIJ_DURATION = 600
"""Seconds that PSI/J asks a scheduler for where nobody says how long the job takes."""


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """PSI/J's `ResourceSpecV1`; `memory` is in bytes, for the whole job."""

    node_count: Count | None = None
    process_count: Count | None = None
    processes_per_node: Count | None = None
    cpu_cores_per_process: Count | None = None
    gpu_cores_per_process: Annotated[int, msgspec.Meta(ge=0)] | None = None
    exclusive_node_use: bool = False
    memory: Count | None = None


class Attributes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """PSI/J's `JobAttributes`; `duration` as `seconds_of` reads it."""

    duration: int | str | None = None
    queue_name: str | None = None
    account: str | None = None
    project_name: str | None = None
    reservation_id: str | None = None
    node_count: Count | None = None
    custom_attributes: Custom = {}


class JobSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to run, where its output goes, and what it needs."""

    executable: Name
    arguments: list[Text] = []
    directory: Name | None = None
    environment: dict[str, Text | int] = {}
    inherit_environment: bool = True
    stdin_path: Name | None = None
    stdout_path: Name | None = None
    stderr_path: Name | None = None
    attributes: Attributes = Attributes()
    resources: Resources | None = None
    custom_attributes: Custom = {}
    name: Label | None = None
    launcher: str | None = None
    pre_launch: Name | None = None
    post_launch: Name | None = None

    @property
    def account(self) -> str | None:
        """What the job is charged to."""
        return self.attributes.account or self.attributes.project_name

    @property
    def time_limit(self) -> int | None:
        """Longest run time in seconds, as it was asked for; None: it wasn't."""
        given = self.attributes.duration
        return None if given is None else _seconds(given)

    @property
    def node_count(self) -> int | None:
        """Nodes that were asked for, in whichever of the two places."""
        if self.resources is not None and self.resources.node_count is not None:
            return self.resources.node_count
        return self.attributes.node_count

    @property
    def custom(self) -> Custom:
        """The scheduler's own options; the top level wins."""
        return {**self.attributes.custom_attributes, **self.custom_attributes}


def parse_spec(raw: object) -> JobSpec:
    """Return a request's ``job_spec``, checked, its paths absolute: where the job writes, `status` must read.

    Raises
    ------
    InvalidFieldError
        Naming the field from ``job_spec`` on.
    """
    spec = parse(_arranged(raw), JobSpec, "job_spec")
    _ = spec.time_limit  # a wrong one is refused now
    for name in spec.environment:
        if not name or not {"=", "\0"}.isdisjoint(name):
            raise wrong("environment", f"{name[:40]!r} can't be the name of a variable")
    base = Path.cwd() / expanduser(spec.directory or "")
    given = {name: path for name in (*STREAMS, *SCRIPTS) if (path := getattr(spec, name)) is not None}
    absolute = {name: base / expanduser(path) for name, path in given.items()}
    for name in STREAMS:
        if name in absolute and unsafe(absolute[name]):
            raise wrong(name, f"PSI/J can't open {absolute[name]}: choose a path without spaces, *, ? and [")
    if spec.directory is not None:
        absolute["directory"] = base
    return msgspec.structs.replace(spec, **{name: str(path) for name, path in absolute.items()})


def wrong(field: str, why: str) -> InvalidFieldError:
    """Return the error that says what is wrong with a field of ``job_spec``."""
    return InvalidFieldError(f"job_spec.{field}: {why}", field=f"job_spec.{field}")


def _arranged(raw: object) -> object:
    """Leave out what is null, and gather what has several places or spellings in its first."""
    if not isinstance(raw, dict):
        return raw
    spec = {name: value for name, value in raw.items() if value is not None}
    for name in STREAMS:
        short = name.removesuffix("_path")
        if short in spec:
            path = spec.pop(short)
            if spec.setdefault(name, path) != path:
                raise wrong(short, f"{name} says something else; give one of them")
    if isinstance(spec.get("attributes"), dict):
        given = {name: value for name, value in spec["attributes"].items() if value is not None}
        dotted = {name: given.pop(name) for name in list(given) if isinstance(name, str) and "." in name}
        custom = given.get("custom_attributes", {})
        if dotted and isinstance(custom, dict):
            given["custom_attributes"] = {**custom, **dotted}
        spec["attributes"] = given
    return spec


def _seconds(given: int | str) -> int:
    try:
        return seconds_of(given)
    except ValueError as error:
        raise wrong("attributes.duration", str(error)) from None
