"""The routes, through bridge and client in memory."""

from __future__ import annotations

import asyncio
import grp
import pwd
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
import pytest
from stage import wait_until
from told_batch import OWN, ToldBatch, job, queue

from orbit_jupyter.host.batch.model import Account, Ended, OwnAllocation
from orbit_jupyter.plugin import (
    App,
    AppState,
    ConflictError,
    InvalidFieldError,
    PluginError,
    ResourceNotFoundError,
)
from orbit_plugins.queue_info import QueueInfoPlugin
from orbit_plugins.queue_info.scheduler import USERS

if TYPE_CHECKING:
    from tests.plugins.queue_info.conftest import Open, Site

AWAY = PluginError("slurm is away", status=503, transient=True)


def test_queues_by_name(site: Site) -> None:
    answer = site.client.get_info()
    assert list(answer["queues"]) == ["batch", "debug"]
    debug = answer["queues"]["debug"]
    assert (debug["name"], debug["state"], debug["default"], debug["time_limit"]) == ("debug", "UP", True, 30)
    assert (debug["nodes_total"], debug["nodes_available"], debug["nodes_idle"]) == (4, 4, 2)
    assert answer["stale"] is None
    assert answer["age"] >= 0


def test_jobs_are_the_endpoint_user_s_unless_another_is_named(site: Site) -> None:
    def ids(user: str | None = None) -> list[str]:
        return [one["job_id"] for one in site.client.list_all_jobs(user)["jobs"]]

    assert (ids(), ids("ben"), ids("*"), ids("eve")) == (["17"], ["18"], ["17", "18"], [])
    assert site.batch.asked["jobs None"] == 1


@pytest.mark.parametrize("user", ["-x", "a b", "a,b", "-", "*a", "x" * 300])
def test_what_can_be_no_user_is_refused(site: Site, user: str) -> None:
    """It is given to a program as an argument."""
    with pytest.raises(InvalidFieldError) as refused:
        site.client.list_all_jobs(user)
    assert refused.value.field == "user"


def test_jobs_in_a_queue(site: Site) -> None:
    site.batch.all_jobs = [
        job("1", partition="batch"),
        job("2", partition="debug,batch"),
        job("3", partition="debug"),
    ]
    assert [one["job_id"] for one in site.client.list_jobs("batch", force=True)["jobs"]] == ["1", "2"]


def test_unknown_queue_is_404_with_the_names_there_are(site: Site) -> None:
    with pytest.raises(ResourceNotFoundError, match=r"no queue 'nope'; there is batch, debug") as refused:
        site.client.list_jobs("nope")
    assert refused.value.data["available"] == ["batch", "debug"]


def test_queues_are_those_that_the_user_may_use(site: Site) -> None:
    site.batch.all_queues = [
        queue("open"),
        queue("mine", accounts=("proj_a",)),
        queue("theirs", accounts=("proj_x",)),
    ]
    assert list(site.client.get_info(force=True)["queues"]) == ["mine", "open"]
    assert list(site.client.get_info("*")["queues"]) == ["mine", "open", "theirs"]
    site.batch.all_accounts = []
    site.client.list_allocations(force=True)
    assert len(site.client.get_info()["queues"]) == 3  # nobody knows


def test_queues_for_other_users_and_groups_are_left_out(site: Site) -> None:
    group = grp.getgrgid(pwd.getpwnam(OWN).pw_gid).gr_name
    site.batch.all_queues = [
        queue("mine", users=(OWN, "no-such-user")),
        queue("theirs", users=("no-such-user",)),
        queue("ours", groups=(group, "no-such-group")),
        queue("others", groups=("no-such-group",)),
    ]
    assert list(site.client.get_info(force=True)["queues"]) == ["mine", "ours"]
    # Nobody knows that one's groups.
    assert list(site.client.get_info("no-such-user")["queues"]) == ["mine", "others", "ours", "theirs"]
    assert list(site.client.get_info("eve")["queues"]) == ["others", "ours"]


def test_allocations_have_the_hours_that_are_left(site: Site) -> None:
    site.batch.all_accounts = [
        Account(account="a", user=OWN, allocated_node_hours=10, used_node_hours=4, remaining_node_hours=6)
    ]
    (entry,) = site.client.list_allocations(force=True)["allocations"]
    hours = [entry[f"{which}_node_hours"] for which in ("allocated", "used", "remaining")]
    assert hours == [10, 4, 6]


