"""The claim inside the job, run as PSI/J's own launchers run it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psij
import pytest

from orbit_plugins.psij.claims import DUPLICATE, LAUNCHERS, NATIVE_ID, Claim, can_claim
from orbit_plugins.psij.offers import EXECUTOR_PROGRAMS, LAUNCHER_PROGRAMS, executors
from orbit_plugins.psij.spec import parse_spec

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host, Scheduler

# What a launcher's program does here: leave out its own options, run the rest.
RUNS = 'while [ "${1#-}" != "$1" ]; do shift 2; done; exec "$@"'


class Tries:
    """Runs one job as often as it is asked to, as PSI/J does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Quotes and spaces, as in a home folder; PSI/J's own scripts are elsewhere, since it can't cope with them.
        self.claim = Claim(folder / 'it\'s a "claim" $HOME' / "job-1")
        self.ran, self.said = folder / "ran", folder / "said"

    def command(self, executor: str, **more: Any) -> list[str]:
        spec = parse_spec({"executable": "/bin/sh", "arguments": ["-c", f"echo run >> {self.ran}"], **more})
        pre, post = self.claim.scripts(spec, executor)
        job = psij.Job()
        job._id = "job-1"
        job.spec = psij.JobSpec(
            executable=spec.executable,
            arguments=spec.arguments,
            stdout_path=self.said,
            pre_launch=pre,
            post_launch=post,
            resources=psij.ResourceSpecV1(process_count=1),
        )
        config = psij.JobExecutorConfig(work_directory=self.folder / "work")
        launcher = psij.Launcher.get_instance(spec.launcher or "single", config=config)
        return list(launcher.get_launch_command(job))

    def run(self, executor: str = "local", env: dict[str, str] | None = None, **more: Any) -> tuple[int, str]:
        """Run it once; return the exit code and what the launcher printed."""
        done = subprocess.run(
            self.command(executor, **more),
            env={**os.environ, **(env or {})},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout

    @property
    def runs(self) -> int:
        return len(self.ran.read_text().splitlines()) if self.ran.exists() else 0

    def script(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)


@pytest.fixture
def tries(tmp_path: Path) -> Tries:
    return Tries(tmp_path)


def test_what_can_claim_is_what_psij_starts_by_script() -> None:
    assert set(NATIVE_ID) == set(EXECUTOR_PROGRAMS)
    assert set(NATIVE_ID) <= {offer.name for offer in executors()}
    assert psij.Launcher.get_launcher_names() == LAUNCHERS
    spec = parse_spec({"executable": "x"})
    assert not can_claim(spec, "flux")
    assert not can_claim(spec, "rp")
    assert not can_claim(parse_spec({"executable": "x", "launcher": "another"}), "local")


@pytest.mark.parametrize("launcher", [None, *sorted(LAUNCHERS)])
def test_second_job_ends_at_once_whatever_launches_it(
    launcher: str | None, tries: Tries, program: Callable[[str, str], Path]
) -> None:
    for name in LAUNCHER_PROGRAMS.get(launcher or "", ()):
        program(name, RUNS)
    said, pre = tries.folder / "pre ran", tries.script("the pre's.sh", "echo x >> 'pre ran'\n")
    code, printed = tries.run(launcher=launcher, pre_launch=pre)
    assert (code, tries.runs, tries.claim.exit_code()) == (0, 1, 0), printed
    code, printed = tries.run(launcher=launcher, pre_launch=pre)
    holder = tries.claim.holder()
    assert holder is not None
    assert (code, tries.runs, said.read_text()) == (DUPLICATE, 1, "x\n")
    assert f"orbit: this job was submitted twice, and {holder.native_id} has it" in printed
    # PSI/J takes this for a failure of the launcher, and shows what it printed.
    assert "_PSI_J_LAUNCHER_DONE" not in printed
    assert tries.claim.exit_code() == 0


def test_of_many_at_once_one_runs(tries: Tries) -> None:
    started = [subprocess.Popen(tries.command("local"), stdout=-1, stderr=-2, text=True) for _ in range(12)]
    ends = [(process.communicate(timeout=60)[0], process.returncode, process.pid) for process in started]
    holder = tries.claim.holder()
    assert holder is not None
    assert [str(pid) for _, code, pid in ends if code == 0] == [holder.native_id]
    assert [code for _, code, _ in ends if code != 0] == [DUPLICATE] * 11
    assert (tries.runs, holder.host) == (1, os.uname().nodename)
    assert not list((tries.folder).rglob("by.*"))


def test_without_hard_links_one_runs(tries: Tries, program: Callable[[str, str], Path]) -> None:
    program("ln", "exit 1")
    assert [tries.run()[0] for _ in range(3)] == [0, DUPLICATE, DUPLICATE]
    assert tries.runs == 1


def test_claim_that_was_made_although_the_server_said_no_is_one(
    tries: Tries, program: Callable[[str, str], Path]
) -> None:
    # What NFS makes of a reply that was lost.
    program("ln", '/bin/ln "$@"; exit 1')
    assert [tries.run()[0] for _ in range(2)] == [0, DUPLICATE]
    assert tries.runs == 1


def test_job_that_cannot_claim_does_not_run(tries: Tries) -> None:
    command = tries.command("local")
    tries.claim.remove()
    assert subprocess.run(command, stdout=-1, stderr=-2, timeout=60, check=False).returncode != 0
    assert tries.runs == 0


PRE = """
export FROM_PRE="of pre"
mkdir -p elsewhere; cd elsewhere
set -u -o noclobber; set +e; set -f
PATH=/nowhere
printf() { :; }
false
return 0
"""


def test_users_own_scripts_are_sourced_as_psij_does(tries: Tries) -> None:
    pre = tries.script("my 'pre' $x.sh", PRE)
    post = tries.script('my "post".sh', 'echo "$FROM_PRE, $PWD, $_PSI_J_EC" >| ../seen\n')
    code, printed = tries.run(
        arguments=["-c", f"echo run >> {tries.ran}; echo $FROM_PRE $PWD; exit 7"], pre_launch=pre, post_launch=post
    )
    assert (code, tries.runs, tries.claim.exit_code()) == (7, 1, 7), printed
    assert tries.said.read_text() == f"of pre {tries.folder}/elsewhere\n"
    assert (tries.folder / "seen").read_text() == f"of pre, {tries.folder}/elsewhere, 7\n"


@pytest.mark.parametrize(("text", "code"), [("exit 3", 3), ("false", 1), ("set -e; ls /nowhere 2>&1; :", 2)])
def test_pre_launch_that_fails_ends_the_job_and_keeps_the_claim(text: str, code: int, tries: Tries) -> None:
    pre = tries.script("pre.sh", f"{text}\n")
    assert tries.run(pre_launch=pre)[0] == code
    assert tries.run(pre_launch=pre)[0] == DUPLICATE
    assert (tries.runs, tries.claim.exit_code()) == (0, None)


def test_exit_code_is_written_down_before_the_users_post_launch(tries: Tries) -> None:
    post = tries.script("post.sh", "exit 9\n")
    assert tries.run(post_launch=post)[0] == 9
    assert tries.claim.exit_code() == 0


def test_exit_code_of_several_processes_is_the_launchers(tries: Tries) -> None:
    script = '[ "$_PSI_J_PROCESS_INDEX_" != 1 ] || exit 5'
    assert tries.run(launcher="multiple", arguments=["-c", script])[0] == 5
    assert tries.claim.exit_code() == 5


@pytest.mark.parametrize(
    ("executor", "variable"), [("slurm", "SLURM_JOB_ID"), ("pbs", "PBS_JOBID"), ("lsf", "LSB_JOBID")]
)
def test_job_that_its_scheduler_starts_again_may_run_again(executor: str, variable: str, tries: Tries) -> None:
    assert [tries.run(executor, {variable: number})[0] for number in ("4711", "4712", "4711")] == [0, DUPLICATE, 0]
    holder = tries.claim.holder()
    assert holder is not None
    assert (holder.native_id, tries.runs) == ("4711", 2)


def test_local_job_inside_an_allocation_is_known_by_its_process(tries: Tries) -> None:
    inside = {"SLURM_JOB_ID": "4711"}
    assert [tries.run("local", inside)[0] for _ in range(2)] == [0, DUPLICATE]


@pytest.mark.parametrize("variable", [{}, {"SLURM_JOB_ID": "4711"}])
def test_closed_claim_lets_no_job_start(variable: dict[str, str], tries: Tries) -> None:
    tries.command("slurm")
    assert tries.claim.close() is None
    assert tries.claim.close() is None
    assert tries.run("slurm", variable)[0] == DUPLICATE
    assert tries.runs == 0


def test_claim_that_is_taken_cannot_be_closed(tries: Tries) -> None:
    assert tries.run("slurm", {"SLURM_JOB_ID": "4711"})[0] == 0
    holder = tries.claim.close()
    assert holder is not None
    assert holder.native_id == "4711"


@pytest.mark.asyncio
async def test_schedulers_job_script_has_the_claim_with_a_key_and_without(host: Host, slurm: Scheduler) -> None:
    spec = {"executable": "/bin/true"}
    assert host.plugin.folder is not None
    for key in ("", "k"):
        job_id = await host.submit(spec, executor="slurm", key=key)
        folder = host.plugin.folder / "claims" / job_id
        assert f"{folder}/pre.sh {folder}/post.sh" in slurm.script


@pytest.mark.asyncio
async def test_claim_of_a_job_without_a_key_goes_with_its_end(host: Host) -> None:
    assert host.plugin.folder is not None
    spec = {"executable": "/bin/true"}
    kept, gone = await host.submit(spec, key="k"), await host.submit(spec)
    for job_id in (kept, gone):
        await host.ended(job_id)
    # The event comes just before.
    for _ in range(500):
        if [path.name for path in (host.plugin.folder / "claims").iterdir()] == [kept]:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError(list((host.plugin.folder / "claims").iterdir()))
