"""The bodies of a submit, as they are read and as they are described.

A ``job_spec`` is read from the dict that was sent, since that may hold spellings that no Struct has; see `spec`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .offers import DEFAULT_EXECUTOR
from .spec import LONGEST, Count, Custom, Label, Name, Resources, Text


class Submit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``submit/{sid}`` reads."""

    job_spec: dict[str, Any]
    executor: str = DEFAULT_EXECUTOR


class SubmitTunneled(Submit, frozen=True, forbid_unknown_fields=True):
    """What ``submit_tunneled/{sid}`` reads; `check_tunnel` looks at `tunnel`."""

    tunnel: Any = "none"


Seconds = Annotated[int, msgspec.Meta(ge=1, le=LONGEST)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^\s*(\d+|\d+:[0-5]?\d:[0-5]?\d)\s*$", max_length=40)]


class JobAttributes(msgspec.Struct):
    """What to ask the scheduler for; `duration` is in seconds, or ``HH:MM:SS``.

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
    """Body of ``submit/{sid}``."""

    job_spec: JobSpec
    executor: str = DEFAULT_EXECUTOR


class TunneledSubmission(Submission, forbid_unknown_fields=True):
    """Body of ``submit_tunneled/{sid}``: the arguments hold ``--name NAME``."""

    tunnel: Literal["none", "forward", "reverse"] = "none"
