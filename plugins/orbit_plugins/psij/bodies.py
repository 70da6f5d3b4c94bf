"""The bodies of a submit, as they are read and as they are described.

A ``job_spec`` is read from the dict that was sent, since that may hold spellings that no Struct has; see `spec`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .durations import LONGEST, PATTERN
from .offers import DEFAULT_EXECUTOR
from .spec import Count, Custom, Label, Name, Resources, Text


class Submit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``submit/{sid}`` reads; `force` leaves out what `Limits` looks at."""

    job_spec: dict[str, Any]
    executor: str = DEFAULT_EXECUTOR
    force: bool = False


class SubmitTunneled(Submit, frozen=True, forbid_unknown_fields=True):
    """What ``submit_tunneled/{sid}`` reads; `check_tunnel` looks at `tunnel`."""

    tunnel: Any = "none"


class SubmitArray(Submit, frozen=True, forbid_unknown_fields=True):
    """What ``submit_array/{sid}`` reads: `count` tasks, or one for each list of `arguments`."""

    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    arguments: list[list[Text]] | None = None
    at_once: Count | None = None


Seconds = Annotated[int, msgspec.Meta(ge=1, le=LONGEST)]
Clock = Annotated[str, msgspec.Meta(pattern=PATTERN, max_length=40)]


class JobAttributes(msgspec.Struct):
    """What to ask the scheduler for; `duration` is in seconds, or like ``1h30m``, ``HH:MM:SS`` or ``D-HH:MM:SS``.

    A name with a dot in it, such as ``slurm.constraint``, is an option of the scheduler's own; others are refused.
    """

    duration: Seconds | Clock | None = None
    queue_name: str | None = None
    account: str | None = None
    project_name: str | None = None
    reservation_id: str | None = None
    node_count: Count | None = None
    custom_attributes: Custom | None = {}


class JobSpec(msgspec.Struct, forbid_unknown_fields=True):
    """What to run, where its output goes, and what it needs; null is the same as leaving a field out.

    `stdin`, `stdout` and `stderr` are other spellings of the paths.
    """

    executable: Name
    arguments: list[Text] | None = []
    directory: Name | None = None
    environment: dict[str, Text | int] | None = {}
    inherit_environment: bool | None = True
    stdin_path: Name | None = None
    stdout_path: Name | None = None
    stderr_path: Name | None = None
    stdin: Name | None = None
    stdout: Name | None = None
    stderr: Name | None = None
    attributes: JobAttributes | None = None
    resources: Resources | None = None
    custom_attributes: Custom | None = {}
    name: Label | None = None
    launcher: str | None = None
    pre_launch: Name | None = None
    post_launch: Name | None = None


class Submission(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``submit/{sid}``; with `force` queue, duration, nodes and account aren't checked beforehand."""

    job_spec: JobSpec
    executor: str = DEFAULT_EXECUTOR
    force: bool = False


class ArraySubmission(Submission, forbid_unknown_fields=True):
    """Body of ``submit_array/{sid}``: `count` tasks, or one for each list of `arguments`."""

    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    arguments: list[list[Text]] | None = None
    at_once: Count | None = None


class CancelAll(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``cancel_all/{sid}``: which jobs; nothing: all that haven't ended."""

    job_ids: list[str] | None = None
    array_id: str | None = None


class TunneledSubmission(Submission, forbid_unknown_fields=True):
    """Body of ``submit_tunneled/{sid}``: the arguments hold ``--name NAME``."""

    tunnel: Literal["none", "forward", "reverse", "auto"] = "none"