def test_own_allocation(site: Site, open_site: Open) -> None:
    assert (site.client.backend(), site.client.nodelist(), site.client.job_allocation()) == ("slurm", [], None)
    inside = ToldBatch()
    inside.own = OwnAllocation(job_id="9", partition="batch", n_nodes=2, nodelist="n[1-2]", runtime=3600)
    client = open_site(inside).client
    assert client.nodelist() == ["n1", "n2"]
    allocation = client.job_allocation()
    assert allocation is not None
    assert (allocation["job_id"], allocation["n_nodes"], allocation["nodelist"]) == ("9", 2, "n[1-2]")
    assert (allocation["runtime"], allocation["gpus_per_node"]) == (3600, None)


def test_one_job_also_of_another_user_and_one_that_has_ended(site: Site) -> None:
    site.batch.finished = {
        "17": Ended(job_id="17", state="ACTIVE"),
        "3": Ended(job_id="3", state="FAILED", exit_code=7),
    }
    mine, theirs, ended = (site.client.get_job(one) for one in ("17", "18", "3"))
    assert (mine["job"]["user"], mine["accounting"]["common_state"]) == (OWN, "ACTIVE")
    assert (theirs["job"]["user"], theirs["accounting"]) == ("ben", None)
    assert (ended["job"], ended["accounting"]["exit_code"]) == (None, 7)
    with pytest.raises(ResourceNotFoundError, match="there is no job '99'"):
        site.client.get_job("99")


def test_job_is_found_by_pbs_s_short_and_whole_id(open_site: Open) -> None:
    pbs = ToldBatch("pbs")
    pbs.all_jobs = [job("17.pbs01", native_state="R")]
    client = open_site(pbs).client
    assert client.get_job("17")["job"]["native_id"] == "17.pbs01"
    assert client.get_job("17.pbs01")["job"]["job_id"] == "17"


@pytest.mark.parametrize(("action", "status"), [("cancel", "canceled"), ("hold", "held"), ("release", "released")])
def test_what_is_done_to_a_job_is_seen_at_once(site: Site, action: str, status: str) -> None:
    site.batch.all_jobs = [job("17", state="QUEUED", native_state="PENDING")]
    site.client.list_all_jobs()
    call = getattr(site.client, f"{action}_job")
    assert call("17") == {"job_id": "17", "status": status}
    assert site.batch.done == [(action, "17")]
    before = site.batch.asked[f"jobs {OWN}"]
    site.client.list_all_jobs()
    assert site.batch.asked[f"jobs {OWN}"] == before + 1  # not what is kept from before


def test_job_that_runs_is_not_held(site: Site) -> None:
    with pytest.raises(ConflictError, match="job 17 is RUNNING; only one that waits can be held"):
        site.client.hold_job("17")
    assert site.batch.done == []


def test_jobs_that_have_ended_are_in_no_listing(site: Site) -> None:
    site.batch.all_jobs = [
        job("1"),
        job("2", state="FAILED", native_state="NODE_FAIL"),
        job("3", state="QUEUED", native_state="PENDING", reason="ReqNodeNotAvail, UnavailableNodes:n[1-2]"),
    ]
    (_, waiting) = site.client.list_all_jobs(force=True)["jobs"]
    assert (waiting["job_id"], waiting["reason"]) == ("3", "ReqNodeNotAvail, UnavailableNodes:n[1-2]")
    assert site.client.get_job("2")["job"]["state"] == "NODE_FAIL"


@pytest.mark.parametrize("action", ["cancel", "hold", "release"])
def test_unknown_job_is_404(site: Site, action: str) -> None:
    call = getattr(site.client, f"{action}_job")
    with pytest.raises(ResourceNotFoundError):
        call("99")


@pytest.mark.parametrize("job_id", ["nope", "-u ann", "--help", "0x$(id)", "1;2", "1 2"])
def test_what_can_be_no_job_never_reaches_a_program(site: Site, job_id: str) -> None:
    for call in (site.client.cancel_job, site.client.hold_job, site.client.release_job, site.client.get_job):
        with pytest.raises(ResourceNotFoundError):
            call(job_id)
    assert not site.batch.asked.keys() & {"cancel", "hold", "release", "ended"}


