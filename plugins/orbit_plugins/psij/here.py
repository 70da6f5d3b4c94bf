"""What a job needs that runs on this machine, looked at before it is started.

PSI/J would answer with a job that fails and doesn't say why.
"""

from __future__ import annotations

from pathlib import Path

from .offers import LAUNCHER_PROGRAMS, missing_programs
from .spec import SCRIPTS, STREAMS, JobSpec, wrong


def check_here(spec: JobSpec) -> None:
    """Check that what `spec` names exists on this machine.

    Raises
    ------
    InvalidFieldError
        Naming the field.
    """
    for name in ("directory", *STREAMS, *SCRIPTS):
        path = Path(getattr(spec, name) or "/")
        path = path.parent if name in ("stdout_path", "stderr_path") else path
        if not (path.is_dir() if name == "directory" else path.exists()):
            raise wrong(name, f"there is no {path} here")
    # A script that runs before can bring the launcher, as `module load` does.
    if spec.launcher is not None and spec.pre_launch is None:
        given = spec.environment.get("PATH")
        programs = LAUNCHER_PROGRAMS.get(spec.launcher, ())
        missing = missing_programs(programs, None if given is None else str(given))
        if missing is not None:
            raise wrong("launcher", f"{spec.launcher} can't be used here: {missing}")
