"""What Tab offers: from the grammar, and from the bridge where that answers in time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.verbs import Candidates, Context, complete, grammar


def ask(kind: str) -> list[str]:
    return [f"{kind}-1", f"{kind}-2"]


@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        ("", "su", ["submit"]),
        ("", "s", ["status", "submit", "sysinfo"]),
        ("token", "", ["create", "list", "revoke"]),
        ("token", "r", ["revoke"]),
        ("use", "", ["endpoints-1", "endpoints-2"]),
        ("jobs --on", "endpoints-2", ["endpoints-2"]),
        ("submit", "--no", ["--no-wait", "--nodes"]),
        ("submit -n 2", "--que", ["--queue"]),
        ("submit -q", "", ["queues-1", "queues-2"]),
        ("submit --queue", "x", []),
        ("submit -x", "", ["executors-1", "executors-2"]),
        ("submit --launcher", "", ["launchers-1", "launchers-2"]),
        ("submit --name", "", []),
        ("submit --wait", "--on", ["--on"]),
        ("submit -n 2 hostname", "", []),
        ("submit --", "--no", []),
        ("submit -n 2 hostname", "--no", []),
        ("status", "", ["jobs-1", "jobs-2"]),
        ("status jobs-1", "jobs-2", ["jobs-2"]),
        ("output -f", "", ["jobs-1", "jobs-2"]),
        ("output jobs-1", "", ["--follow", "--help", "--on", "--stderr"]),
        ("launch x -p", "", ["plugins-1", "plugins-2"]),
        ("help", "la", ["launch"]),
    ],
)
def test_the_word_at_the_cursor_is_completed(words: str, begun: str, offered: list[str]) -> None:
    assert complete(grammar("%orbit"), words.split(), begun, ask) == offered


@pytest.fixture
def silent_bridge() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/orbit"


def test_a_bridge_that_does_not_answer_holds_up_no_typing(silent_bridge: str) -> None:
    with BridgeClient(silent_bridge, token="x") as client:
        candidates = Candidates(Context(lambda: client, None, None), 0.1)  # type: ignore[arg-type]
        offered: list[list[str]] = []
        asking = threading.Thread(target=lambda: offered.append(candidates("endpoints")))
        asking.start()
        asking.join(10)
        assert offered == [[]]


def test_where_no_bridge_is_known_nothing_is_offered() -> None:
    def connect() -> BridgeClient:
        raise ValueError("no bridge URL was found")

    assert Candidates(Context(connect, None, None))("jobs") == []  # type: ignore[arg-type]
