"""Slurm, by what a real one (22.05) printed; see `recorded/slurm-22.05`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from replay import RECORDED, TOKEN, Replay, recording

from orbit_jupyter.host.batch import Account, BatchJob, Ended, Qos, system_of
from orbit_jupyter.host.batch.slurm import SlurmSystem
from orbit_jupyter.host.batch.slurm.accounts import parse_qos_budgets, parse_shares
from orbit_jupyter.host.batch.slurm.jobs import FIELDS, Separators, parse_jobs
from orbit_jupyter.protocol import ForbiddenError, PluginError, ResourceNotFoundError


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Return programs that print what Slurm's printed."""
    programs = Replay(tmp_path)
    for program, name, *words in (
        ("squeue", "squeue-user", "--user=orbit", "PENDING"),
        ("squeue", "squeue-unknown-user", "--user=nosuchuser"),
        ("squeue", "squeue-unknown-job", "99999"),
        ("squeue", "squeue"),
        ("sinfo", "sinfo"),
        ("scontrol", "scontrol-partition", "partition"),
        ("scontrol", "scontrol-assoc-mgr", "assoc_mgr"),
        ("sacctmgr", "sacctmgr-qos", "qos"),
        ("sacctmgr", "sacctmgr-assoc", "assoc"),
        ("sshare", "sshare"),
        ("sreport", "sreport"),
        ("sacct", "sacct"),
    ):
        programs.answer(program, f"slurm-22.05/{name}", *words)
    return programs


def slurm(replay: Replay, **environ: str) -> SlurmSystem:
    """Return the batch system over those programs."""
    found = system_of("slurm", {**replay.environ, **environ})
    assert isinstance(found, SlurmSystem)
    return found


def by_id(jobs: list[BatchJob]) -> dict[str, BatchJob]:
    found = {job.job_id: job for job in jobs}
    assert len(found) == len(jobs)
    return found


# -- jobs --------------------------------------------------------------------------------------------------------


def test_jobs_have_their_state_reason_and_times(replay: Replay) -> None:
    jobs = by_id(slurm(replay).jobs())
    held = jobs["7"]
    assert (held.state, held.native_state, held.reason) == ("HELD", "PENDING", "JobHeldUser")
    limit = jobs["5"]
    assert (limit.state, limit.reason, limit.queue, limit.time_limit) == (
        "QUEUED",
        "PartitionTimeLimit",
        "debug",
        5 * 3600,
    )
    runs = jobs["13"]
    assert (runs.state, runs.user, runs.account, runs.queue) == ("ACTIVE", "orbit", "proj_a", "debug")
    assert (runs.nodes, runs.cpus, runs.time_limit, runs.node_list) == (1, 1, 60, "n1")
    assert (runs.start_time, runs.expected_start, runs.end_time) == (1795345565.0, None, None)
    assert runs.submit_time == 1795345562.0
    ended = jobs["1"]
    assert (ended.state, ended.reason, ended.time_used) == ("FAILED", "NonZeroExitCode", 25)
    assert (ended.node_list, ended.nodes, ended.end_time) == ("n[1-2]", 2, 1795345590.0)


def test_names_and_reasons_may_hold_anything(replay: Replay) -> None:
    jobs = by_id(slurm(replay).jobs())
    assert jobs["1"].name == "a, b|c 'x'"
    assert jobs["2"].name == "new\nline\x1fus"
    assert jobs["9"].reason == (
        "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions"
    )


def test_waiting_tasks_of_arrays_are_listed_one_by_one(replay: Replay) -> None:
    jobs = slurm(replay).jobs()
    tasks = [job for job in jobs if job.array_id == "3"]
    assert sorted(int(task.job_id.partition("_")[2]) for task in tasks) == list(range(1, 1001))
    assert {task.state for task in tasks} == {"ACTIVE", "QUEUED", "SUSPENDED"}
    assert [job.job_id for job in jobs if job.array_id == "4"] == [f"4_{task}" for task in range(2, 21, 3)]
    assert by_id(jobs)["7"].array_id is None


