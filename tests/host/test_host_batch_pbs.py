"""PBS: recorded answers of a real OpenPBS 23.06, and a PBS made of programs that answers like it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pbs.stage import FakePBS, fake_pbs
from replay import RECORDED, Replay, recording

from orbit_jupyter.host.batch import BatchJob, Ended, system, system_of
from orbit_jupyter.host.batch.pbs import PBSSystem
from orbit_jupyter.host.batch.pbs.answers import branch, from_json, from_text
from orbit_jupyter.host.batch.pbs.queues import parse_hosts, parse_queues
from orbit_jupyter.host.batch.pbs.sbank import parse_allocations
from orbit_jupyter.host.batch.pbs.values import exit_code, hosts, mebibytes, moment, seconds
from orbit_jupyter.protocol import ForbiddenError, PluginError, ResourceNotFoundError

SBANK = """\
 Allocation  Suballocation  Start       End         Resource  Project  Jobs   Charged  Available Balance
 ----------  -------------  ----------  ----------  --------  -------  -----  -------  -----------------
 2           2              2023-10-01  2024-01-01  polaris   support  1,961  1,456.5            8,621.5
 116         117            2023-10-01  2024-01-01  polaris   climate      3      7.0             -496.9

Totals:
  Rows: 2
"""
"""Written after the examples of the facility's user guide."""


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Return programs that print what a real server's printed."""
    programs = Replay(tmp_path)
    programs.answer("qstat", "pbs/qstat-Qf-json", "-Q", "json")
    programs.answer("qstat", "pbs/qstat-Bf-json", "-B", "json")
    programs.answer("qstat", "pbs/qstat-f-json-all", "-f", "json")
    programs.answer("pbsnodes", "pbs/pbsnodes-a-json", "-a", "json")
    return programs


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[FakePBS]:
    """Run a PBS made of programs."""
    with fake_pbs(tmp_path / "pbs", hosts=("pbshost", "n2")) as server:
        yield server


def of(programs: Replay | FakePBS, **environ: str) -> PBSSystem:
    """Return the batch system over programs."""
    found = system_of("pbs", {**os.environ, **programs.environ, **environ})
    assert isinstance(found, PBSSystem)
    return found


