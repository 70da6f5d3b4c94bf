from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orbit_jupyter.plugin import SessionExpiredError, SessionTable
from orbit_plugins.psij.jobs import JobRecord, StateChange
from orbit_plugins.psij.keeping import STALE, Keeper, keep_files
from orbit_plugins.psij.service import JobService
from orbit_plugins.psij.spec import parse_spec

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host


def record(job_id: str, native_id: str | None = None, executor: str = "slurm") -> JobRecord:
    spec = parse_spec({"executable": "x"})
    history = [StateChange("NEW", 0.0)]
    return JobRecord(job_id, executor, "s", spec, Path("o"), Path("e"), history, native_id=native_id)


def put(path: Path, *, old: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    if old:
        long_ago = path.stat().st_mtime - STALE - 60
        os.utime(path, (long_ago, long_ago))
    return path


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path / "output", tmp_path / "work", tmp_path / "claims")


def nobody(job_id: str) -> bool:
    return False


def test_what_is_old_and_unknown_goes_and_nothing_else(keeper: Keeper, tmp_path: Path) -> None:
    output, work = tmp_path / "output", tmp_path / "work"
    gone = [
        *(put(output / f"old{suffix}") for suffix in (".out", ".err")),
        *(put(work / "slurm" / name) for name in ("old.job", "4711.ec", "4711.out", "4711.nodefile")),
    ]
    kept = [
        put(output / "new.out", old=False),
        put(output / "known.out"),
        put(output / "mine.txt"),
        put(work / "slurm" / "new.job", old=False),
        put(work / "slurm" / "notes.txt"),
        put(work / "0af3" / "single_launch.sh"),
        put(work / "0af3" / "strange.out"),
        put(work / "mine.out"),
        put(tmp_path / "mine.out"),
        put(output / "folder.out" / "file.out"),
    ]
    target = put(tmp_path / "elsewhere" / "result.out")
    (output / "link.out").symlink_to(target)
    assert keeper.sweep(lambda job_id: job_id == "known") == len(gone)
    assert [path for path in gone if path.exists()] == []
    assert [path for path in [*kept, target, output / "link.out"] if not path.exists()] == []


def test_sweep_of_folders_that_are_not_there_does_nothing(keeper: Keeper) -> None:
    assert keeper.sweep(nobody) == 0


def test_sweep_leaves_the_rest_when_the_endpoint_ends(keeper: Keeper, tmp_path: Path) -> None:
    for number in range(5):
        put(tmp_path / "output" / f"{number}.out")
    looks = iter([False, False, True])
    assert keeper.sweep(nobody, lambda: next(looks)) == 2
    assert len(list((tmp_path / "output").iterdir())) == 3


