"""Joins from a page: steps, questions, refusals, cancels; the far side isn't reached yet."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_ssh import FakeHosts
from stage import wait_until

from orbit_jupyter.joining import all_kept, watching
from orbit_jupyter.joining.kept import Joined, keep
from orbit_jupyter.joining.steps import Step
from orbit_jupyter.plugin import (
    App,
    AppState,
    ConflictError,
    ForbiddenError,
    InvalidFieldError,
    PluginError,
    Principal,
    ResourceNotFoundError,
)
from orbit_jupyter.plugin.testing import StarClient, star
from orbit_plugins.join import JoinPlugin
from orbit_plugins.join.bodies import Reply, Start
from orbit_plugins.join.questions import kind_of
from orbit_plugins.join.work import MOST_LINES, Work

if TYPE_CHECKING:
    from tests.plugins.join.conftest import Page

SECRET = "Geheim-4711"
KEY = (
    "The authenticity of host 'hpc' can't be established.\n"
    "ED25519 key fingerprint is SHA256:abc.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? "
)


def test_an_unknown_host_fails_with_what_to_do(page: Page) -> None:
    end = page.end(page.start("nowhere"))
    assert end["state"] == "failed"
    assert "no host of that name; look at its spelling" in end["message"]
    assert [(one["step"], one["state"]) for one in end["steps"]] == [("connect", "failed"), ("undo", "done")]
    assert end["spent"] == ["0123456789ab"]  # nobody has taken the token


def test_an_unneeded_token_is_told_to_the_bridge(page: Page) -> None:
    page.start("nowhere")
    assert page.local.event("endpoint_ended", 20)["token_id"] == "0123456789ab"


def test_a_password_is_asked_for_and_goes_to_ssh_alone(
    hosts: FakeHosts, page: Page, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    hosts.add("hpc", ("me@hpc's password: ", SECRET), says=["Welcome to hpc"])
    seen: list[Any] = []
    page.local.bridge.register_callback(None, None, None, lambda *news: seen.append(news))
    id = page.start(python="/nonexistent")
    question = page.question()
    assert (question["kind"], question["prompt"], question["echo"]) == ("password", "me@hpc's password:", False)
    shown = page.shown(id)
    assert (shown["state"], shown["question"]["id"], shown["mine"]) == ("asking", question["id"], True)
    page.answer(id, question["id"], "wrong")
    page.answer(id, page.question()["id"], SECRET)
    end = page.end(id)
    assert [one["step"] for one in end["steps"]] == ["connect", "python", "undo"]
    assert [one["state"] for one in end["steps"]] == ["done", "failed", "done"]
    assert end["steps"][0]["lines"] == ["Welcome to hpc", "Permission denied, please try again."]
    assert "/nonexistent on hpc is no Python" in end["message"]
    assert hosts.masters() == []
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []
    for said in (repr(seen), repr(end), caplog.text, repr(page.local.events)):
        assert SECRET not in said
        assert "the-secret-of-the-token" not in said


@pytest.mark.parametrize("fails", [False, True])
def test_its_end_is_told_once_all_is_given_back(fails: bool) -> None:
    told: list[str] = []
    work = Work("join", "hpc", "hpc1", "a-session", lambda _, data: told.append(data["step"]))

    def do() -> None:
        if fails:
            raise PluginError("it can't be joined")

    def end() -> None:
        assert not work.is_over
        work.spend("0123456789ab")
        told.append("given back")

    work.begin(do, end)
    work.wait(20)
    assert told == ["given back", "end"]
    shown = work.shown("a-session")
    assert (shown["state"], shown["spent"]) == ("failed" if fails else "done", ["0123456789ab"])


def test_a_host_that_talks_without_end_fills_neither_the_page_nor_the_events() -> None:
    told: list[str] = []
    work = Work("join", "hpc", "hpc1", "a-session", lambda _, data: told.append(data["step"]))
    for kind in ("connect", "python"):
        work.on_step(Step(kind, "begins"))
        for _ in range(MOST_LINES):
            work.on_step(Step("ssh", "blah"))
    assert sum(len(one["lines"]) for one in work.shown("a-session")["steps"]) == MOST_LINES
    assert told.count("ssh") == MOST_LINES


def test_reprs_show_no_secret() -> None:
    from rich.pretty import pretty_repr

    reply = Reply("q", SECRET, "0123456789abcdef")
    start = Start("hpc", "hpc1", bridge=None, token=SECRET)  # type: ignore[arg-type]
    assert SECRET not in repr(reply) + repr(start) + pretty_repr(reply) + pretty_repr(start)


def test_an_answer_without_salt_is_refused(hosts: FakeHosts, page: Page) -> None:
    hosts.add("hpc", ("password: ", SECRET))
    id = page.start()
    question = page.question()["id"]
    with pytest.raises(InvalidFieldError, match="salt"):
        page.local.call("POST", f"/join/answer/{page.sid}/{id}", {"question": question, "reply": SECRET})


def test_only_the_session_that_began_may_answer(
    hosts: FakeHosts, page: Page, opened: Callable[[StarClient], Page]
) -> None:
    hosts.add("hpc", ("Verification code: ", "123456"))
    id = page.start()
    question = page.question()
    assert question["kind"] == "second factor"
    other = opened(page.local)
    assert other.shown(id)["mine"] is False
    with pytest.raises(ForbiddenError, match="another window"):
        other.answer(id, question["id"], "123456")
    with pytest.raises(ResourceNotFoundError, match="isn't asked any more"):
        page.answer(id, "earlier", "123456")
    other.cancel(id)
    assert page.end(id)["state"] == "cancelled"


def test_another_user_is_kept_out(page: Page) -> None:
    handle = page.local.plugin("join")
    link = page.local.star.bridge_link
    stranger = Principal("mallory", scopes=("read", "write", "execute"))
    for route in handle.routes:
        if route.path.partition("/")[0] in ("hosts", "joins", "start", "leave", "answer", "cancel"):
            path = route.path.replace("{sid}", page.sid).replace("{join_id}", "x")
            body = {"target": "hpc", "name": "hpc1", "bridge": {"id": "b"}}
            body = {"name": "hpc1", "bridge": {"id": "b"}} if "leave" in path else body
            body = {"question": "q", "reply": "r", "salt": "0" * 16} if "answer" in path else body
            with pytest.raises(ForbiddenError, match="may join clusters from here"):
                page.local.run(_as(link, stranger, route.method, f"/join/{path}", body))


async def _as(link: Any, principal: Principal, method: str, path: str, body: Any) -> Any:
    from orbit_jupyter.protocol import Call

    return await link.request(
        Call(
            id=0,
            endpoint="local",
            method=method,
            path=path,
            body=json.dumps(body).encode() if method == "POST" else b"",
            headers={"content-type": "application/json"},
            principal=principal,
            time_left=20.0,
        )
    )


@pytest.mark.parametrize("reply", ["no", "yes"])
def test_a_host_key_is_shown_and_asked_about(hosts: FakeHosts, page: Page, reply: str) -> None:
    hosts.add("hpc", (KEY, "yes"), ("password: ", SECRET))
    id = page.start()
    question = page.question()
    assert (question["kind"], question["echo"]) == ("host key", True)
    assert "SHA256:abc" in question["prompt"]
    page.answer(id, question["id"], reply)
    if reply == "no":
        assert "wasn't accepted; nothing was sent" in page.end(id)["message"]
    else:
        assert page.question()["kind"] == "password"
        page.cancel(id)
        end = page.end(id)
        assert (end["state"], end["message"]) == ("cancelled", "cancelled: hpc wasn't joined")


def test_one_join_to_a_host_at_once(hosts: FakeHosts, page: Page) -> None:
    hosts.add("hpc", ("password: ", SECRET))
    id = page.start()
    for more in ({"name": "other"}, {"target": "hpc2"}):
        with pytest.raises(ConflictError, match="a join of hpc as hpc1 is under way"):
            page.start(**{"target": "hpc", **more})
    page.cancel(id)
    page.end(id)
    with pytest.raises(ConflictError, match="ended already: cancelled"):
        page.cancel(id)
    page.cancel(page.start())


def test_two_hosts_at_once_ask_each_for_itself(hosts: FakeHosts, page: Page) -> None:
    hosts.add("one", ("one's password: ", "1"), fails="")
    hosts.add("two", ("two's password: ", "2"))
    ids = [page.start("one", name="one", python="/no"), page.start("two", name="two", python="/no")]
    asked = {one["prompt"][:3]: one for one in (page.question(), page.question())}
    for id, name, reply in zip(ids, ("one", "two"), ("1", "2"), strict=True):
        page.answer(id, asked[name]["id"], reply)
    wait_until(lambda: all(page.shown(id)["state"] == "failed" for id in ids), "both have ended")
    assert all("is no Python" in page.shown(id)["message"] for id in ids)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"target": "-oProxyCommand=evil"}, "target"),
        ({"name": "endpoint"}, "name"),
        ({"name": "a b"}, "name"),
        ({"ssh": "-J 'gate"}, "ssh"),
        ({"token": "not a token"}, "token"),
    ],
)
def test_a_wrong_field_is_named(page: Page, body: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        page.start(**{"target": "hpc", **body})
    assert refused.value.field == field


def test_a_question_that_nobody_answers_is_given_up_and_undone(
    hosts: FakeHosts, tmp_path: Path, opened: Callable[[StarClient], Page]
) -> None:
    hosts.add("hpc", ("password: ", SECRET))
    with star(_Hasty, name="local", folder=tmp_path / "state") as endpoint:
        page = opened(endpoint)
        end = page.end(page.start())
    assert end["state"] == "cancelled"
    assert "nobody answered" in end["message"]
    assert [one["step"] for one in end["steps"]] == ["connect", "undo"]
    assert list((hosts.folder / "run" / "orbit").glob("ask*")) == []


class _Hasty(JoinPlugin):
    def __init__(self, app: App, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name, patience=0.2)


def test_an_endpoint_that_ends_takes_its_joins_back(
    hosts: FakeHosts, tmp_path: Path, opened: Callable[[StarClient], Page]
) -> None:
    hosts.add("hpc", ("password: ", SECRET))
    with star(JoinPlugin, name="local", folder=tmp_path / "state") as endpoint:
        page = opened(endpoint)
        page.start()
        page.question()
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert list((hosts.folder / "run" / "orbit").glob("ask*")) == []


def test_a_join_that_fails_leaves_the_tunnel_watched_that_there_was(page: Page) -> None:
    before = Joined("hpc1", "elsewhere", (), "")
    keep(before)
    watching.watch(before)
    try:
        end = page.end(page.start("nowhere"))
        assert "hpc1 is elsewhere, which was joined before" in end["message"]
        watcher = watching._watchers["hpc1"]
        assert watcher.joined == before
        assert watcher.is_at_work
    finally:
        watching.let_go("hpc1")


def test_hosts_of_the_configuration_are_offered(page: Page, home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("Host hpc gate\nHost *.cluster\n")
    assert page.local.call("GET", f"/join/hosts/{page.sid}") == {"hosts": ["hpc", "gate"]}


def test_what_was_joined_is_listed_and_can_be_left(hosts: FakeHosts, page: Page) -> None:
    body = {"name": "hpc1", "bridge": {"id": "b1"}}
    with pytest.raises(ResourceNotFoundError, match="no cluster was joined as 'hpc1'"):
        page.local.call("POST", f"/join/leave/{page.sid}", body)
    hosts.add("hpc")
    keep(Joined("hpc1", "hpc", (), "", token_id="0123456789ab"))
    assert page.local.call("GET", f"/join/joins/{page.sid}")["joined"] == [{"name": "hpc1", "target": "hpc"}]
    id = page.local.call("POST", f"/join/leave/{page.sid}", body)["join_id"]
    end = page.end(id)
    assert (end["what"], end["state"], end["spent"]) == ("leave", "done", ["0123456789ab"])
    assert all_kept() == []
    assert hosts.masters() == []


def test_only_the_endpoint_of_the_users_own_machine_has_it(
    hosts: FakeHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enabled(name: str, role: str = "standalone") -> bool:
        return JoinPlugin.is_enabled(App(AppState(endpoint_name=name, role=role)))

    assert [enabled("local"), enabled("hpc1"), enabled("bridge", "bridge")] == [True, False, False]
    monkeypatch.setenv("JUPYTERHUB_SERVICE_NAME", "orbit")
    assert not enabled("local")
    monkeypatch.delenv("JUPYTERHUB_SERVICE_NAME")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert not enabled("local")


def test_what_a_question_is_about() -> None:
    kinds = {
        "me@hpc's password: ": "password",
        "Enter passphrase for key '/home/me/.ssh/id': ": "passphrase",
        "Verification code: ": "second factor",
        "Allow use of key? (yes/no) ": "yes-no",
        KEY: "host key",
        "Please type 'yes', 'no' or the fingerprint: ": "host key",
    }
    assert {prompt: kind_of(prompt) for prompt in kinds} == kinds