def test_a_thousand_jobs_are_listed_well_below_two_seconds(replay: Replay) -> None:
    began = time.process_time()
    assert len(slurm(replay).jobs()) > 1000
    assert time.process_time() - began < 1  # without the program's own time: the machine may be loaded


def test_expected_starts_are_of_waiting_jobs(replay: Replay) -> None:
    assert slurm(replay).expected_starts("orbit") == {"8": 1795349162.0}


def test_nobody_by_that_name_has_no_jobs(replay: Replay) -> None:
    assert slurm(replay).jobs("nosuchuser") == []


def row(**fields: str) -> str:
    """Return what squeue prints of a job, its fields by their letters."""
    known = dict.fromkeys(FIELDS, "1") | {"T": "PENDING", "K": "N/A", "N": "", "j": "sim", **fields}
    separators = Separators(lambda: TOKEN)
    return separators.record + separators.field.join(known[letter] for letter in FIELDS) + "\n"


def test_array_of_more_tasks_than_are_listed_is_one_job() -> None:
    jobs = parse_jobs(row(i="5_[1-99999999]", K="1-99999999"), Separators(lambda: TOKEN))
    assert [job.job_id for job in jobs] == ["5_[1-99999999]"]
    many = "".join(row(i=f"{array}_[1-60000%4]", K="1-60000%4") for array in (7, 8))
    jobs = parse_jobs(many, Separators(lambda: TOKEN))
    assert [job.job_id for job in jobs[59_998:]] == ["7_59999", "7_60000", "8_[1-60000%4]"]


def test_name_that_imitates_the_separators_is_only_a_name() -> None:
    """A user who knew how records are separated could tell others what their jobs do."""
    name = row(i="99", T="COMPLETED").rstrip("\n").replace(TOKEN, "00000000")
    jobs = parse_jobs(row(i="5", j=name), Separators(lambda: TOKEN))
    assert [(job.job_id, job.name) for job in jobs] == [("5", name)]


def test_separators_are_new_for_each_question() -> None:
    assert len({Separators().record for _ in range(20)}) == 20


def test_header_of_another_cluster_is_passed_over() -> None:
    assert [job.job_id for job in parse_jobs("CLUSTER: far\n" + row(i="5"), Separators(lambda: TOKEN))] == ["5"]


@pytest.mark.parametrize("text", ["\x1e0a1b2c3d\x1e5", row(i="what"), "\x1e0a1b2c3d\x1e"])
def test_record_of_another_kind_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"fields where|no job id"):
        parse_jobs(text, Separators(lambda: TOKEN))


# -- queues ------------------------------------------------------------------------------------------------------


def test_queues_have_limits_and_nodes(replay: Replay) -> None:
    queues = slurm(replay).queues()
    assert [queue.name for queue in queues] == ["batch", "debug", "gpu"]
    batch, debug, gpu = queues
    assert (batch.nodes_total, batch.nodes_available, batch.nodes_idle) == (4, 3, 1)  # one is drained
    assert (batch.time_limit, batch.default_time, batch.nodes_max, batch.is_default) == (86400, 1800, 4, False)
    assert (batch.cpus_per_node, batch.mem_per_node_mb, batch.gpus_per_node) == (8, 8000, 2)
    assert batch.features == ("cpu", "fast", "gpu")
    assert (debug.is_default, debug.time_limit, debug.state, debug.accounts) == (True, 1800, "UP", ())
    # This one has a QOS, whose limit of two hours is the shorter one.
    assert (gpu.time_limit, gpu.max_jobs_per_user, gpu.accounts) == (7200, 3, ("proj_a", "proj_b"))


def test_qos_have_limits_and_what_they_are_above_of(replay: Replay) -> None:
    found = {one.name: one for one in slurm(replay).qos()}
    assert found["normal"] == Qos(name="normal")
    assert found["tiny"] == Qos(name="tiny", max_wall=300, most={"nodes": 2, "cpus": 4}, max_jobs=3, max_submit=5)
    assert found["wide"] == Qos(name="wide", max_wall=18000, ignores_time_limit=True, ignores_queue_qos=True)
    assert [queue.qos for queue in slurm(replay).queues()] == [None, None, "gpuq"]


