"""Of several jobs that were submitted with one idempotency key, one runs: the job itself sees to that.

An endpoint that dies while it hands a job over can't know whether the scheduler has it. So each such job is given
a claim: a script that PSI/J's launcher sources before anything of the user's, and one after the program. The first
takes the claim, or ends the job; the second writes the exit code down. Both go on with the user's own scripts.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from orbit_jupyter.state import write_whole

from .spec import JobSpec

DUPLICATE = 114
"""Exit code of a job that finds its claim taken: EALREADY."""

NATIVE_ID = {
    "local": "$$",
    "slurm": "${SLURM_JOB_ID:-}",
    "pbs": "${PBS_JOBID:-}",
    "pbs_classic": "${PBS_JOBID:-}",
    "lsf": "${LSB_JOBID:-}",
    "cobalt": "${COBALT_JOBID:-}",
}
"""How a job finds its scheduler's id of it, as PSI/J's own job scripts do; the executors that use launchers."""

LAUNCHERS = frozenset({"single", "multiple", "mpirun", "srun", "aprun", "jrun"})
"""PSI/J's launchers (psij-python 0.9.11) are scripts that source ``pre_launch`` and ``post_launch``, all six."""

# On NFS an exclusive create can fail for the one who has just succeeded, when the server's answer is lost and the
# request repeated: so what is in the claim decides, and `ln` puts it there whole. Where there are no hard links,
# bash's noclobber has to do. A job that its scheduler starts a second time has its own claim already.
_PRE = r"""# Orbit: of the jobs that were submitted with one idempotency key, one runs.
_orbit_claim={folder}/claim
_orbit_host=$(uname -n)
_orbit_mine={folder}/by.$_orbit_host.$$.$RANDOM$RANDOM
printf '%s\n' "{native}" "$_orbit_host" "$$.$RANDOM$RANDOM" > "$_orbit_mine"
if ! ln "$_orbit_mine" "$_orbit_claim" 2>/dev/null && [ ! -e "$_orbit_claim" ]; then
    (set -C; cat "$_orbit_mine" > "$_orbit_claim") 2>/dev/null || :
fi
if [ "$(<"$_orbit_claim")" != "$(<"$_orbit_mine")" ]; then
    IFS= read -r _orbit_winner < "$_orbit_claim" || :
    if [ {local} = 1 ] || [ -z "{native}" ] || [ "$_orbit_winner" != "{native}" ]; then
        rm -f "$_orbit_mine"
        echo "orbit: this job was submitted twice, and ${{_orbit_winner:-nobody}} has it: nothing is run here" >&2
        exit {duplicate}
    fi
fi
rm -f "$_orbit_mine"
"""

# After the user's pre_launch nothing can be relied on: no program, no PATH, no options of the shell.
_POST = r"""# Orbit: how the program ended, also for an endpoint that wasn't there to see it.
builtin printf '%s\n' "${{_PSI_J_FAILED_EC:-${{_PSI_J_EC:-}}}}" >| {folder}/exit || :
"""


@dataclass(frozen=True)
class Holder:
    """The job that has taken a claim; one without a native id is none, and nobody can take it any more."""

    native_id: str
    host: str
    since: float


def can_claim(spec: JobSpec, executor: str) -> bool:
    """Return whether PSI/J sources scripts for such a job: its executors for Flux and RADICAL-Pilot don't."""
    return executor in NATIVE_ID and (spec.launcher is None or spec.launcher in LAUNCHERS)


class Claim:
    """The claim of one job.

    Parameters
    ----------
    folder
        Its own, which the job's node sees as well.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return self._folder.is_dir()

    def scripts(self, spec: JobSpec, executor: str) -> tuple[str, str]:
        """Write what is sourced before and after the program, the user's own included; return where."""
        folder = shlex.quote(str(self._folder))
        pre, post = self.texts(folder, NATIVE_ID[executor], local=executor == "local")
        return self.script("pre.sh", pre, spec.pre_launch), self.script("post.sh", post, spec.post_launch)

    @staticmethod
    def texts(folder: str, native: str, *, local: bool) -> tuple[str, str]:
        """Return what takes a claim, and what writes the exit code down; all for bash, as bash quotes it."""
        pre = _PRE.format(folder=folder, native=native, local=int(local), duplicate=DUPLICATE)
        return pre, _POST.format(folder=folder)

    def holder(self) -> Holder | None:
        """Return which job has taken it; None: none yet."""
        path = self._folder / "claim"
        try:
            native_id, host, _ = path.read_text(errors="replace").split("\n", 2)
            return Holder(native_id, host, path.stat().st_mtime)
        except (OSError, ValueError):
            return None

    def exit_code(self) -> int | None:
        """Return how the program ended; None: it hasn't, or not so that its launcher could tell."""
        try:
            return int((self._folder / "exit").read_text())
        except (OSError, ValueError):
            return None

    @property
    def ended_at(self) -> float:
        """When the exit code was written down, in epoch seconds."""
        return (self._folder / "exit").stat().st_mtime

    def close(self) -> Holder | None:
        """Take it, so that no job can any more; return who has it already."""
        mine = self._folder / f"by.endpoint.{secrets.token_hex(8)}"
        write_whole(mine, f"\n{os.uname().nodename}\nclosed\n".encode())
        try:
            with contextlib.suppress(FileExistsError):
                os.link(mine, self._folder / "claim")
        except OSError:  # no hard links here
            with contextlib.suppress(FileExistsError), (self._folder / "claim").open("xb") as file:
                file.write(mine.read_bytes())
        finally:
            mine.unlink(missing_ok=True)
        holder = self.holder()
        return holder if holder is not None and holder.native_id else None

    def remove(self) -> None:
        """Remove all of it: of a job that has ended, or never came to be."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def script(self, name: str, text: str, users: str | None) -> str:
        """Write a script that goes on with the user's own; return where."""
        # The user's is the last command, as it is PSI/J's: what it returns counts.
        more = "" if users is None else f"source {shlex.quote(users)}\n"
        path = self._folder / name
        write_whole(path, (text + more).encode())
        return str(path)
