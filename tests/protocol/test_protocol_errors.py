"""One exception tree for both sides of the wire, and its one table."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orbit_jupyter.protocol import (
    ConflictError,
    DeadlineError,
    EndpointDisconnectedError,
    Fail,
    InvalidFieldError,
    NotFoundError,
    OrbitError,
    OverloadedError,
    PluginError,
    ResourceNotFoundError,
    SessionExpiredError,
    UnreadableFrameError,
    decode,
    encode,
    error_body,
    error_from,
    errors,
    fail_from,
    reply_from,
)
from orbit_jupyter.protocol.errors import BY_CODE, BY_STATUS, ERRORS


def over_the_wire(fail: Fail) -> OrbitError:
    frame = decode(encode(fail))
    assert isinstance(frame, Fail)
    return error_from(frame)


class WebError(Exception):
    """As FastAPI's HTTPException looks."""

    def __init__(self, status_code: int, detail: object) -> None:
        super().__init__("what only the server sees")
        self.status_code, self.detail = status_code, detail


def subclasses_of(kind: type[OrbitError]) -> set[type[OrbitError]]:
    return {kind}.union(*(subclasses_of(below) for below in kind.__subclasses__()))


def test_every_class_has_a_code_of_its_own() -> None:
    assert len(BY_CODE) == len(ERRORS)
    here = {kind for kind in subclasses_of(OrbitError) if kind.__module__ == errors.__name__}
    assert set(ERRORS) == here
    assert all("code" in vars(kind) for kind in ERRORS)


def test_docstring_draws_the_tree_as_it_is() -> None:
    assert errors.__doc__ is not None
    for kind in ERRORS:
        (line,) = [line for line in errors.__doc__.splitlines() if kind.__name__ in line.split()]
        words = line[line.index(kind.__name__) :].split()
        expected = [kind.__name__, kind.code, str(kind.default_status)]
        assert words == expected + ["transient"] * kind.default_transient


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
def test_error_arrives_as_the_class_that_it_was(kind: type[OrbitError]) -> None:
    sent = kind("it broke", status=599, transient=not kind.default_transient, data={"traceback": "tb", "n": 1})
    got = over_the_wire(fail_from(sent, 5))
    assert type(got) is kind
    assert isinstance(got, RuntimeError)
    assert (got.message, got.status, got.transient, got.data) == (
        "it broke",
        599,
        not kind.default_transient,
        {"traceback": "tb", "n": 1},
    )
    assert (str(got), got.status_code, got.detail, got.remote_traceback) == ("it broke", 599, "it broke", "tb")


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
def test_error_with_nothing_said_takes_its_class_s_own(kind: type[OrbitError]) -> None:
    got = over_the_wire(fail_from(kind("it broke")))
    assert (got.status, got.transient, got.data) == (kind.default_status, kind.default_transient, {})
    assert fail_from(kind("x"), 9).id == 9


def test_deadline_is_a_timeout_error_as_scripts_expect() -> None:
    assert issubclass(DeadlineError, TimeoutError)


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
def test_status_table_agrees_with_the_classes(status: int, kind: type[OrbitError]) -> None:
    assert kind.default_status == status


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("from-a-newer-release", 409, ConflictError),
        ("from-a-newer-release", 418, OrbitError),
        ("", 404, NotFoundError),
        ("resource-not-found", 404, ResourceNotFoundError),
        ("conflict", 404, ConflictError),
    ],
)
def test_unknown_code_falls_back_to_the_status(code: str, status: int, kind: type[OrbitError]) -> None:
    error = error_from(Fail(1, code, "x", status=status))
    assert type(error) is kind
    assert error.status == status


def test_unreadable_frame_travels_as_a_protocol_error() -> None:
    assert over_the_wire(fail_from(UnreadableFrameError("bytes", "x", 3))).code == "protocol-error"


@pytest.mark.parametrize(
    ("status", "detail", "kind", "message"),
    [
        (404, "no such file", NotFoundError, "no such file"),
        (409, "taken", ConflictError, "taken"),
        (410, "old", SessionExpiredError, "old"),
        (418, "teapot", PluginError, "teapot"),
        (503, "later", EndpointDisconnectedError, "later"),
        (422, [{"loc": ["body"]}], InvalidFieldError, "[{'loc': ['body']}]"),
        (400, "", errors.BadRequestError, ""),
        (400, None, errors.BadRequestError, "what only the server sees"),
    ],
)
def test_web_framework_s_exception_keeps_its_status_and_text(
    status: int, detail: object, kind: type[OrbitError], message: str
) -> None:
    got = over_the_wire(fail_from(WebError(status, detail)))
    assert (type(got), got.status, got.message) == (kind, status, message)
    assert got.transient is kind.default_transient