# -- accounting --------------------------------------------------------------------------------------------------


def test_ended_jobs_have_exit_code_and_use(replay: Replay) -> None:
    asked = ["1", "2", "7", "8", "11", "13", "16", "3_1", "3_2", "12345"]
    ended = slurm(replay).ended(asked)
    assert set(ended) == set(asked) - {"12345"}
    assert ended["1"] == Ended(
        job_id="1",
        state="FAILED",
        native_state="FAILED",
        exit_code=3,
        submit_time=1795345561.0,
        start_time=1795345565.0,
        end_time=1795345590.0,
        elapsed=25,
        nodes=2,
        cpus=2,
        cpu_seconds=0.025,
        max_memory_mb=11259904 / 2**20,  # of its batch step; the other one took less
        node_list="n[1-2]",
    )
    assert (ended["2"].state, ended["2"].exit_code) == ("FAILED", 128 + 9)
    assert (ended["7"].state, ended["7"].exit_code, ended["7"].reason) == ("HELD", None, "JobHeldUser")
    assert (ended["8"].state, ended["8"].reason) == ("CANCELED", "cancelled by uid 0")
    assert (ended["8"].start_time, ended["8"].node_list) == (None, "")
    assert (ended["13"].native_state, ended["13"].exit_code) == ("TIMEOUT", None)
    assert (ended["11"].state, ended["11"].exit_code, ended["11"].reason) == ("COMPLETED", 0, None)
    assert ended["16"].max_memory_mb == 71270400 / 2**20
    assert (ended["3_1"].state, ended["3_1"].end_time) == ("ACTIVE", None)


def test_array_is_answered_with_its_tasks(replay: Replay) -> None:
    ended = slurm(replay).ended(["3", "4"])
    assert set(ended) == {"3_1", "3_2", *(f"4_{task}" for task in range(2, 21, 3))}