def test_files_go_with_their_job_s_record(keeper: Keeper, tmp_path: Path) -> None:
    output, work = tmp_path / "output", tmp_path / "work" / "slurm"
    gone = [put(output / "j.out"), put(output / "j.err"), put(work / "j.job"), put(work / "4711.ec")]
    kept = [put(output / "k.out"), put(work / "k.job"), put(work / "4712.ec"), put(tmp_path / "mine.out")]
    keeper.forget(record("j", "4711"))
    assert [path for path in gone if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_id_of_a_scheduler_s_never_leads_out_of_the_folder(keeper: Keeper, tmp_path: Path) -> None:
    outside = put(tmp_path / "mine.out")
    (tmp_path / "work" / "slurm").mkdir(parents=True)
    keeper.forget(record("j", "../../mine"))
    assert outside.exists()


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "TRUE", " on "])
def test_variable_keeps_everything(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_PSIJ_KEEP_FILES", value)
    keeper = Keeper(tmp_path / "output", tmp_path / "work", tmp_path / "claims", keep=keep_files())
    old = put(tmp_path / "output" / "j.out")
    assert keeper.sweep(nobody) == 0
    keeper.forget(record("j"))
    assert old.exists()


@pytest.mark.parametrize("value", [None, "", "0", "no", "off", "false"])
def test_other_values_keep_nothing(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is not None:
        monkeypatch.setenv("RADICAL_ORBIT_PSIJ_KEEP_FILES", value)
    assert not keep_files()


def test_service_sweeps_when_it_begins(tmp_path: Path) -> None:
    old, new = put(tmp_path / "output" / "a.out"), put(tmp_path / "output" / "b.out", old=False)
    service = JobService(tmp_path, lambda event, session: None)
    service.begin()
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.asyncio
async def test_output_is_kept_as_long_as_its_job_is_known(host: Host, tmp_path: Path) -> None:
    host.plugin.service.jobs.ended_kept = 1
    mine = tmp_path / "mine.out"
    first = await host.shell("echo one; echo oops >&2", stdout_path=str(mine))
    await host.ended(first)
    assert (await host.status(first))["stderr"] == "oops\n"
    second = await host.shell("echo two")
    await host.ended(second)
    assert (await host.status(second))["stdout"] == "two\n"
    assert host.plugin.folder is not None
    assert sorted(path.name for path in (host.plugin.folder / "output").iterdir()) == [
        f"{second}.err",
        f"{second}.out",
    ]
    assert mine.read_text() == "one\n"


@pytest.mark.asyncio
async def test_nothing_goes_where_files_are_to_be_kept(keeping: Host) -> None:
    keeping.plugin.service.jobs.ended_kept = 1
    for word in ("one", "two"):
        await keeping.ended(await keeping.shell(f"echo {word}"))
    assert keeping.plugin.folder is not None
    assert len(list((keeping.plugin.folder / "output").glob("*.out"))) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("key", ["", "k"])
async def test_expiry_of_an_idle_session_leaves_its_running_job_and_its_output(
    host: Host, fifo: Path, key: str
) -> None:
    now = [0.0]
    host.plugin._sessions = SessionTable(10, clock=lambda: now[0])
    first = host.sid = await host.new_session()
    script = f"echo begun; cat {fifo}; echo ended"
    job_id = await host.submit({"executable": "/bin/sh", "arguments": ["-c", script]}, key=key)
    now[0] = 11.0
    await host.plugin.sweep()
    host.plugin.service.begin()  # what an endpoint removes, it removes now
    with pytest.raises(SessionExpiredError):
        await host.status(job_id)
    host.sid = await host.new_session()
    assert host.sid != first
    await asyncio.to_thread(fifo.write_text, "in between\n")
    assert (await host.ended(job_id))["state"] == "COMPLETED"
    assert (await host.status(job_id))["stdout"] == "begun\nin between\nended\n"


def test_claims_are_kept_as_long_as_their_jobs_may_need_them(keeper: Keeper, tmp_path: Path) -> None:
    def claim(name: str, days: float, *, ended: bool) -> Path:
        folder = put(tmp_path / "claims" / name / "pre.sh").parent
        if ended:
            (folder / "exit").write_text("0\n")
        long_ago = time.time() - days * 86400
        os.utime(folder, (long_ago, long_ago))
        return folder

    gone = [claim("ended-old", 31, ended=True), claim("waits-for-ever", 367, ended=False)]
    kept = [claim("ended", 29, ended=True), claim("waits", 300, ended=False), claim("known", 400, ended=True)]
    assert keeper.sweep(lambda job_id: job_id == "known") == 2
    assert [path for path in gone if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


@pytest.mark.asyncio
async def test_claim_goes_with_its_jobs_record(host: Host) -> None:
    host.plugin.service.jobs.ended_kept = 1
    for key in ("one", "two"):
        last = await host.submit({"executable": "/bin/true"}, key=key)
        await host.ended(last)
    assert host.plugin.folder is not None
    assert [path.name for path in (host.plugin.folder / "claims").iterdir()] == [last]