# -- asking gently -----------------------------------------------------------------------------------------------


def test_what_will_be_asked_for_first_is_asked_at_the_start_without_delaying_it(open_site: Open) -> None:
    batch = ToldBatch()
    batch.going.clear()
    site = open_site(batch)  # it is there while the batch system still thinks
    wait_until(lambda: len(batch.asked) == 3, "it was asked")
    assert set(batch.asked) == {"queues", f"jobs {OWN}", f"accounts {OWN}"}
    assert site.client.backend() == "slurm"
    batch.going.set()
    site.client.get_info()
    site.client.list_all_jobs()
    site.client.list_allocations()
    assert set(batch.asked.values()) == {1}


def test_many_callers_are_one_query(site: Site) -> None:
    site.client.get_info()
    site.batch.asked.clear()
    site.batch.going.clear()
    with ThreadPoolExecutor(20) as threads:
        answers = [threads.submit(site.client.list_all_jobs, "eve") for _ in range(20)]
        assert site.batch.entered.acquire(timeout=30)
        site.batch.going.set()
        assert all(answer.result()["jobs"] == [] for answer in answers)
    assert site.batch.asked == {"jobs eve": 1}


def test_force_asks_now(site: Site) -> None:
    site.client.get_info()
    for _ in range(3):
        site.client.get_info(force=True)
    assert site.batch.asked["queues"] == 4
    site.client.get_info()
    assert site.batch.asked["queues"] == 4


def test_few_questions_are_asked_at_once_and_few_users_remembered(site: Site) -> None:
    """Whoever asks for a thousand users starts no thousand programs."""
    site.client.get_info()
    with ThreadPoolExecutor(50) as threads:
        list(threads.map(site.client.list_all_jobs, [f"u{number}" for number in range(USERS + 50)]))
    assert site.batch.most <= 4
    scheduler = site.endpoint.plugin("queue_info")._scheduler  # type: ignore[attr-defined]
    assert len(scheduler._jobs) <= USERS
    assert "u113" in scheduler._jobs


# -- a batch system that doesn't do well ------------------------------------------------------------------------


def test_batch_system_that_was_never_there_is_503_and_worth_another_try(open_site: Open) -> None:
    batch = ToldBatch()
    batch.failure = AWAY
    client = open_site(batch).client
    for call in (client.get_info, client.list_all_jobs, client.list_allocations, client.job_allocation):
        with pytest.raises(PluginError, match="slurm is away") as refused:
            call()
        assert (refused.value.status, refused.value.transient) == (503, True)
    with pytest.raises(PluginError) as refused:
        client.cancel_job("17")
    assert refused.value.status == 503
    assert client.backend() == "slurm"


@pytest.mark.parametrize("name", ["slurm", "pbs"])
def test_failure_is_an_error_on_pbs_too(open_site: Open, name: str) -> None:
    batch = ToldBatch(name)
    batch.failure = PluginError(f"{name}: what it printed can't be read")
    with pytest.raises(PluginError, match="can't be read") as refused:
        open_site(batch).client.list_all_jobs()
    assert refused.value.status == 500


def test_what_was_known_is_given_with_its_age_where_it_is_away(site: Site) -> None:
    site.client.list_all_jobs()
    site.client.cancel_job("17")  # so that what is kept counts as old
    site.batch.failure = AWAY
    answer = site.client.list_all_jobs()
    assert [one["job_id"] for one in answer["jobs"]] == ["17"]
    assert answer["stale"] == "slurm is away"
    with pytest.raises(PluginError, match="slurm is away"):
        site.client.list_all_jobs(force=True)


def test_while_it_hangs_calls_end_and_everything_else_goes_on(open_site: Open) -> None:
    batch = ToldBatch()
    batch.going.clear()
    site = open_site(batch, patience=0.5)
    with ThreadPoolExecutor(60) as threads:
        hanging = [threads.submit(site.client.list_all_jobs, f"u{number}") for number in range(30)]
        hanging += [threads.submit(site.client.cancel_job, "17") for _ in range(30)]
        # More than the plugin has threads, and still it answers.
        assert site.client.backend() == "slurm"
        assert site.get("health")["status"] == "healthy"
        for call in hanging:
            with pytest.raises(PluginError, match=r"hasn't answered within 0\.5 s; try again later") as refused:
                call.result(60)
            assert (refused.value.status, refused.value.transient) == (503, True)
    batch.going.set()
    wait_until(lambda: well(site), "it is well again")