def test_any_other_exception_is_a_plugin_error_that_names_it() -> None:
    got = over_the_wire(fail_from(KeyError("walltime")))
    assert (type(got), got.status, got.message) == (PluginError, 500, "KeyError: 'walltime'")


class Stubborn:
    def __repr__(self) -> str:
        return "caf\udce9"


@pytest.mark.parametrize(
    ("error", "message", "data"),
    [
        (FileNotFoundError("caf\udce9.txt"), r"FileNotFoundError: caf\udce9.txt", {}),
        (WebError(404, "caf\udce9.txt"), r"caf\udce9.txt", {}),
        (ConflictError("caf\udce9"), r"caf\udce9", {}),
        (ConflictError("x", data={"path": Path("/a")}), "x", {"path": "/a"}),
        (ConflictError("x", data={"path": "\udce9"}), "x", {"path": r"'\udce9'"}),
        (ConflictError("x", data={"big": 2**70}), "x", {"big": str(2**70)}),
        (ConflictError("x", data={"it": Stubborn()}), "x", {"it": r"caf\udce9"}),
    ],
)
def test_error_can_be_sent_whatever_it_holds(error: Exception, message: str, data: dict[str, Any]) -> None:
    got = over_the_wire(fail_from(error))
    assert (got.message, got.data) == (message, data)


@pytest.mark.parametrize(
    ("available", "text"),
    [
        (None, "no job 7"),
        ([], "no job 7; there is none"),
        (["b", "a"], "no job 7; there is a, b"),
        (
            [f"j{i:02}" for i in range(15)],
            "no job 7; there is " + ", ".join(f"j{i:02}" for i in range(12)) + " and 3 more",
        ),
    ],
)
def test_not_found_says_what_there_is(available: list[str] | None, text: str) -> None:
    error = NotFoundError("no job 7", available=available, data={"more": 1})
    assert error.message == text
    expected: dict[str, Any] = {"more": 1} if available is None else {"more": 1, "available": sorted(available)}
    assert error.data == expected


def test_invalid_field_names_its_field_on_both_sides() -> None:
    got = over_the_wire(fail_from(InvalidFieldError("wrong", field="attributes.duration")))
    assert isinstance(got, InvalidFieldError)
    assert got.field == "attributes.duration"
    assert InvalidFieldError("wrong").field is None


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (
            ResourceNotFoundError("no job 7", available=["8"]),
            {
                "error": True,
                "status_code": 404,
                "code": "resource-not-found",
                "detail": "no job 7; there is 8",
                "available": ["8"],
            },
        ),
        (
            OverloadedError("full", data={"retry_after": 1}),
            {
                "error": True,
                "status_code": 503,
                "code": "overloaded",
                "detail": "full",
                "transient": True,
                "retry_after": 1,
            },
        ),
    ],
)
def test_error_body_has_one_shape(error: OrbitError, body: dict[str, Any]) -> None:
    assert error_body(error) == body
    reply = reply_from(error, 4)
    assert (reply.id, reply.status, reply.headers["content-type"]) == (4, error.status, "application/json")
    assert msgspec.json.decode(reply.body) == body


@pytest.mark.parametrize(
    ("data", "header"),
    [({}, None), ({"retry_after": 7}, "7"), ({"retry_after": 0.2}, "1"), ({"retry_after": 2.6}, "3")],
)
def test_retry_after_is_said_in_whole_seconds_in_the_header(data: dict[str, Any], header: str | None) -> None:
    assert reply_from(OverloadedError("full", data=data)).headers.get("retry-after") == header


def raised(error: OrbitError) -> OrbitError:
    try:
        raise error
    except OrbitError as caught:
        return caught


def test_remote_traceback_shows_under_the_local_one() -> None:
    text = "\n".join(raised(PluginError("boom", data={"traceback": "REMOTE LINE"}))._render_traceback_())
    assert (
        text.index("in raised") < text.index("boom") < text.index("On the endpoint:") < text.index("REMOTE LINE")
    )


def test_error_without_a_remote_traceback_shows_the_local_one_alone() -> None:
    text = "\n".join(raised(PluginError("boom"))._render_traceback_())
    assert "boom" in text
    assert "On the endpoint" not in text


def test_in_a_notebook_the_local_part_is_drawn_by_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    class Drawer:
        def structured_traceback(self, kind: object, error: object, trace: object) -> list[str]:
            return [f"drawn {error}"]

    shell = types.SimpleNamespace(InteractiveTB=Drawer())
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    error = raised(PluginError("boom", data={"traceback": "REMOTE"}))
    assert error._render_traceback_() == ["drawn boom", "", "On the endpoint:", "REMOTE"]
