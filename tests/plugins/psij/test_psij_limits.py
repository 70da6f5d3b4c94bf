"""What is looked at before a scheduler gets a job: what it would take and then have wait for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from psij_life import Life, Queue
from scripted_batch import AWAY, ScriptedBatch, systems

from orbit_jupyter.host.batch import Account, Qos
from orbit_jupyter.host.batch import Queue as BatchQueue
from orbit_jupyter.plugin import InvalidFieldError
from orbit_plugins.psij import limits
from orbit_plugins.psij.bodies import Submit
from orbit_plugins.psij.limits import FRESH, RECENT, Limits
from orbit_plugins.psij.service import Caller
from orbit_plugins.psij.spec import parse_spec


def _ignored(value: object) -> None:
    """Return nothing."""


Begin = Callable[[], Life]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(batch: ScriptedBatch) -> ScriptedBatch:
    """A cluster with two queues and two accounts."""
    batch.has_queues = [
        BatchQueue(name="debug", is_default=True, time_limit=1800, nodes_total=4, nodes_max=2),
        BatchQueue(name="batch", time_limit=None, nodes_total=4, nodes_min=2, accounts=("rich",)),
    ]
    batch.has_accounts = [
        Account(account="poor", user="ann", allocated_node_hours=10.0, remaining_node_hours=0.0),
        Account(account="rich", user="ann", remaining_node_hours=4.0, max_wall=7200),
    ]
    return batch


@pytest.fixture
def checks(site: ScriptedBatch, clock: Clock) -> Limits:
    return Limits(systems(site), clock)


def spec(**attributes: Any) -> Any:
    resources = attributes.pop("resources", None)
    custom = attributes.pop("custom_attributes", {})
    return parse_spec(
        {"executable": "x", "attributes": attributes, "resources": resources, "custom_attributes": custom}
    )


@pytest.mark.parametrize(
    ("attributes", "field", "limit", "words"),
    [
        (
            {"queue_name": "fast"},
            "attributes.queue_name",
            ["debug", "batch"],
            "'fast'; it has debug, batch",
        ),
        ({"duration": 1801}, "attributes.duration", 1800, "1801 s is more than queue debug allows: 1800 s"),
        ({"node_count": 3}, "attributes.node_count", 2, "3 is more than a job in queue debug may have: 2"),
        (
            {"queue_name": "batch", "account": "rich", "resources": {"node_count": 5}},
            "resources.node_count",
            4,
            "5 is more than queue batch has: 4",
        ),
        (
            {"queue_name": "batch", "account": "rich", "node_count": 1},
            "attributes.node_count",
            2,
            "1 is less than a job in queue batch has to have: 2",
        ),
        ({"account": "theirs"}, "attributes.account", ["poor", "rich"], "'theirs'; you may to poor, rich"),
        ({"project_name": "theirs"}, "attributes.account", ["poor", "rich"], "you may not charge"),
        ({"account": "poor"}, "attributes.account", 0, "account poor has no hours left of 10 node hours"),
        (
            {"queue_name": "batch", "account": "poor"},
            "attributes.account",
            ["rich"],
            "not for 'poor'; it is for",
        ),
        (
            {"queue_name": "batch", "account": "rich", "duration": 7201},
            "attributes.duration",
            7200,
            "account rich allows: 7200 s",
        ),
        (
            {"queue_name": "batch", "account": "RICH", "duration": 7200, "node_count": 3},
            "attributes.account",
            4.0,
            "has 4 node hours left, and the job may take 6",
        ),
    ],
)
def test_what_cannot_ever_start_is_422_by_its_field_and_limit(
    attributes: dict[str, Any], field: str, limit: Any, words: str, checks: Limits
) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        checks.check(spec(**attributes), "slurm")
    assert (refused.value.status, refused.value.field) == (422, f"job_spec.{field}")
    assert refused.value.data["limit"] == limit
    assert words in str(refused.value)
    assert "force=True" in str(refused.value)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"duration": 1800, "node_count": 2},
        {"queue_name": "batch", "account": "rich", "duration": 3600, "node_count": 4},
        {"queue_name": "batch", "duration": 10**6},
        # The scheduler takes one of these, or looks elsewhere.
        {"queue_name": "debug,batch", "duration": 10**6},
        {"queue_name": "batch@other", "node_count": 100},
        {"duration": 10**6, "custom_attributes": {"slurm.partition": "long"}},
        {"duration": 10**6, "custom_attributes": {"Slurm.p": "long"}},
    ],
)
def test_what_can_start_is_let_through(attributes: dict[str, Any], checks: Limits) -> None:
    checks.check(spec(**attributes), "slurm")


@pytest.mark.parametrize("executor", ["local", "lsf", "flux", "pbs_classic"])
def test_nobody_is_asked_for_other_executors(executor: str, checks: Limits, site: ScriptedBatch) -> None:
    checks.check(spec(queue_name="fast"), executor)
    assert site.asked == []


def test_what_is_known_serves_for_a_minute(checks: Limits, site: ScriptedBatch, clock: Clock) -> None:
    for _ in range(5):
        checks.check(spec(), "slurm")
    assert site.asked == ["queues", "accounts", "qos"]
    clock.now += FRESH
    checks.check(spec(), "slurm")
    assert site.asked == ["queues", "accounts", "qos"] * 2


def test_refusal_is_never_by_old_knowledge(checks: Limits, site: ScriptedBatch, clock: Clock) -> None:
    checks.check(spec(), "slurm")
    site.has_queues.append(BatchQueue(name="new", nodes_total=4))
    with pytest.raises(InvalidFieldError):
        checks.check(spec(queue_name="new"), "slurm")
    clock.now += RECENT
    checks.check(spec(queue_name="new"), "slurm")


def test_scheduler_that_does_not_answer_refuses_nothing(checks: Limits, site: ScriptedBatch, clock: Clock) -> None:
    site.says = AWAY
    for _ in range(3):
        checks.check(spec(queue_name="fast"), "slurm")
    assert site.asked == ["queues"]
    site.says = None
    clock.now += limits.AWAY
    with pytest.raises(InvalidFieldError):
        checks.check(spec(queue_name="fast"), "slurm")


def test_scheduler_that_hangs_delays_a_submit_no_longer_than_that(
    checks: Limits, site: ScriptedBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WAIT", 0.05)
    go_on = threading.Event()
    site.on_ask = lambda what: _ignored(go_on.wait(60))
    for _ in range(3):
        checks.check(spec(queue_name="fast"), "slurm")
    assert site.asked == ["queues"]  # one question is under way, for all
    go_on.set()


def test_site_without_accounts_checks_none(checks: Limits, site: ScriptedBatch) -> None:
    site.has_accounts = []
    checks.check(spec(account="any"), "slurm")


def limited(site: ScriptedBatch, *qos: Qos, **account: Any) -> None:
    """Have an account with a limit of each kind, which may have these; the last queue has a QOS of its own."""
    limits = {"max_wall": 7200, "most": {"nodes": 3}, **account}
    names = tuple(one.name for one in qos)
    site.has_accounts = [Account(**{"account": "mine", "user": "ann", "qos": names, **limits})]
    site.has_qos = [*qos, Qos(name="part", max_wall=60, most={"nodes": 2})]
    site.has_queues = [
        BatchQueue(name="debug", is_default=True, time_limit=1800, nodes_total=9, nodes_max=5),
        BatchQueue(name="long", nodes_total=9),
        BatchQueue(name="own", time_limit=60, nodes_total=9, qos="part"),
    ]


SHORT = Qos(name="short", max_wall=600, most={"cpus": 8, "gpus": 1})
NORMAL = Qos(name="normal")
ABOVE = Qos(
    name="above", max_wall=90000, most={"nodes": 7}, ignores_time_limit=True, ignores_queue_qos=True,
    ignores_nodes_max=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "field", "limit", "words"),
    [
        (
            {"qos": "short", "duration": 601},
            "attributes.duration",
            600,
            "601 s is more than QOS short allows: 600 s",
        ),
        ({"qos": "normal", "duration": 7201}, "attributes.duration", 7200, "account mine allows: 7200 s"),
        ({"duration": 7201}, "attributes.duration", 7200, "account mine allows"),  # by default it is normal
        ({"qos": "above", "duration": 90001}, "attributes.duration", 90000, "QOS above allows"),
        ({"qos": "above", "node_count": 8}, "attributes.node_count", 7, "8 nodes are more than QOS above lets"),
        ({"qos": "short", "node_count": 4}, "attributes.node_count", 3, "account mine lets a job have: 3"),
        (
            {"qos": "short", "duration": 60, "resources": {"process_count": 9}},
            "resources.process_count",
            8,
            "9 cpus are more than QOS short lets a job have: 8",
        ),
        (
            {"qos": "short", "duration": 60, "resources": {"process_count": 3, "cpu_cores_per_process": 3}},
            "resources.cpu_cores_per_process",
            8,
            "9 cpus",
        ),
        (
            {"qos": "short", "duration": 60, "resources": {"process_count": 2, "gpu_cores_per_process": 1}},
            "resources.gpu_cores_per_process",
            1,
            "2 gpus",
        ),
        (
            {"queue_name": "own", "duration": 60, "node_count": 3},
            "attributes.node_count",
            2,
            "QOS part lets a job",
        ),
        ({"queue_name": "own", "duration": 61}, "attributes.duration", 60, "queue own allows"),
    ],
)
def test_qos_and_account_limit_a_job_in_the_order_that_slurm_has(
    attributes: dict[str, Any], field: str, limit: Any, words: str, checks: Limits, site: ScriptedBatch
) -> None:
    limited(site, SHORT, NORMAL, ABOVE)
    qos = attributes.pop("qos", None)
    given = {"queue_name": "long", **attributes, "custom_attributes": {"slurm.qos": qos} if qos else {}}
    with pytest.raises(InvalidFieldError) as refused:
        checks.check(spec(**given), "slurm")
    assert (refused.value.field, refused.value.data["limit"]) == (f"job_spec.{field}", limit)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("attributes", "qos"),
    [
        ({"duration": 86400}, "above"),  # more than the account and the queue debug allow
        ({"duration": 86400, "queue_name": "own"}, "above"),
        ({"node_count": 7}, "above"),
        ({"duration": 7200, "queue_name": "long"}, None),
        ({"duration": 10**6, "node_count": 9, "queue_name": "long"}, "unknown"),
    ],
)
def test_qos_that_is_above_other_limits_lets_a_job_through(
    attributes: dict[str, Any], qos: str | None, checks: Limits, site: ScriptedBatch
) -> None:
    limited(site, SHORT, NORMAL, ABOVE)
    if qos == "unknown":  # the scheduler knows what that is
        site.has_accounts = [Account(account="mine", user="ann")]
    checks.check(spec(**attributes, custom_attributes={"Slurm.qos": qos} if qos else {}), "slurm")


def test_default_qos_counts_and_where_it_is_not_known_the_most_generous(
    checks: Limits, site: ScriptedBatch, clock: Clock
) -> None:
    limited(site, SHORT, NORMAL, default_qos="short")
    with pytest.raises(InvalidFieldError, match="QOS short allows"):
        checks.check(spec(duration=601), "slurm")
    limited(site, SHORT, Qos(name="other", max_wall=900))  # neither is the usual one
    clock.now += FRESH
    checks.check(spec(duration=900), "slurm")
    with pytest.raises(InvalidFieldError, match="QOS short allows"):
        checks.check(spec(duration=901), "slurm")


def test_limits_of_an_account_in_one_partition_are_not_those_of_others(
    checks: Limits, site: ScriptedBatch
) -> None:
    limited(site, NORMAL, max_wall=None)
    site.has_accounts.append(Account(account="mine", user="ann", max_wall=60, extra={"partition": "debug"}))
    checks.check(spec(queue_name="long", duration=3600), "slurm")
    with pytest.raises(InvalidFieldError, match="account mine allows: 60 s"):
        checks.check(spec(queue_name="debug", duration=61), "slurm")


@pytest.mark.parametrize("which", ["max_jobs", "max_submit"])
def test_account_that_may_have_no_jobs_is_refused(which: str, checks: Limits, site: ScriptedBatch) -> None:
    limited(site, NORMAL, **{which: 0})
    with pytest.raises(InvalidFieldError, match="account mine allows no jobs"):
        checks.check(spec(), "slurm")


@pytest.mark.parametrize(
    ("of", "groups", "words"),
    [
        ({"users": ("ben", "cleo")}, None, "queue debug is not for user ann; it is for ben, cleo"),
        ({"groups": ("chem",)}, {"staff", "bio"}, "is for the groups chem; you are in none of them"),
        ({"groups": tuple("abcdefg")}, {"staff"}, "a, b, c, d, e and 2 more"),
        ({"users": ("ben", "ann")}, None, None),
        ({"users": ("a*",)}, None, None),
        ({"groups": ("chem", "bio")}, {"staff", "bio"}, None),
        ({"groups": ("chem",)}, None, None),  # nobody knows this user's groups
        ({}, set(), None),
    ],
)
def test_queue_that_is_for_others_is_refused(
    of: dict[str, Any], groups: set[str] | None, words: str | None, checks: Limits, site: ScriptedBatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(limits, "own_user", lambda: "ann")
    monkeypatch.setattr(limits, "own_groups", lambda: None if groups is None else frozenset(groups))
    site.has_queues = [BatchQueue(name="debug", is_default=True, nodes_total=4, **of)]
    if words is None:
        checks.check(spec(), "slurm")
        return
    with pytest.raises(InvalidFieldError, match=words) as refused:
        checks.check(spec(), "slurm")
    assert refused.value.field == "job_spec.attributes.queue_name"
    assert refused.value.data["limit"] == [*of.get("users", ()), *of.get("groups", ())]


def test_only_account_is_the_one_that_counts(checks: Limits, site: ScriptedBatch) -> None:
    del site.has_accounts[1]
    with pytest.raises(InvalidFieldError, match="account poor has no hours left"):
        checks.check(spec(), "slurm")


def test_force_submits_it_all_the_same_and_a_refusal_leaves_no_job(
    life: Begin, queue: Queue, site: ScriptedBatch
) -> None:
    mine = life()
    queue.takes("1")
    wanted = {"executable": "/bin/true", "attributes": {"node_count": 100}}
    with pytest.raises(InvalidFieldError, match="100 is more than"):
        mine.submit(wanted, "slurm")
    assert (mine.service.list()["jobs"], queue.taken) == ([], set())
    answer = mine.service.submit(Submit(wanted, "slurm", True), Caller("s", "k", "ann"))
    assert answer["native_id"] == "1"