def local(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


def by_id(jobs: list[BatchJob]) -> dict[str, BatchJob]:
    return {job.job_id: job for job in jobs}


# -- recorded


def test_recorded_jobs_are_read(replay: Replay) -> None:
    jobs = by_id(of(replay).jobs())
    assert list(jobs) == [f"{number}.pbshost" for number in (1, 3, 4, 5)] + ["6[].pbshost", "7.pbshost"]
    runs = jobs["1.pbshost"]
    assert (runs.state, runs.native_state, runs.name, runs.user, runs.queue) == (
        "ACTIVE",
        "R",
        "ok",
        "orbit",
        "workq",
    )
    assert (runs.account, runs.nodes, runs.cpus, runs.time_limit, runs.time_used) == ("projA", 1, 1, 300, 0)
    assert runs.submit_time == runs.start_time == local("2026-11-22 00:15:19")
    assert (runs.node_list, runs.end_time, runs.exit_code) == ("pbshost", None, None)
    held, waits = jobs["3.pbshost"], jobs["4.pbshost"]
    assert (held.state, held.reason, held.account, held.start_time) == ("HELD", "held by user", None, None)
    assert (waits.state, waits.cpus) == ("QUEUED", 100)
    assert waits.reason == "Can Never Run: Insufficient amount of resource: ncpus (R: 100 A: 8 T: 8)"
    assert jobs["6[].pbshost"].state == "ACTIVE"
    assert len(of(replay).jobs("orbit")) == 6
    assert of(replay).jobs("ann") == []


def test_recorded_array_is_its_tasks(tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    replay.answer("qstat", "pbs/qstat-array-json")
    jobs = of(replay).jobs()
    assert [(job.job_id, job.array_id) for job in jobs] == [(f"6[{n}].pbshost", "6[].pbshost") for n in (1, 2, 3)]


def test_recorded_queues_are_read(replay: Replay) -> None:
    queues = of(replay).queues()
    assert [queue.name for queue in queues] == ["batch", "gpu", "workq"]
    batch, gpu, workq = queues
    assert (workq.is_default, workq.time_limit, workq.state) == (True, 1800, "UP")
    assert (batch.is_default, batch.time_limit) == (False, 86400)
    assert (gpu.users, gpu.time_limit) == (("alice",), None)
    assert (batch.nodes_total, batch.nodes_available, batch.nodes_idle) == (1, 1, 0)
    assert (batch.cpus_per_node, batch.mem_per_node_mb, batch.gpus_per_node) == (8, 24105, 0)


@pytest.mark.parametrize(
    ("said", "users"),
    [
        ("ann,ben@login1", ("ann", "ben")),
        ("+ann@*, -ben@*", ("ann",)),
        ("-ben@*,+@*", ()),
        ("*", ()),
        ("", ()),
    ],
)
def test_users_that_a_queue_is_for_are_read_as_pbs_writes_them(said: str, users: tuple[str, ...]) -> None:
    queue: dict[str, Any] = {"acl_user_enable": "True", "acl_users": said, "acl_groups": "staff"}
    (read,) = parse_queues({"q": queue}, [], None)
    assert (read.users, read.groups) == (users, ())


def test_recorded_text_says_the_same_as_the_json() -> None:
    text = from_text(recording("pbs/qstat-f-text")["stdout"])["1.pbshost"]
    tree = branch(from_json(recording("pbs/qstat-unknown-mixed")["stdout"]), "Jobs")["1.pbshost"]
    assert text.keys() == tree.keys()
    for name in tree.keys() - {"Variable_List"}:  # its values in the recording were shortened by hand
        assert text[name] == (
            {key: str(value) for key, value in tree[name].items()}
            if isinstance(tree[name], dict)
            else str(tree[name])
        )
    queues = from_text(recording("pbs/qstat-Qf")["stdout"])
    assert queues["workq"]["resources_max"] == {"walltime": "00:30:00"}


def test_recorded_end_of_a_job_is_read(tmp_path: Path) -> None:
    record = branch(from_json(recording("pbs/qstat-f-json-x-final")["stdout"]), "Jobs")["1.pbshost"]
    replayed = "\n".join(_as_text("1.pbshost", record))
    ended = history(tmp_path, replayed, "1.pbshost", "1")
    for job in (ended["1.pbshost"], ended["1"]):
        assert (job.state, job.native_state, job.exit_code) == ("COMPLETED", "F", 0)
        assert (job.elapsed, job.cpu_seconds, job.nodes, job.cpus) == (8, 0, 1, 1)
        assert job.max_memory_mb == pytest.approx(6236 / 1024)
        assert job.end_time == local("2026-11-22 00:15:28")


def _as_text(job_id: str, record: dict[str, Any]) -> list[str]:
    lines = [f"Job Id: {job_id}"]
    for name, value in record.items():
        if isinstance(value, dict) and name != "Variable_List":
            lines += [f"    {name}.{key} = {item}" for key, item in value.items()]
        elif not isinstance(value, dict):
            lines.append(f"    {name} = {value}")
    return [*lines, "", ""]


def history(tmp_path: Path, text: str, *job_ids: str) -> dict[str, Ended]:
    replay = Replay(tmp_path)
    replay.say("qstat", {"stdout": text}, "-x", "-f")
    return of(replay).ended(job_ids)


@pytest.mark.parametrize(
    ("lines", "state", "code"),
    [
        (["Exit_status = 0", "substate = 92"], "COMPLETED", 0),
        (["Exit_status = 7", "substate = 93"], "FAILED", 7),
        (["Exit_status = 265", "substate = 93"], "FAILED", 137),
        (["Exit_status = 271", "substate = 91"], "CANCELED", 143),
        (["Exit_status = -29", "substate = 93"], "FAILED", None),
        (["substate = 91"], "CANCELED", None),
    ],
)
def test_end_of_a_job_by_its_exit_status(tmp_path: Path, lines: list[str], state: str, code: int | None) -> None:
    text = "\n".join(["Job Id: 5.s", "    job_state = F", *(f"    {line}" for line in lines), "", ""])
    ended = history(tmp_path, text, "5.s")["5.s"]
    assert (ended.state, ended.exit_code) == (state, code)


@pytest.mark.parametrize(("line", "state"), [("", "QUEUED"), ("    exec_host = n/0\n", "ACTIVE")])
def test_state_of_a_later_release_is_never_an_end(tmp_path: Path, line: str, state: str) -> None:
    assert history(tmp_path, f"Job Id: 5.s\n    job_state = Z\n{line}", "5.s")["5.s"].state == state


# -- JSON that is none


@pytest.mark.parametrize(
    ("broken", "value"),
    [
        (r'"MYVAR":	"it\'s"', "it's"),
        (r'"MYVAR":	"a\,b"', "a,b"),
        ('"MYVAR":	"say "no" twice"', 'say "no" twice'),
        ('"MYVAR":	005', "005"),
        ('"MYVAR":	"a\tb\x01"', "a\tb\x01"),
        ('"MYVAR":	', ""),
    ],
)
def test_json_that_is_invalid_is_read_line_by_line(broken: str, value: str) -> None:
    """Source: openpbs issues 1255 and 2541, pull requests 830 and 2049."""
    said = recording("pbs/qstat-f-json-all")["stdout"].replace('"PBS_O_LANG":\t"C.UTF-8"', broken, 1)
    with pytest.raises(ValueError, match=r"."):
        json.loads(said)
    jobs = branch(from_json(said), "Jobs")
    assert jobs["1.pbshost"]["Variable_List"]["MYVAR"] == value
    assert jobs["1.pbshost"]["comment"].startswith("Job run at")
    whole = branch(from_json(recording("pbs/qstat-f-json-all")["stdout"]), "Jobs")
    for record in (jobs["1.pbshost"], whole["1.pbshost"]):
        del record["Variable_List"]
    assert jobs == whole


def test_json_that_repeats_its_head_before_each_job_is_read() -> None:
    """Source: openpbs pull request 585."""
    said = recording("pbs/qstat-f-json-all")["stdout"]
    head, *jobs = re.split(r'(?m)^(?=\t\t"\d)', said)
    broken = head + '\t"Jobs":\t{\n'.join(jobs)
    assert branch(from_json(broken), "Jobs") == branch(from_json(said), "Jobs")


def test_answer_that_is_no_json_at_all_is_an_error() -> None:
    for said in ("", "[]", "<html>", "{}", "null", '{"timestamp":1,"Jobs":[]}', '{"timestamp":1,"Jobs":{"5":1}}'):
        with pytest.raises(ValueError, match=r"."):
            branch(from_json(said), "Jobs")


def test_nodes_of_a_queue_are_those_that_it_may_use() -> None:
    nodes = {
        "a": {"state": "free", "resources_available": {"ncpus": 4, "mem": "1gb", "Qlist": "fast,slow"}},
        "b": {"state": "free,resv-exclusive", "resources_available": {"ncpus": 4, "mem": "1gb", "Qlist": "slow"}},
        "c": {"state": "free", "queue": "own", "resources_available": {"ncpus": 8, "ngpus": 4, "mem": "1gb"}},
        "d": {"state": "offline,down", "resources_available": {"ncpus": 4, "mem": "1gb", "Qlist": "fast"}},
        "e[0]": {"state": "free", "resources_available": {"host": "e", "ncpus": 2, "mem": "1gb"}},
        "e[1]": {"state": "free", "jobs": ["1.s"], "resources_available": {"host": "e", "ncpus": 2, "mem": "1gb"}},
    }
    queues: dict[str, Any] = {
        "fast": {"enabled": "True", "started": "True", "default_chunk": {"Qlist": "fast", "ncpus": 1}},
        "own": {"enabled": "True", "started": "False", "max_run": "[u:PBS_GENERIC=3]"},
        "all": {"enabled": "True", "started": "True", "resources_min": {"walltime": "00:05:00", "nodect": 2}},
    }
    everything, fast, own = parse_queues(queues, parse_hosts(nodes), "fast")
    assert (fast.nodes_total, fast.nodes_available, fast.nodes_idle, fast.is_default) == (2, 1, 1, True)
    assert (own.nodes_total, own.gpus_per_node, own.state, own.max_jobs_per_user) == (1, 4, "DOWN", 3)
    # a, b, d and the two halves of e
    assert (everything.nodes_total, everything.nodes_available, everything.nodes_idle) == (4, 3, 1)
    assert (everything.walltime_min, everything.nodes_min, everything.cpus_per_node) == (300, 2, 4)


# -- a server that is made of programs


@pytest.mark.parametrize(
    "name",
    sorted(
        path.stem
        for path in (RECORDED / "pbs").glob("qsub-*.json")
        if path.stem.removeprefix("qsub-") not in {"ok", "root", "signal", "walltime", "array", "fail", "todelete"}
    ),
)
def test_made_server_refuses_as_the_real_one_did(pbs: FakePBS, name: str) -> None:
    recorded = recording(f"pbs/{name}")
    words = recorded["cmd"].split()
    answer = pbs.run(*words, stdin=recorded["stdin"] or "")
    expected = re.sub(r"^\d+", "0", recorded["stdout"])
    assert (answer.returncode, answer.stdout, answer.stderr) == (recorded["rc"], expected, recorded["stderr"])


@pytest.mark.parametrize(
    "name", ["qdel-unknown", "qstat-unknown", "qstat-unknown-mixed", "down-qstat", "down-qsub"]
)
def test_made_server_says_what_the_real_one_said(pbs: FakePBS, name: str) -> None:
    recorded = recording(f"pbs/{name}")
    for _ in range(2):
        pbs.submit("sleep 60\n")
    pbs.down(name.startswith("down"))
    answer = pbs.run(*recorded["cmd"].split())
    assert (answer.returncode, answer.stderr) == (recorded["rc"], recorded["stderr"])
    said, real = (json.loads(text) if text else {} for text in (answer.stdout, recorded["stdout"]))
    assert said.keys() == real.keys()
    assert said.get("Jobs", {}).keys() == real.get("Jobs", {}).keys()


def test_made_server_has_the_attributes_of_the_real_one(pbs: FakePBS) -> None:
    job_id = pbs.submit("sleep 60\n", "-A", "projA", "-l", "select=1:ncpus=1:mem=100mb", "-l", "walltime=00:05:00")
    pbs.wait_state(job_id, "R")
    until = time.monotonic() + 30
    while "resources_used" not in pbs.record(job_id):
        assert time.monotonic() < until
        time.sleep(0.05)
    ours = json.loads(pbs.run("qstat", "-f", "-F", "json").stdout)["Jobs"][job_id]
    real = json.loads(recording("pbs/qstat-f-json-all")["stdout"])["Jobs"]["1.pbshost"]
    absent = {"Checkpoint", "Keep_Files", "Mail_Points", "mtime", "Rerunable", "jobdir"}
    assert real.keys() - ours.keys() <= absent
    assert {type(ours[key]) is type(real[key]) for key in ours} == {True}
    text = from_text(pbs.run("qstat", "-f", job_id).stdout)[job_id]
    assert text["exec_vnode"] == ours["exec_vnode"]
    assert text["Submit_arguments"] == ours["Submit_arguments"]


def test_life_of_jobs(pbs: FakePBS) -> None:
    pbs_ = of(pbs)
    fails, long = pbs.submit("exit 3\n", "-N", "a, b"), pbs.submit("sleep 600\n", "-q", "batch", "-A", "proj")
    over = pbs.submit("sleep 600\n", "-l", "walltime=00:00:01")
    killed, wide = pbs.submit("kill -9 $$\n"), pbs.submit("true\n", "-l", "select=3:ncpus=8")
    array = pbs.submit("exit $PBS_ARRAY_INDEX\n", "-J", "0-1")
    held = pbs.submit("true\n", "-h")
    pbs.wait_state(long, "R")
    jobs = by_id(pbs_.jobs())
    assert (jobs[long].state, jobs[long].account, jobs[long].node_list) == ("ACTIVE", "proj", "pbshost")
    assert (jobs[held].state, jobs[held].reason) == ("HELD", "held by user")
    assert jobs[wide].state == "QUEUED"
    assert str(jobs[wide].reason).startswith("Can Never Run: Insufficient amount of resource: ncpus (R: 24 ")
    pbs_.release(held)
    pbs_.cancel(long)
    pbs_.hold(wide)
    for job_id in (fails, long, over, killed, held, array):
        pbs.wait_state(job_id, "F")
    assert by_id(pbs_.jobs())[wide].state == "HELD"
    ended = pbs_.ended([fails, long, over, killed, held, array, wide, array.replace("[]", "[1]"), "999.pbshost"])
    assert {job_id: (job.state, job.exit_code) for job_id, job in ended.items()} == {
        fails: ("FAILED", 3),
        long: ("CANCELED", 143),
        over: ("FAILED", None),
        killed: ("FAILED", 137),
        held: ("COMPLETED", 0),
        array: ("FAILED", 1),
        array.replace("[]", "[1]"): ("FAILED", 1),
        wide: ("HELD", None),
    }
    assert "exceeded resource walltime" in str(ended[over].reason)


def test_ids_without_the_servers_name_will_do(pbs: FakePBS) -> None:
    job_id = pbs.submit("true\n")
    pbs.wait_state(job_id, "F")
    short = job_id.partition(".")[0]
    assert of(pbs).ended([short])[short].state == "COMPLETED"


def test_history_that_leaves_jobs_out_is_asked_for_them_one_by_one(pbs: FakePBS, tmp_path: Path) -> None:
    job_ids = [pbs.submit("true\n") for _ in range(3)]
    for job_id in job_ids:
        pbs.wait_state(job_id, "F")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "qstat"
    program.write_text(f'#!/bin/sh\nexec {pbs.bin}/qstat "$1" "$2" "$3"\n')  # one job, whatever is asked
    program.chmod(0o755)
    found = of(pbs, PATH=f"{program.parent}{os.pathsep}{os.environ['PATH']}").ended(job_ids)
    assert set(found) == set(job_ids)


def test_queues_of_the_made_server(pbs: FakePBS) -> None:
    pbs.wait_state(pbs.submit("sleep 600\n"), "R")
    queue = next(queue for queue in of(pbs).queues() if queue.is_default)
    assert (queue.name, queue.nodes_total, queue.nodes_idle, queue.time_limit) == ("workq", 2, 1, 1800)


def test_release_without_json_is_read_as_text(pbs: FakePBS) -> None:
    job_id = pbs.submit("sleep 600\n", "-N", "sim")
    pbs.wait_state(job_id, "R")
    with_json = by_id(of(pbs).jobs())[job_id]
    pbs.without_json()
    without = by_id(of(pbs).jobs())[job_id]
    assert (without.name, without.state, without.node_list) == (with_json.name, "ACTIVE", with_json.node_list)
    assert without.submit_time == with_json.submit_time


def test_job_knows_its_allocation(pbs: FakePBS, tmp_path: Path) -> None:
    script = f"env > {tmp_path}/env; sleep 600\n"
    job_id = pbs.submit(script, "-N", "ep", "-l", "select=2:ncpus=8", "-l", "walltime=00:10:00", "-A", "proj")
    pbs.wait_state(job_id, "R")
    until = time.monotonic() + 30
    while "PBS_NODEFILE" not in (path.read_text() if (path := tmp_path / "env").exists() else ""):
        assert time.monotonic() < until
        time.sleep(0.05)
    environ = dict(line.split("=", 1) for line in path.read_text().splitlines() if line.startswith("PBS_"))
    found = of(pbs, **environ)
    own = found.own_allocation()
    assert own is not None
    assert (own.job_id, own.partition, own.n_nodes, own.nodelist) == (job_id, "workq", 2, "pbshost,n2")
    assert (own.cpus_per_node, own.runtime, own.account, own.job_name) == (8, 600, "proj", "ep")
    assert own.end_time is not None
    assert found.nodelist() == ["pbshost", "n2"]
    batch = system({**os.environ, **pbs.environ})
    assert batch is not None
    assert (batch.name, batch.own_allocation(), batch.nodelist()) == ("pbs", None, [])


def test_change_of_a_job_that_is_not_there_is_not_found(pbs: FakePBS) -> None:
    job_id = pbs.submit("true\n")
    pbs.wait_state(job_id, "F")
    found = of(pbs)
    for change in (found.cancel, found.hold, found.release):
        with pytest.raises(ResourceNotFoundError, match="PBS has no job 999"):
            change("999")
        with pytest.raises(ResourceNotFoundError, match="has ended already"):
            change(job_id)
        with pytest.raises(ResourceNotFoundError, match="is no id of a PBS job"):
            change("-x")


def test_change_of_another_users_job_is_refused(tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    replay.say("qdel", {"rc": 159, "stderr": "qdel: Unauthorized Request 5.pbshost\n"})
    with pytest.raises(ForbiddenError, match="another user's"):
        of(replay).cancel("5")


def test_all_questions_to_a_server_that_is_down_are_transient(pbs: FakePBS) -> None:
    found = of(pbs, PBS_JOBID="1.pbshost")
    pbs.down()
    for ask in (
        found.queues,
        found.jobs,
        found.expected_starts,
        found.own_allocation,
        lambda: found.ended(["1"]),
        lambda: found.cancel("1"),
    ):
        with pytest.raises(PluginError, match="can't reach it: Connection refused") as failed:
            ask()
        assert (failed.value.status, failed.value.transient) == (503, True)
    pbs.well()
    assert found.jobs() == []


def test_server_that_hangs_has_a_deadline(pbs: FakePBS) -> None:
    pbs.hang("qstat")
    with pytest.raises(PluginError, match="no answer within 1 s") as failed:
        of(pbs, RADICAL_ORBIT_BATCH_TIMEOUT="1").jobs()
    assert (failed.value.status, failed.value.transient) == (503, True)


@pytest.mark.parametrize("said", ["", "<html>\n", "\x00\xff\xfe", "{", '{"Jobs": 7}'])
def test_garbage_is_an_error(pbs: FakePBS, said: str) -> None:
    pbs.say("qstat", said)
    for ask in (of(pbs).jobs, of(pbs).queues):
        with pytest.raises(PluginError, match="what qstat printed can't be read") as failed:
            ask()
        assert (failed.value.status, failed.value.transient) == (500, False)


def test_array_of_a_thousand_tasks_is_listed_in_time(pbs: FakePBS) -> None:
    pbs.submit("true\n", "-h", "-J", "1-1000")
    found = of(pbs)
    began = time.process_time()
    assert len(found.jobs()) == 1000
    assert time.process_time() - began < 1  # without the program's own time: the machine may be loaded


# -- allocations


def test_allocations_are_those_of_sbank(tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    assert of(replay).accounts("ann") == []
    replay.say("sbank-list-allocations", {"stdout": SBANK})
    support, climate = of(replay).accounts("ann")
    assert (support.account, support.user, support.used_node_hours) == ("support", "ann", 1456.5)
    assert (support.remaining_node_hours, support.allocated_node_hours) == (8621.5, 10078.0)
    assert support.extra == {
        "allocation_id": "2",
        "suballocation_id": "2",
        "start_date": "2023-10-01",
        "end_date": "2024-01-01",
        "resource": "polaris",
        "jobs": 1961,
    }
    assert (climate.account, climate.remaining_node_hours) == ("climate", -496.9)


def test_table_that_is_none_is_an_error() -> None:
    assert parse_allocations("", "ann") == []
    with pytest.raises(ValueError, match="no table of allocations"):
        parse_allocations("Traceback (most recent call last):\n  ...", "ann")


# -- values


def test_values_are_read() -> None:
    assert [seconds(text) for text in ("24:00:00", "30:00", "90", 90, "x", "")] == [
        86400,
        1800,
        90,
        90,
        None,
        None,
    ]
    assert [mebibytes(text) for text in ("2048kb", "1gb", "100mb", "1048576b", "x")] == [
        2.0,
        1024.0,
        100.0,
        1.0,
        None,
    ]
    assert hosts("n1/0*8+n2/0*8+n1/1") == ["n1", "n2"]
    assert hosts(None) == []
    assert [exit_code(status) for status in (0, 7, 265, -1, None)] == [0, 7, 137, None, None]
    assert moment(1795306519) == 1795306519.0
    assert moment("Sun Nov 22 00:15:19 2026") == local("2026-11-22 00:15:19")
    assert [moment(text) for text in ("", "soon", "0", None)] == [None] * 4
