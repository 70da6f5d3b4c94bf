"""A question travels from the program that ssh runs to whoever answers, and the answer back."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orbit_jupyter.joining.asking import Desk


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder with a name that is short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        yield Path(made)


class Answers:
    """Answers from a list, and keeps what was asked."""

    def __init__(self, *answers: str | None) -> None:
        self.answers, self.asked, self.told = list(answers), list[tuple[str, bool]](), list[str]()

    def __call__(self, prompt: str, echo: bool) -> str | None:
        self.asked.append((prompt, echo))
        return self.answers.pop(0)


def program(desk: Desk, prompt: str, hint: str = "") -> tuple[int, str]:
    """Run what ssh runs, and serve it; return its status and what it prints."""
    environment = {**os.environ, **desk.environment, "PYTHONPATH": "/nonexistent", "SSH_ASKPASS_PROMPT": hint}
    process = subprocess.Popen(
        [desk.environment["SSH_ASKPASS"], prompt], env=environment, stdout=subprocess.PIPE, text=True
    )
    while process.poll() is None:
        desk.serve(0.05)
    return process.returncode, process.communicate()[0]


def test_question_and_answer(folder: Path) -> None:
    answers = Answers("Geheim €", "yes", None)
    with Desk(folder, answers, answers.told.append) as desk:
        assert program(desk, "me@hpc's password: ") == (0, "Geheim €\n")
        assert program(desk, "line\nAre you sure (yes/no/[fingerprint])? ") == (0, "yes\n")
        cancelled = [desk.cancelled]
        assert program(desk, "Verification code: ")[0] == 1
        assert [*cancelled, desk.cancelled] == [False, True]
        assert not [path for path in folder.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o022]
    assert [echo for _, echo in answers.asked] == [False, True, False]
    assert answers.asked[1][0].startswith("line\n")
    assert list(folder.iterdir()) == []


def test_two_connections_that_are_opened_at_once_ask_each_their_own(folder: Path) -> None:
    one, other = Answers("first"), Answers("second")
    with Desk(folder, one, one.told.append) as first:
        with Desk(folder, other, other.told.append) as second:
            assert program(first, "password of one: ") == (0, "first\n")
            assert program(second, "password of the other: ") == (0, "second\n")
            one.answers = ["again"]
        assert program(first, "code of one: ") == (0, "again\n")
    assert [prompt for prompt, _ in one.asked] == ["password of one: ", "code of one: "]
    assert list(folder.iterdir()) == []


def test_confirmation_and_mere_words(folder: Path) -> None:
    answers = Answers("yes", "no")
    with Desk(folder, answers, answers.told.append) as desk:
        assert program(desk, "Allow use of key?", "confirm")[0] == 0
        assert program(desk, "Touch your key", "none")[0] == 0
        assert answers.told == ["Touch your key"]
        assert program(desk, "Allow use of key?", "confirm")[0] == 1


def test_a_program_that_hangs_up_is_no_question(folder: Path) -> None:
    answers = Answers()
    with Desk(folder, answers, answers.told.append) as desk:
        import socket

        with socket.socket(socket.AF_UNIX) as other:
            other.connect(desk.environment["ORBIT_ASK_SOCKET"])
        assert desk.serve(5)
        assert not desk.serve(0)
    assert answers.asked == []


def test_where_nobody_is_it_says_what_to_do() -> None:
    code = (
        "from orbit_jupyter.joining import ask_here, JoinError\n"
        "try: ask_here('password: ', False)\n"
        "except JoinError as error: print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "nobody is here to answer; join once in a terminal" in ran.stdout
