"""From a checked ``job_spec`` to PSI/J's objects, with what PSI/J leaves to its caller."""

from __future__ import annotations

import re
import socket
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from .durations import LONGEST
from .spec import PSIJ_DURATION, Custom, JobSpec, Resources, wrong

if TYPE_CHECKING:
    import psij

NAME_OPTION = {
    "slurm": "slurm.job-name",
    "pbs": "pbs.N",
    "pbs_classic": "pbs.N",
    "lsf": "lsf.J",
    "cobalt": "cobalt.jobname",
}
"""The option by which each scheduler takes a job's name: PSI/J's executors ignore that of its own `JobSpec`."""

SITES: list[tuple[str, str, Custom]] = [("aurora-", "pbs.l", {"pbs.l": "filesystems=home:flare"})]
"""(beginning of a host's name, option, what it is unless the caller says it): jobs there aren't taken without."""

# PSI/J puts the name between quotes inside quotes where it has other characters, and PBS refuses most of them.
_ODD = re.compile(r"[^A-Za-z0-9_.+-]+")


def to_psij(spec: JobSpec, stdout: Path, stderr: Path, executor: str) -> psij.JobSpec:
    """Return PSI/J's form of `spec`, its output going to two files.

    Raises
    ------
    InvalidFieldError
        If the resources contradict each other, or PSI/J has no such launcher.
    """
    import psij

    launchers = psij.Launcher.get_launcher_names()
    if spec.launcher is not None and spec.launcher not in launchers:
        raise wrong("launcher", f"there is no launcher {spec.launcher!r}; there is {', '.join(sorted(launchers))}")
    wanted = msgspec.structs.asdict(spec.resources or Resources())
    try:
        resources = psij.ResourceSpecV1(**{**wanted, "node_count": spec.node_count})
    except psij.InvalidJobException as error:
        raise wrong("resources", error.message) from None
    attributes = psij.JobAttributes(
        duration=timedelta(seconds=duration(spec, executor) or LONGEST),
        queue_name=spec.attributes.queue_name,
        account=spec.account,
        reservation_id=spec.attributes.reservation_id,
        custom_attributes=dict(custom_attributes(spec, executor, socket.gethostname())) or None,
    )
    return psij.JobSpec(
        executable=spec.executable,
        arguments=list(spec.arguments),
        directory=spec.directory,
        name=spec.name,
        inherit_environment=spec.inherit_environment,
        # Not None where it is empty: PSI/J takes None for "as mine", whatever inherit_environment says.
        environment={name: str(value) for name, value in spec.environment.items()},
        stdin_path=spec.stdin_path,
        stdout_path=stdout,
        stderr_path=stderr,
        resources=resources,
        attributes=attributes,
        pre_launch=spec.pre_launch,
        post_launch=spec.post_launch,
        launcher=spec.launcher,
    )


def duration(spec: JobSpec, executor: str) -> int | None:
    """Return the seconds after which the job is ended; None: never.

    A scheduler has to be told something. On this machine nobody waits behind the job: without a limit of its
    caller's it has none.
    """
    return PSIJ_DURATION if spec.time_limit is None and executor != "local" else spec.time_limit


def custom_attributes(spec: JobSpec, executor: str, hostname: str) -> Custom:
    """Return the scheduler's own options: the caller's, the name, and what the site insists on."""
    custom: Custom = {option: value for option, value in spec.custom.items() if value is not None}
    given = {_folded(option) for option in custom}
    option = NAME_OPTION.get(executor)
    if spec.name is not None and option is not None and _folded(option) not in given:
        custom[option] = _ODD.sub("_", spec.name)
    for beginning, needed, default in SITES:
        if hostname.startswith(beginning) and executor.startswith("pbs") and _folded(needed) not in given:
            custom.update(default)
    return custom


def _folded(option: str) -> str:
    """Return an option as PSI/J looks for it: of the scheduler's name the case doesn't matter."""
    scheduler, _, rest = option.partition(".")
    return f"{scheduler.lower()}.{rest}"
