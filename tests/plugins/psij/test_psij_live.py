"""Output of jobs while they run: the events, and what a client makes of them."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orbit_jupyter.plugin import OverloadedError, ResourceNotFoundError, SessionTable
from orbit_jupyter.protocol import EndpointDisconnectedError, RouteNotFoundError
from orbit_plugins.psij import Job, PSIJClient, following
from orbit_plugins.psij.following import PIECE, PIECES, Following
from orbit_plugins.psij.jobs import JobRecord, StateChange
from orbit_plugins.psij.spec import parse_spec

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host, InProcess


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at files more often than in life."""
    monkeypatch.setattr(following, "LOOK", 0.02)
    monkeypatch.setattr(following, "LONGEST", 0.05)


class Files:
    """A job whose output the test writes."""

    def __init__(self, folder: Path) -> None:
        self.told: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.following = Following()
        self.following.tell = self._tell
        spec = parse_spec({"executable": "x"})
        history = [StateChange("ACTIVE", 0.0)]
        self.job = JobRecord("j", "slurm", "s", spec, folder / "out", folder / "err", history)

    def _tell(self, event: dict[str, Any], session: str) -> None:
        assert session == "s"
        assert len(msgspec.json.encode(event)) <= 64 * 1024
        with self.changed:
            self.told.append(event)
            self.changed.notify_all()

    def text(self, stream: str = "stdout") -> str:
        return "".join(event["text"] for event in self.told if event["stream"] == stream)

    def wait(self, what: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(what, 30), [(e["offset"], e["next_offset"]) for e in self.told]

    def write(self, data: bytes) -> None:
        with self.job.stdout_path.open("ab") as file:
            file.write(data)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    files = Files(tmp_path)
    yield files
    files.following.stop()


def test_what_comes_after_the_beginning_is_told_in_its_order(files: Files) -> None:
    files.write(b"before\n")
    assert files.following.follow(files.job, "s1") == {"stdout": 7, "stderr": 0}
    for text in (b"one\n", b"two\n", "dr\u00e9i\n".encode()):
        files.write(text)
        files.wait(lambda: files.text().endswith(text.decode()))  # noqa: B023 - it is waited for here
    assert files.text() == "one\ntwo\ndr\u00e9i\n"
    ends = [7, *(event["next_offset"] for event in files.told)]
    assert [event["offset"] for event in files.told] == ends[:-1]
    assert ends[-1] == files.job.stdout_path.stat().st_size


def test_character_whose_bytes_are_not_all_there_waits_for_them(files: Files) -> None:
    files.following.follow(files.job, "s1")
    files.write("a\u20ac".encode()[:-1])
    files.wait(lambda: files.text() == "a")
    files.write("\u20ac".encode()[-1:])
    files.wait(lambda: files.text() == "a\u20ac")


@pytest.mark.parametrize("byte", [b"x", b"\x00", b"\xff", "\u20ac".encode()])
def test_event_is_never_too_large(byte: bytes, files: Files) -> None:
    files.following.follow(files.job, "s1")
    files.write(byte * (PIECE * 3 // len(byte)))
    size = files.job.stdout_path.stat().st_size
    files.wait(lambda: bool(files.told) and files.told[-1]["next_offset"] == size)
    assert files.text() == (byte * (PIECE * 3 // len(byte))).decode("utf-8", "replace")


def test_job_that_writes_too_much_is_skipped_ahead_and_says_where(files: Files) -> None:
    files.following.follow(files.job, "s1")
    size = PIECE * PIECES * 10
    files.write(b"x" * size)
    files.wait(lambda: bool(files.told) and files.told[-1]["next_offset"] == size)
    assert files.told[0]["offset"] > 0
    assert len(files.told) <= PIECES


def test_last_output_is_told_when_the_job_ends(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK", 3600.0)
    files.following.follow(files.job, "s1")
    files.write(b"the last")
    files.following.finish(files.job)
    files.wait(lambda: files.text() == "the last")
    files.write(b"nobody follows any more")
    files.following.finish(files.job)
    assert files.text() == "the last"


def test_job_is_followed_while_a_session_does(files: Files) -> None:
    for session in ("s1", "s2", "s3"):
        files.following.follow(files.job, session)
    files.following.unfollow("j", "s1")
    files.following.keep({"s1", "s3"})
    assert set(files.following._followed) == {"j"}
    files.following.unfollow("j", "s3")
    files.following.unfollow("j", "s3")
    assert files.following._followed == {}


def test_too_many_are_refused(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST", 0)
    with pytest.raises(OverloadedError, match="followed already"):
        files.following.follow(files.job, "s1")


@pytest.mark.asyncio
async def test_running_job_is_followed_by_its_routes(host: Host, fifo: Path) -> None:
    job_id = await host.shell(f"echo begun; cat {fifo}; echo oops >&2; cat {fifo}")
    begun = await host.call("POST", f"follow/{host.sid}/{job_id}")
    assert set(begun) == {"job_id", "stdout_offset", "stderr_offset"}
    await asyncio.to_thread(fifo.write_text, "in between\n")
    events = await asyncio.to_thread(host.wait_output, job_id, "oops\n")
    assert {event["stream"] for event in events} == {"stdout", "stderr"}
    await asyncio.to_thread(fifo.write_text, "at last\n")
    await host.ended(job_id)
    told = "".join(e["text"] for e in host.output if e["stream"] == "stdout")
    assert (await host.status(job_id))["stdout"][begun["stdout_offset"] :] == told
    assert await host.call("POST", f"unfollow/{host.sid}/{job_id}") == {"job_id": job_id}
    with pytest.raises(ResourceNotFoundError):
        await host.call("POST", f"follow/{host.sid}/nope")


@pytest.mark.asyncio
async def test_job_whose_session_expired_is_followed_no_more(host: Host, fifo: Path) -> None:
    now = [0.0]
    host.plugin._sessions = SessionTable(10, clock=lambda: now[0])
    host.sid = await host.new_session()
    job_id = await host.shell(f"cat {fifo}")
    await host.call("POST", f"follow/{host.sid}/{job_id}")
    assert host.plugin.service.following._followed
    now[0] = 11.0
    await host.plugin.sweep()
    assert not host.plugin.service.following._followed
    await asyncio.to_thread(fifo.write_text, "go\n")
    await host.ended(job_id)


def shell(script: str) -> dict[str, Any]:
    return {"executable": "/bin/sh", "arguments": ["-c", script]}


def test_lines_come_while_the_job_runs_and_end_with_it(client: PSIJClient, fifo: Path) -> None:
    job = client.submit_job(shell(f"echo one; cat {fifo}; printf 'no end'"))
    lines = job.lines()
    assert next(lines) == "one"
    assert job.state == "ACTIVE"
    fifo.write_text("two\nthr")
    assert next(lines) == "two"
    assert list(lines) == ["thrno end"]
    assert job.state == "COMPLETED"
    assert job._live == []


def test_both_streams_are_followed_to_the_end(client: PSIJClient) -> None:
    job = client.submit_job(shell("echo out; echo err >&2; exit 3"))
    pieces = list(job.follow())
    assert "".join(text for stream, text in pieces if stream == "stdout") == "out\n"
    assert "".join(text for stream, text in pieces if stream == "stderr") == "err\n"
    assert job.exit_code == 3


def test_tail_shows_and_returns_the_state(client: PSIJClient, capsys: pytest.CaptureFixture[str]) -> None:
    job = client.submit_job(shell("echo out; echo err >&2"))
    assert job.tail() == "COMPLETED"
    assert capsys.readouterr() == ("out\n", "err\n")
    shown: list[str] = []
    assert job.tail(shown.append) == "COMPLETED"
    assert sorted("".join(shown).split()) == ["err", "out"]


def test_long_output_comes_whole_and_once(client: PSIJClient) -> None:
    job = client.submit_job(shell("i=0; while [ $i -lt 60000 ]; do echo line $i; i=$((i+1)); done"))
    for number, line in zip(itertools.count(), job.lines()):
        assert line == f"line {number}"
    assert number == 59_999


def test_who_stops_reading_follows_no_more(client: PSIJClient, endpoint: InProcess, fifo: Path) -> None:
    job = client.submit_job(shell(f"echo one; cat {fifo}"))
    for _ in job.lines():
        break
    assert endpoint.host.plugin.service.following._followed == {}
    fifo.write_text("")
    job.wait(30)


def test_unknown_stream_is_refused(client: PSIJClient) -> None:
    job = client.submit_job(shell("true"))
    with pytest.raises(ValueError, match="stdin"):
        next(job.follow("stdin"))
    job.wait(30)


def test_handle_on_a_job_that_there_was_before(client: PSIJClient, endpoint: InProcess, fifo: Path) -> None:
    first = client.submit_job({**shell(f"echo hello; cat {fifo}"), "name": "sim"})
    again = PSIJClient(endpoint, "/ep/psij", endpoint)
    again.register_session()
    job = again.job(first.id)
    assert (dict(job), job.name, repr(job)) == (dict(first), "sim", repr(first).replace("NEW", job._last))
    lines = job.lines()
    assert next(lines) == "hello"
    fifo.write_text("bye\n")
    assert list(lines) == ["bye"]
    assert (job.wait(30), job.exit_code) == ("COMPLETED", 0)
    with pytest.raises(ResourceNotFoundError):
        again.job("nope")
    first.wait(30)
    again.close()
    assert [topic for topic, _ in endpoint.callbacks] == ["job_status"]


class Written:
    """A client behind which a job has written this much; each answer is one more piece of it."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers, self.text = list(answers), ""

    def get_job_status(self, job_id: str, stdout_offset: int = 0, stderr_offset: int = 0) -> dict[str, Any]:
        answer = self.answers.pop(0) if self.answers else ""
        if isinstance(answer, Exception):
            raise answer
        self.text += answer
        new, end = self.text[stdout_offset:], max(len(self.text), stdout_offset)
        state = "ACTIVE" if self.answers else "COMPLETED"
        more = {"stderr": "", "stderr_offset": stderr_offset, "exit_code": None}
        return {"job_id": "j", "state": state, "stdout": new, "stdout_offset": end, **more}

    def follow_job(self, job_id: str) -> dict[str, Any]:
        raise RouteNotFoundError("an endpoint of an older release")

    def unfollow_job(self, job_id: str) -> dict[str, Any]:
        raise EndpointDisconnectedError("it is gone")

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        raise AssertionError("not asked for")


def job_of(client: Written) -> Job:
    job = Job({"job_id": "j", "native_id": "1"}, client=client)
    job._every = 0.01
    return job


def test_endpoint_that_tells_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    away = EndpointDisconnectedError("for a moment")
    assert list(job_of(Written("a\nb", "", "c\n", away, "", "d\n", "")).lines()) == ["a", "bc", "d"]


def event(offset: int, text: str) -> dict[str, Any]:
    return {"job_id": "j", "stream": "stdout", "offset": offset, "next_offset": offset + len(text), "text": text}


def test_missing_and_repeated_events_are_made_up_for() -> None:
    client = Written("abc", "", "defghij", "", "", "")
    job = job_of(client)
    job._every = 3600.0
    client.follow_job = lambda job_id: {}  # type: ignore[method-assign]
    pieces = job.follow("stdout")
    assert next(pieces) == ("stdout", "abc")
    job._wrote(event(0, "abc"))
    job._wrote(event(3, "de"))
    assert next(pieces) == ("stdout", "de")
    job._wrote(event(3, "de"))
    job._wrote(event(8, "ij"))  # "fgh" is missing
    assert next(pieces) == ("stdout", "fghij")
    job._saw({"state": "COMPLETED", "exit_code": 0})
    assert list(pieces) == []