def test_task_that_was_cancelled_while_it_waited_has_left_nothing_but_its_array(tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    array = recording("slurm-22.05/sacct-cancelled-task")["cmd"][5].partition("_")[0]
    asked = [f"{array}_{task}" for task in (7, 8)]
    replay.answer("sacct", "slurm-22.05/sacct-cancelled-task", ",".join(asked))
    replay.answer("sacct", "slurm-22.05/sacct-array-of-cancelled-task", array)
    replay.answer("squeue", "slurm-22.05/squeue-array-of-cancelled-task", array)
    ended = slurm(replay).ended(asked)
    assert {job_id: (job.state, job.reason) for job_id, job in ended.items()} == {
        asked[0]: ("CANCELED", "cancelled while it waited"),
        asked[1]: ("HELD", "JobHeldUser"),
    }


def test_task_that_accounting_has_not_heard_of_yet_is_not_taken_for_cancelled(tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    array = recording("slurm-22.05/sacct-cancelled-task")["cmd"][5].partition("_")[0]
    behind = recording("slurm-22.05/sacct-array-of-cancelled-task")
    behind["stdout"] = behind["stdout"].replace("8-20", "9-20")  # 8 has just started
    replay.answer("sacct", "slurm-22.05/sacct-cancelled-task", f"{array}_8")
    replay.say("sacct", behind, array)
    replay.answer("squeue", "slurm-22.05/squeue-array-of-cancelled-task", array)
    assert slurm(replay).ended([f"{array}_8"]) == {}


def test_what_is_no_job_id_is_not_asked_for(replay: Replay) -> None:
    assert slurm(replay).ended(["-u root", "all", ""]) == {}


def test_without_accounting_the_controller_tells_of_what_ended_just_now(tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    replay.answer("sacct", "slurm-22.05/no-accounting-sacct")
    replay.answer("squeue", "slurm-22.05/squeue-json", "--json")
    replay.answer("sacctmgr", "slurm-22.05/no-accounting-sacctmgr")
    system = slurm(replay)
    # The controller has forgotten a task that ended some time ago: nothing is known of it.
    ended = system.ended(["1", "2", "8", "12", "13", "3_2", "3_2000", "12345"])
    assert {job_id: (job.state, job.exit_code) for job_id, job in ended.items()} == {
        "1": ("FAILED", 3),
        "2": ("FAILED", 137),
        "8": ("CANCELED", None),
        "12": ("COMPLETED", 0),
        "13": ("FAILED", 143),
        "3_2": ("CANCELED", 143),
    }
    assert (ended["1"].elapsed, ended["1"].node_list, ended["13"].reason) == (25, "n[1-2]", "TimeLimit")
    assert (ended["8"].start_time, ended["8"].node_list) == (None, "")
    assert system.accounts() == []


# -- accounts ----------------------------------------------------------------------------------------------------


def test_accounts_have_the_least_that_is_left(replay: Replay) -> None:
    proj_a, proj_b = slurm(replay).accounts("orbit")
    # 6,000 node minutes for the account, 1,200 for this user in it; the account's processor minutes count, too.
    assert (proj_a.account, proj_a.user, proj_a.qos) == ("proj_a", "orbit", ("normal", "short"))
    assert proj_a.allocated_node_hours == 20.0
    assert proj_a.used_node_hours == pytest.approx(5 / 60)
    assert proj_a.remaining_node_hours == pytest.approx(1195 / 60)
    assert proj_a.extra == {"cpu_hours_allocated": 1.0, "cpu_hours_remaining": pytest.approx(55 / 60)}
    assert (proj_a.max_jobs, proj_a.max_submit, proj_a.max_wall) == (20, 2000, 36000)
    assert proj_a.fairshare == pytest.approx(1 / 3, abs=1e-3)
    assert (proj_a.default_qos, proj_a.most) == ("short", {"nodes": 3, "cpus": 16})
    assert proj_b == Account(account="proj_b", user="orbit", fairshare=1.0, qos=("normal", "short"))
    assert {account.user for account in slurm(replay).accounts()} == {"orbit", "root"}


def test_account_with_nothing_left_says_so(replay: Replay, tmp_path: Path) -> None:
    spent = recording("slurm-22.05/sshare")
    spent["stdout"] = spent["stdout"].replace("cpu=60,node=6000", "cpu=4,node=6000")
    other = Replay(tmp_path / "other")
    other.say("sshare", spent)
    for program, name in (("sacctmgr", "sacctmgr-assoc"), ("scontrol", "scontrol-assoc-mgr")):
        other.answer(program, f"slurm-22.05/{name}")
    account = slurm(other).accounts("orbit")[0]
    assert account.extra["exhausted"] == "cpu"
    assert account.extra["cpu_hours_remaining"] == pytest.approx(-1 / 60)


def test_qos_limits_only_where_each_qos_does() -> None:
    budgets = parse_qos_budgets(recording("slurm-22.05/scontrol-assoc-mgr")["stdout"])
    assert {name: dict(limits) for name, limits in budgets.items() if limits}.keys() == {"short"}
    assert (budgets["short"]["gres/gpu"].limit, budgets["short"]["gres/gpu"].left) == (60, 60)


def test_limit_of_an_account_higher_up_counts_too() -> None:
    lines = [
        "root||||node=100|node=90",
        " a||||node=500|node=20",
        "  a|ann||0.5|node=300|node=10",
        " b|ann||0.5||",
    ]
    shares = parse_shares("\n".join(lines))
    assert shares["a", "ann", ""].budgets["node"].left == 10
    assert shares["b", "ann", ""].budgets["node"].left == 10


def test_hours_come_from_accounting_where_the_controller_counts_none(tmp_path: Path) -> None:
    """What sreport prints is written after its manual page: the recorded cluster was too young to have any."""
    replay = Replay(tmp_path)
    replay.answer("sacctmgr", "slurm-22.05/sacctmgr-assoc")
    replay.answer("scontrol", "slurm-22.05/scontrol-assoc-mgr")
    replay.say("sshare", {"stdout": "root|||||\n proj_a|||||\n  proj_a|orbit||0.5||node=0\n"})
    replay.say("sreport", {"stdout": "proj_a||node|720\nproj_a|orbit|node|600\n"})
    assert slurm(replay).accounts("orbit")[0].used_node_hours == 10.0


# -- the own allocation ------------------------------------------------------------------------------------------


def test_own_allocation_is_that_of_the_job(replay: Replay) -> None:
    own = slurm(replay, SLURM_JOB_ID="18", SLURM_JOB_CPUS_PER_NODE="4", SLURM_GPUS_ON_NODE="2").own_allocation()
    assert own is not None
    assert (own.job_id, own.partition, own.account, own.job_name) == ("18", "batch", "proj_a", "wrap")
    assert (own.n_nodes, own.nodelist, own.cpus_per_node, own.gpus_per_node) == (1, "n1", 4, 2)
    assert (own.runtime, own.end_time) == (1800, 1795345610.0 + 1800)
    assert slurm(replay).own_allocation() is None
    assert slurm(replay).nodelist() == []


def test_compute_node_without_the_controller_knows_its_allocation_by_its_variables(tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    replay.answer("squeue", "slurm-22.05/down-squeue")
    with pytest.raises(PluginError, match="can't reach it"):
        slurm(replay, SLURM_JOB_ID="5").own_allocation()
    times = {"SLURM_JOB_START_TIME": "1000", "SLURM_JOB_END_TIME": "4600"}
    nodes = {"SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_JOB_CPUS_PER_NODE": "8(x2)"}
    system = slurm(replay, SLURM_JOB_ID="5", **times, **nodes)
    own = system.own_allocation()
    assert own is not None
    assert (own.runtime, own.end_time, own.n_nodes, own.cpus_per_node) == (3600, 4600.0, 2, 8)
    assert system.nodelist() == ["n1", "n2"]


# -- changes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "program", "name"),
    [
        ("cancel", "scancel", "scancel-unknown"),
        ("cancel", "scancel", "scancel-finished"),
        ("hold", "scontrol", "hold-unknown"),
        ("hold", "scontrol", "hold-finished"),
    ],
)
def test_change_of_a_job_that_is_not_there_is_not_found(
    tmp_path: Path, method: str, program: str, name: str
) -> None:
    replay = Replay(tmp_path)
    options = [word for word in recording(f"slurm-22.05/{name}")["cmd"] if word.startswith("-")]
    replay.answer(program, f"slurm-22.05/{name}", *options)  # without -v scancel says nothing of it
    with pytest.raises(ResourceNotFoundError, match=r"Slurm has no job 5|job 5 has ended already"):
        getattr(slurm(replay), method)("5")


@pytest.mark.parametrize(
    ("method", "program", "name"),
    [("cancel", "scancel", "scancel-of-another"), ("hold", "scontrol", "hold-of-another")],
)
def test_change_of_another_users_job_is_refused(tmp_path: Path, method: str, program: str, name: str) -> None:
    replay = Replay(tmp_path)
    replay.answer(program, f"slurm-22.05/{name}")
    with pytest.raises(ForbiddenError, match="job 5 is another user's"):
        getattr(slurm(replay), method)("5")


@pytest.mark.parametrize(
    ("method", "program", "name"),
    [
        ("cancel", "scancel", "scancel"),
        ("hold", "scontrol", "hold"),
        ("hold", "scontrol", "hold-array"),  # some of its tasks have ended
        ("release", "scontrol", "release"),
    ],
)
def test_change_that_is_made_says_nothing(tmp_path: Path, method: str, program: str, name: str) -> None:
    replay = Replay(tmp_path)
    replay.answer(program, f"slurm-22.05/{name}")
    getattr(slurm(replay), method)("5_[1-3]")


@pytest.mark.parametrize("job_id", ["", "-u root", "--user=root", "5;6", "5_", "abc", "5\n", "5,6"])
def test_what_is_no_job_id_changes_nothing(tmp_path: Path, job_id: str) -> None:
    system = slurm(Replay(tmp_path))  # any program would be missing
    for change in (system.cancel, system.hold, system.release):
        with pytest.raises(ResourceNotFoundError, match="is no id of a Slurm job"):
            change(job_id)


# -- a controller that is away -----------------------------------------------------------------------------------


def test_all_questions_to_a_slurm_that_is_away_are_transient(tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    for path in sorted((RECORDED / "slurm-22.05").glob("down-*.json")):
        replay.answer(path.stem.removeprefix("down-"), f"slurm-22.05/{path.stem}")
    replay.say("sinfo", recording("slurm-22.05/down-scontrol"))
    system = slurm(replay)
    for ask in (
        system.queues,
        system.jobs,
        system.expected_starts,
        lambda: system.ended(["1"]),
        system.accounts,
        lambda: system.cancel("1"),
        lambda: system.hold("1"),
    ):
        with pytest.raises(PluginError, match="can't reach it") as failed:
            ask()
        assert (failed.value.status, failed.value.transient) == (503, True)


def test_accounts_are_an_error_where_their_hours_cannot_be_asked_for(replay: Replay, tmp_path: Path) -> None:
    other = Replay(tmp_path / "other")
    other.answer("sacctmgr", "slurm-22.05/sacctmgr-assoc")
    other.answer("sshare", "slurm-22.05/down-sshare")
    with pytest.raises(PluginError) as failed:
        slurm(other).accounts()
    assert failed.value.transient


def test_users_own_format_of_times_is_not_theirs_here(tmp_path: Path) -> None:
    program = tmp_path / "sacct"
    program.write_text("#!/bin/sh\nenv > '" + str(tmp_path / "env") + "'\n")
    program.chmod(0o755)
    mine = {"SLURM_TIME_FORMAT": "relative", "SACCT_FEDERATION": "1", "SLURM_CLUSTERS": "far", "LC_ALL": "de_DE"}
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    SlurmSystem({"PATH": path, **mine}).ended(["1"])
    seen = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    assert (seen["SLURM_TIME_FORMAT"], seen["LC_ALL"], seen["SLURM_CLUSTERS"]) == ("%s", "C", "far")
    assert "SACCT_FEDERATION" not in seen


# -- newer releases ----------------------------------------------------------------------------------------------


def schema(name: str) -> dict[str, Any]:
    """Return an answer that is written from the schema of a newer release; none of them was captured."""
    found: dict[str, Any] = json.loads((RECORDED.parent / "written_from_schema" / f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("version", ["v0.0.39", "v0.0.40", "v0.0.42"])
def test_json_as_the_schema_of_newer_releases_has_it_is_read_alike(version: str, tmp_path: Path) -> None:
    replay = Replay(tmp_path)
    replay.answer("sacct", "slurm-22.05/no-accounting-sacct")
    replay.say("squeue", {"stdout": json.dumps(schema(f"squeue-{version}"))}, "--json")
    ended = slurm(replay).ended(["101", "102", "103", "104", "105_7", "106"])
    assert {job_id: (job.state, job.native_state, job.exit_code) for job_id, job in ended.items()} == {
        "101": ("COMPLETED", "COMPLETED", 0),
        "102": ("FAILED", "FAILED", 7),
        "103": ("FAILED", "OUT_OF_MEMORY", 125),
        "104": ("ACTIVE", "COMPLETING", None),
        "105_7": ("CANCELED", "CANCELLED", 128 + 15),
        "106": ("QUEUED", "PENDING", None),
    }
    assert (ended["102"].start_time, ended["102"].end_time, ended["102"].elapsed) == (1700000100, 1700000160, 60)
    assert (ended["102"].nodes, ended["102"].cpus, ended["102"].node_list) == (2, 16, "n[1-2]")
    assert (ended["106"].start_time, ended["106"].reason) == (None, "Resources, and more")
