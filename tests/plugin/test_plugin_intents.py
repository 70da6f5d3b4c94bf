"""Acting once for each idempotency key."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orbit_jupyter.plugin import ConflictError, HTTPException, InvalidFieldError, PluginError
from orbit_jupyter.plugin.intents import Intent, Intents

ASKED = {"what": "a job"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "intents"


class Acts:
    """Counts what happens; each time it is given something to raise, it does."""

    def __init__(self, *errors: Exception | type[BaseException]) -> None:
        self.intents: list[Intent] = []
        self._errors = list(errors)

    def __call__(self, intent: Intent) -> dict[str, Any]:
        self.intents.append(intent)
        if self._errors:
            raise self._errors.pop(0)
        return {"job_id": len(self.intents)}


def test_repeat_gets_the_first_result_also_after_a_restart(folder: Path) -> None:
    intents, act = Intents(folder), Acts()
    assert intents.once("k", ASKED, act) == {"job_id": 1}
    assert intents.once("k", ASKED, act) == {"job_id": 1}
    assert Intents(folder).once("k", ASKED, act) == {"job_id": 1}
    assert intents.once("other", ASKED, act) == {"job_id": 2}
    assert len(act.intents) == 2


def test_without_a_key_nothing_is_kept(folder: Path) -> None:
    intents, act = Intents(folder), Acts()
    assert [intents.once("", ASKED, act)["job_id"] for _ in range(2)] == [1, 2]
    assert not folder.exists()


def test_two_users_may_have_the_same_key(folder: Path) -> None:
    intents, act = Intents(folder), Acts()
    assert intents.once("b/k", ASKED, act, user="a") == {"job_id": 1}
    assert intents.once("k", ASKED, act, user="a/b") == {"job_id": 2}


@pytest.mark.parametrize("restart", [False, True])
def test_key_of_another_request_is_refused(restart: bool, folder: Path) -> None:
    intents, act = Intents(folder), Acts()
    intents.once("k", {"a": 1, "b": 2}, act)
    intents = Intents(folder) if restart else intents
    assert intents.once("k", {"b": 2, "a": 1}, act) == {"job_id": 1}
    with pytest.raises(InvalidFieldError, match="another request before") as refused:
        intents.once("k", {"a": 1}, act)
    assert (refused.value.status, refused.value.field) == (422, "Idempotency-Key")
    assert len(act.intents) == 1


@pytest.mark.parametrize("error", [ConflictError("no"), InvalidFieldError("no"), HTTPException(404, "no")])
def test_refusal_leaves_the_key_free_for_any_request(error: Exception, folder: Path) -> None:
    intents, act = Intents(folder), Acts(error)
    with pytest.raises(type(error)):
        intents.once("k", ASKED, act)
    assert list(folder.iterdir()) == []
    assert intents.once("k", {"another": 1}, act) == {"job_id": 2}
    assert [intent.again for intent in act.intents] == [False, False]


class Killed(BaseException):
    """What no plugin catches."""


@pytest.mark.parametrize(
    "error",
    [PluginError("away", status=503, transient=True), PluginError("?"), OSError("full"), ValueError(), Killed],
)
@pytest.mark.parametrize("restart", [False, True])
def test_open_outcome_is_told_to_the_next_try_with_the_same_note(
    error: Exception | type[BaseException], restart: bool, folder: Path
) -> None:
    # The second try is refused, which says nothing of the first: the key stays what it was.
    intents, act, noted = Intents(folder), Acts(error, ConflictError("no")), iter(range(9))

    def once(asked: object = ASKED) -> dict[str, Any]:
        return intents.once("k", asked, act, note=lambda: {"id": next(noted)})

    with pytest.raises(error if isinstance(error, type) else type(error)):
        once()
    intents = Intents(folder) if restart else intents
    with pytest.raises(ConflictError):
        once()
    with pytest.raises(InvalidFieldError):
        once({"another": 1})
    assert once() == {"job_id": 3}
    assert once() == {"job_id": 3}
    assert act.intents == [Intent("k", {"id": 0}, again) for again in (False, True, True)]


def test_intent_is_on_the_disk_before_anything_happens(folder: Path) -> None:
    def act(intent: Intent) -> str:
        (file,) = folder.iterdir()
        assert b"the note" in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
        return "done"

    assert Intents(folder).once("k", ASKED, act, note=lambda: {"id": "the note"}) == "done"


def test_intent_that_cannot_be_written_stops_the_act(folder: Path) -> None:
    folder.symlink_to(folder.with_name("nowhere"))
    act = Acts()
    with pytest.raises(PluginError, match="nothing was done") as refused:
        Intents(folder).once("k", ASKED, act)
    assert (refused.value.status, refused.value.transient) == (503, True)
    assert act.intents == []


def test_result_that_cannot_be_written_leaves_the_outcome_open(folder: Path) -> None:
    again: list[bool] = []

    def act(intent: Intent) -> str:
        again.append(intent.again)
        if not intent.again:
            folder.rename(folder.with_name("aside"))
            folder.write_text("in the way")
        return "done"

    intents = Intents(folder)
    assert intents.once("k", ASKED, act) == "done"
    folder.unlink()
    (folder.with_name("aside")).rename(folder)
    assert intents.once("k", ASKED, act) == "done"
    assert again == [False, True]


def test_damaged_file_is_neither_used_nor_replaced(folder: Path) -> None:
    intents, act = Intents(folder), Acts()
    intents.once("k", ASKED, act)
    (file,) = folder.iterdir()
    file.write_bytes(b"{")
    for each in (intents, Intents(folder)):
        with pytest.raises(PluginError, match=file.name):
            each.once("k", ASKED, act)
    assert (file.read_bytes(), len(act.intents)) == (b"{", 1)


@pytest.mark.parametrize("error", [None, ConflictError("no")])
def test_who_comes_meanwhile_gets_the_same(error: Exception | None, folder: Path) -> None:
    intents, together, calls = Intents(folder), threading.Barrier(8), []
    waiting = threading.Semaphore(0)

    def act(intent: Intent) -> dict[str, Any]:
        calls.append(1)
        for _ in range(7):
            assert waiting.acquire(timeout=30)
        if error is not None:
            raise error
        return {"job_id": 1}

    class Meanwhile(threading.Event):
        """Looked at by those who wait, so that the first knows of them."""

        def is_set(self) -> bool:
            waiting.release()
            return False

    def repeat(_: int) -> Any:
        together.wait()
        try:
            return intents.once("k", ASKED, act, cancelled=Meanwhile())
        except ConflictError as refused:
            return str(refused)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(repeat, range(8)))
    assert answers == [{"job_id": 1} if error is None else "no"] * 8
    assert calls == [1]


def meanwhile(intents: Intents, then: Callable[[], None]) -> None:
    """Do something while another acts for the key `k`."""
    acting, go_on = threading.Event(), threading.Event()

    def act(intent: Intent) -> None:
        acting.set()
        assert go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(intents.once, "k", ASKED, act)
        assert acting.wait(30)
        try:
            then()
        finally:
            go_on.set()
        first.result(30)


def test_who_waits_and_is_cancelled_waits_no_longer(folder: Path) -> None:
    intents, cancelled = Intents(folder), threading.Event()
    cancelled.set()

    def then() -> None:
        with pytest.raises(ConflictError, match="still under way"):
            intents.once("k", ASKED, Acts(), cancelled=cancelled)

    meanwhile(intents, then)


def test_another_request_is_refused_at_once_and_another_key_does_not_wait(folder: Path) -> None:
    intents = Intents(folder)

    def then() -> None:
        with pytest.raises(InvalidFieldError):
            intents.once("k", {"another": 1}, Acts())
        assert intents.once("other", ASKED, Acts()) == {"job_id": 1}

    meanwhile(intents, then)


def keys(folder: Path) -> set[str]:
    return {part for file in folder.iterdir() for part in file.read_text().split('"') if part.startswith("key-")}


@pytest.mark.parametrize("restart", [False, True])
def test_oldest_finished_are_forgotten_first(restart: bool, folder: Path) -> None:
    intents = Intents(folder, kept=3)
    with pytest.raises(PluginError):
        intents.once("key-open", ASKED, Acts(PluginError("?")))
    for number in range(6):
        if restart:
            for file in folder.iterdir():  # in their order, whatever the resolution of the file system's clock
                changed = file.stat().st_mtime - 10
                os.utime(file, (changed, changed))
            intents = Intents(folder, kept=3)
        intents.once(f"key-{number}", ASKED, Acts())
    assert keys(folder) == {"key-open", "key-4", "key-5"}
    assert intents.once("key-5", ASKED, Acts(ValueError())) == {"job_id": 1}


def test_too_old_are_forgotten_finished_or_not(folder: Path) -> None:
    intents = Intents(folder)
    intents.once("key-old", ASKED, Acts())
    with pytest.raises(PluginError):
        intents.once("key-open", ASKED, Acts(PluginError("?")))
    for file in folder.iterdir():
        long_ago = time.time() - 31 * 86400
        os.utime(file, (long_ago, long_ago))
    (folder / "notes.txt").write_text("mine")
    intents = Intents(folder)
    intents.sweep()
    assert keys(folder) == set()
    assert (folder / "notes.txt").exists()
