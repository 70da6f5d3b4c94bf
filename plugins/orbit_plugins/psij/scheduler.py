"""PSI/J's executors for schedulers with four repairs (psij-python 0.9.11). Imported at first use: it brings PSI/J.

- The programs that they start have a deadline.
- They read no queue where `Watch` does that.
- A job script ends with the job's exit code, and not with that of its own last command: the scheduler shall know,
  too, that a job has failed, and start none that waits for its success.
- An option with odd characters is quoted once: PSI/J puts ``'V100|A100'`` with its quotes between others.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from io import StringIO
from typing import IO, Any

import psij
from psij.executors.batch.batch_scheduler_executor import UNKNOWN_ERROR, BatchSchedulerExecutor

from .claims import NATIVE_ID

DEADLINE = 60.0
"""Seconds that a scheduler's program may take to submit or cancel; what it has done then, nobody knows."""


_END = """
_orbit_ec=$(cat {written}/"{native}".ec) || _orbit_ec=1
exit "$_orbit_ec"
"""

# Of a task of an array nobody else knows the number that PSI/J has named its files by.
_CLEAN = """
if [ -n "${{SLURM_ARRAY_TASK_ID:-}}" ]; then
    _orbit_ec=$(cat {written}/"$SLURM_JOB_ID".ec) || _orbit_ec=1
    rm -f {written}/"$SLURM_JOB_ID".ec {written}/"$SLURM_JOB_ID".nodefile
    [ "$_orbit_ec" != 0 ] || rm -f {written}/"$SLURM_JOB_ID".out
    exit "$_orbit_ec"
fi
"""

# A directive whose value is quoted twice, and one that is no more than a switch: true, or without a value.
_TWICE = re.compile(r"""^(#(?:SBATCH|PBS) .*?)"('.*')"$""", re.MULTILINE)
_SWITCH = re.compile(r"""^(#SBATCH --[\w-]+)="(?:True)?"$""", re.MULTILINE)
_OFF = re.compile(r"""^#SBATCH --[\w-]+="False"\n""", re.MULTILINE)


class _NoPolling:
    def register_job(self, job: psij.Job) -> None:
        """Do nothing."""


def executor_class(name: str, *, polls: bool) -> type[BatchSchedulerExecutor]:
    """Return PSI/J's executor class of that name, with deadlines.

    Parameters
    ----------
    polls
        Whether it reads the queue, in a thread of its own.
    """
    newest = psij.JobExecutor._executors[name][-1]  # as PSI/J chooses
    if newest.ecls is None:
        raise newest.exc or ValueError(f"PSI/J has no class for {name}")
    theirs: Any = newest.ecls

    def generate_submit_script(
        self: BatchSchedulerExecutor, job: psij.Job, context: dict[str, object], submit_file: IO[str]
    ) -> None:
        text = StringIO()
        theirs.generate_submit_script(self, job, context, text)
        written = shlex.quote(str(self.work_directory))
        end = _END.format(written=written, native=NATIVE_ID[name])
        if not getattr(self.config, "keep_files", False):
            end = _CLEAN.format(written=written) + end if name == "slurm" else end
        submit_file.write(directives(text.getvalue()) + end)

    more: dict[str, Any] = {"_NAME_": name, "_VERSION_": newest.version, "_run_command": _run_command}
    if not polls:
        more["_start_queue_poll_thread"] = lambda self: _NoPolling()
        more["generate_submit_script"] = generate_submit_script
    made: type[BatchSchedulerExecutor] = type(theirs.__name__, (theirs,), more)
    return made


def directives(script: str) -> str:
    """Return a job script whose directives say what was asked for."""

    def once(found: re.Match[str]) -> str:
        (value,) = shlex.split(found[2])
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{found[1]}"{escaped}"'

    return _OFF.sub("", _SWITCH.sub(r"\1", _TWICE.sub(once, script)))


def _run_command(self: BatchSchedulerExecutor, cmd: list[str]) -> str:
    try:
        done = subprocess.run(
            cmd, stdout=-1, stderr=-1, stdin=subprocess.DEVNULL, text=True, timeout=DEADLINE, check=False
        )
    except subprocess.TimeoutExpired:
        said = f"{cmd[0]} timed out: it hasn't answered within {DEADLINE:g} s"
        raise subprocess.CalledProcessError(-1, cmd, output=said) from None
    if done.returncode != 0:
        said = "\n".join(text for text in (done.stdout, done.stderr) if text)
        raise subprocess.CalledProcessError(done.returncode, cmd, output=said or UNKNOWN_ERROR)
    return done.stdout
