"""What is looked at before a scheduler gets a job: what it would take and then have wait for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from psij_life import Life, Queue
from scripted_batch import AWAY, ScriptedBatch, systems

from orbit_jupyter.host.batch import Account
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
    assert site.asked == ["queues", "accounts"]
    clock.now += FRESH
    checks.check(spec(), "slurm")
    assert site.asked == ["queues", "accounts"] * 2


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