def well(site: Site) -> bool:
    try:
        return bool(site.client.get_info(force=True)["queues"])
    except PluginError:  # within half a second, on a loaded machine
        return False


def test_the_end_does_not_wait_for_what_hangs(open_site: Open) -> None:
    batch = ToldBatch()
    site = open_site(batch)
    site.client.get_info()
    batch.going.clear()
    ended = threading.Event()

    async def end() -> None:
        await asyncio.wait_for(site.endpoint.plugin("queue_info").close(), 20)
        ended.set()

    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(site.client.list_all_jobs, "eve")
        wait_until(lambda: batch.asked["jobs eve"], "it hangs")
        site.endpoint.run(end())
        with pytest.raises(PluginError, match="the endpoint is ending"):
            hanging.result(30)
    assert ended.is_set()
    assert batch.closed  # which kills its programs
    assert not batch.going.is_set()


# -- events ------------------------------------------------------------------------------------------------------


def test_change_of_a_queue_is_told_while_somebody_listens(open_site: Open) -> None:
    site = open_site(ToldBatch(), look=0.02)
    site.client.get_info()
    site.batch.all_queues = [queue("debug", state="DOWN", nodes_available=0), queue("batch")]
    event = site.endpoint.event("queue_state")
    assert (event["queue"], event["state"], event["previous_state"]) == ("debug", "DOWN", "UP")
    assert (event["nodes_total"], event["nodes_down"]) == (4, 4)


@pytest.mark.asyncio
async def test_while_nobody_listens_nobody_looks() -> None:
    batch, app = ToldBatch(), App(AppState(endpoint_name="ep"))
    plugin = QueueInfoPlugin(app, batch=batch, look=0.01)
    await plugin.start()
    await asyncio.to_thread(wait_until, lambda: len(batch.asked) == 3, "it was asked at the start")
    for _ in range(10):
        await asyncio.sleep(0.01)
    assert batch.asked["queues"] == 1
    app.state.listeners = frozenset({"ann"})
    await asyncio.to_thread(wait_until, lambda: batch.asked["queues"] > 3, "it looks again and again")
    await plugin.close()
    plugin.threads.shutdown()


def test_looking_survives_a_failure(open_site: Open) -> None:
    site = open_site(ToldBatch(), look=0.02)
    site.client.get_info()
    site.batch.failure = AWAY
    with pytest.raises(PluginError):
        site.client.get_info(force=True)
    site.batch.all_queues = [queue("debug"), queue("batch", state="DRAIN")]
    site.batch.failure = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orbit_plugins.queue_info.questions.RETRY", 0.0)
        assert site.endpoint.event("queue_state", 30)["state"] == "DRAIN"


# -- answers ---------------------------------------------------------------------------------------------------


def test_answers_are_as_the_routes_declare_them(open_site: Open) -> None:
    batch = ToldBatch()
    batch.own = OwnAllocation(job_id="9")
    batch.finished = {"17": Ended(job_id="17", state="ACTIVE")}
    batch.all_jobs = [job("17", state="QUEUED")]
    site = open_site(batch)
    values = {"{sid}": site.sid, "{queue}": "debug", "{job_id}": "17"}
    seen = set()
    for one in site.endpoint.plugin("queue_info").routes:
        if one.path in ("openapi.json", "register_session", "unregister_session/{sid}", "cancel/{sid}/{job_id}"):
            continue
        path = one.path
        for name, value in values.items():
            path = path.replace(name, value)
        answer = site.endpoint.call(one.method, f"/queue_info/{path}")
        assert one.about is not None
        assert msgspec.convert(answer, one.about.answer) == answer
        seen.add(path.partition("/")[0])
    assert {"get_info", "list_jobs", "list_all_jobs", "list_allocations", "job", "hold", "release"} <= seen
    assert {"backend", "nodelist", "job_allocation"} <= seen


@pytest.mark.asyncio
async def test_coroutines_ask_the_same(site: Site) -> None:
    aio = site.client.aio
    assert site.endpoint.run(aio.backend()) == "slurm"
    assert "debug" in site.endpoint.run(aio.get_info())["queues"]
    assert site.endpoint.run(aio.list_jobs("batch"))["jobs"][0]["job_id"] == "17"
