from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from orbit_jupyter.plugin import ConflictError, DeadlineError, InvalidFieldError
from orbit_jupyter.protocol import EndpointDisconnectedError
from orbit_plugins.psij import Job, PSIJClient
from orbit_plugins.psij.events import JobEvents

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import InProcess


def shell(script: str) -> dict[str, Any]:
    return {"executable": "/bin/sh", "arguments": ["-c", script]}


class FakeCaller:
    """Answers with one status after the other."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)

    def get_job_status(self, job_id: str, stdout_offset: int = 0, stderr_offset: int = 0) -> dict[str, Any]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"job_id": job_id, "state": answer, "exit_code": 0 if answer == "COMPLETED" else None}

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        raise AssertionError("not asked for")

    follow_job = unfollow_job = cancel_job


def event(state: str, job_id: str = "j", exit_code: int | None = None) -> dict[str, Any]:
    return {"job_id": job_id, "state": state, "exit_code": exit_code}


def test_job_is_the_dict_of_old_and_more(client: PSIJClient) -> None:
    job = client.submit_job(shell("echo hello; echo oops >&2; exit 3"))
    assert dict(job) == {"job_id": job.id, "native_id": job.native_id}
    assert job.wait(30) == job.state == "FAILED"
    assert job.exit_code == 3
    assert (job.stdout, job.output, job.stderr) == ("hello\n", "hello\n", "oops\n")
    assert job.states == ["QUEUED", "ACTIVE", "FAILED"]
    assert job.status()["exit_code"] == 3
    assert repr(job).startswith(f"<Job {job.id} FAILED: /bin/sh -c echo hello")


def test_waiting_is_driven_by_events(client: PSIJClient, endpoint: InProcess) -> None:
    jobs = [client.submit_job(shell(f"exit {number}")) for number in range(3)]
    assert [job.wait(30) for job in jobs] == ["COMPLETED", "FAILED", "FAILED"]
    assert [job.exit_code for job in jobs] == [0, 1, 2]
    assert [route for _, route in endpoint.calls if route == "status"] == []
    assert len(endpoint.callbacks) == 1


def test_each_submit_has_a_key_of_its_own(client: PSIJClient, endpoint: InProcess) -> None:
    for _ in range(2):
        client.submit_job(shell("true")).wait(30)
    keys = [key for key in endpoint.keys if key]
    assert len(set(keys)) == 2


def test_long_output_comes_whole(client: PSIJClient) -> None:
    job = client.submit_job(shell("head -c 2500000 /dev/zero | tr '\\0' x; printf '\\303'"))
    job.wait(30)
    assert job.stdout == "x" * 2_500_000 + "\ufffd"
    assert job.stderr == ""


def test_cancel_ends_a_job_and_twice_is_a_conflict(client: PSIJClient) -> None:
    job = client.submit_job(shell("sleep 300"))
    assert job.cancel() == {"job_id": job.id, "status": "canceled"}
    assert job.wait(30) == "CANCELED"
    with pytest.raises(ConflictError, match="CANCELED"):
        job.cancel()
    assert client.list_jobs()["jobs"][0]["state"] == "CANCELED"


def test_timeout_says_what_the_job_is_doing_and_leaves_it(client: PSIJClient) -> None:
    job = client.submit_job(shell("sleep 300"))
    with pytest.raises(DeadlineError, match=f"{job.id} is ACTIVE"):
        job.wait(0)
    assert isinstance(DeadlineError("x"), TimeoutError)
    assert job.state == "ACTIVE"
    assert job.exit_code is None
    client.cancel_job(job.id)
    job.wait(30)


def test_job_without_events_asks_for_its_state(endpoint: InProcess) -> None:
    client = PSIJClient(endpoint, "/ep/psij")
    client.register_session()
    job = client.submit_job(shell("exit 4"))
    assert job.wait() == "FAILED"
    assert job.exit_code == 4
    client.close()


def test_refused_spec_names_its_field(client: PSIJClient) -> None:
    with pytest.raises(InvalidFieldError, match=r"job_spec\.executable"):
        client.submit_job({"arguments": []})


def test_closing_the_client_ends_its_callback_and_not_the_job(client: PSIJClient, endpoint: InProcess) -> None:
    job = client.submit_job(shell("sleep 300"))
    client.close()
    assert endpoint.callbacks == []
    client.register_session()
    assert job.state == "ACTIVE"
    job.cancel()
    endpoint.host.wait_ended(job.id)


def test_many_threads_submit_through_one_client(client: PSIJClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda n: client.submit_job(shell(f"exit {n}")), range(16)))
    assert [job.wait(30) and job.exit_code for job in jobs] == list(range(16))
    for job in jobs:
        assert len(job.states) == len(set(job.states))


def test_events_that_come_before_the_job_are_kept_for_it() -> None:
    events = JobEvents()
    with events.expecting():
        events.take("ep", "psij", "job_status", event("QUEUED"))
        events.take("ep", "psij", "job_status", event("ACTIVE", job_id="other"))
        events.take("ep", "psij", "job_status", event("COMPLETED", exit_code=0))
        job = Job({"job_id": "j", "native_id": "1"}, client=FakeCaller(), told=True)
        events.add(job)
    assert job.states == ["QUEUED", "COMPLETED"]
    assert job.wait(0) == "COMPLETED"
    assert not events._early


def test_early_events_are_bounded_and_kept_only_while_a_submit_is_under_way() -> None:
    events = JobEvents(early_kept=3)
    events.take("ep", "psij", "job_status", event("QUEUED"))
    assert not events._early
    with events.expecting():
        for number in range(10):
            events.take("ep", "psij", "job_status", event("QUEUED", job_id=str(number)))
        assert [kept["job_id"] for kept in events._early] == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("seen", "states"),
    [
        (["QUEUED", "QUEUED", "ACTIVE"], ["QUEUED", "ACTIVE"]),
        (["COMPLETED", "QUEUED", "ACTIVE", "COMPLETED"], ["QUEUED", "ACTIVE", "COMPLETED"]),
        (["CANCELED", "FAILED"], ["CANCELED"]),
        (["NEW", "SOMETHING"], []),
    ],
)
def test_states_are_in_order_and_each_once(seen: list[str], states: list[str]) -> None:
    job = Job({"job_id": "j", "native_id": "1"}, client=FakeCaller(), told=True)
    for state in seen:
        job._saw(event(state))
    assert job.states == states


def test_missed_event_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orbit_plugins.psij.job.REREAD", 0.01)
    gone = EndpointDisconnectedError("the endpoint is away for a moment")
    job = Job({"job_id": "j", "native_id": "1"}, client=FakeCaller("ACTIVE", gone, "COMPLETED"), told=True)
    assert job.wait(30) == "COMPLETED"
    assert job.states == ["ACTIVE", "COMPLETED"]


def test_interrupted_wait_leaves_the_job_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(
        self: threading.Condition, predicate: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        raise KeyboardInterrupt

    job = Job({"job_id": "j", "native_id": "1"}, client=FakeCaller(), told=True)
    monkeypatch.setattr(threading.Condition, "wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        job.wait()
    assert job.states == []
