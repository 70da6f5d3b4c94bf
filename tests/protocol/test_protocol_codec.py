"""Bytes to frames and back, and nothing but one error for bytes that are no frame."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbit_jupyter.protocol import (
    Ack,
    AnyFrame,
    Bye,
    Call,
    Cancel,
    Credit,
    Data,
    EndpointInfo,
    Event,
    Events,
    Fail,
    Hello,
    HostFacts,
    Listeners,
    Ping,
    PluginInfo,
    Plugins,
    Pong,
    Principal,
    ProtocolError,
    Reply,
    Seen,
    Subscribe,
    Topology,
    UnreadableFrameError,
    Welcome,
    decode,
    encode,
)

PLUGIN = PluginInfo(
    type="psij", namespace="/hpc1/psij", version="2.1", enabled=False, ui_config={"title": "Jobs"}, error="broke"
)
HOST = HostFacts(
    hostname="login3",
    user="ada",
    pid=4711,
    python="3.12.1",
    orbit="0.1",
    role="login",
    scheduler="slurm",
    job_id="77",
)
EVENT = Event("psij", "job_status", b'{"state":"ACTIVE"}', "session.1", "ada", 1700000000.5, True)

FRAMES: list[AnyFrame] = [
    Hello("endpoint", "hpc1", "b00t", (1, 3), "key", 41, ("streams",), {"psij": PLUGIN}, HOST, "s1", 5),
    Welcome(2, "bridge-1", "b00t", "https://host:8888/orbit", 41, ("streams",), "ada", "s1", True, 6, 30.0),
    Call(
        7,
        "hpc1",
        "POST",
        "/psij/submit/s%2F1",
        "a=1&b=",
        {"content-type": "application/json"},
        Principal("ada", ("hpc", "staff"), ("read", "execute")),
        12.5,
        b"\x00\xff",
        True,
        "trace-1",
        "key-1",
    ),
    Reply(7, 201, {"content-type": "text/plain"}, b"\xc1", True),
    Fail(7, "overloaded", "too much", True, 503, {"retry_after": 1, "available": ["a", None, 1.5]}),
    Data(7, b"abc", True, True),
    Credit(7, 2**40, True),
    Cancel(7, "no longer wanted"),
    Events("epoch-1", 11, [EVENT, msgspec.structs.replace(EVENT, data=b"[]")], "hpc1", 3, 14),
    Ack("epoch-1", 2**53),
    Subscribe(9, "hpc1", "psij", "job_status", {"hpc1": ("epoch-1", 14)}),
    Topology({"hpc1": EndpointInfo({"state": "present"}, {"psij": PLUGIN})}, ["hpc2"], True),
    Plugins({"psij": PLUGIN}),
    Listeners(["ann"]),
    Ping(1.25, 7),
    Pong(1.25, 8),
    Seen(9),
    Bye("taken over", False, "conflict"),
]
KINDS = [type(frame).__name__ for frame in FRAMES]


def raw_of(frame: AnyFrame) -> list[Any]:
    raw = msgspec.msgpack.decode(encode(frame))
    assert isinstance(raw, list)
    return raw


def test_every_frame_kind_has_an_example_with_no_field_at_its_default() -> None:
    assert {type(frame) for frame in FRAMES} == set(get_args(AnyFrame))
    for frame in FRAMES:
        for field in msgspec.structs.fields(frame):
            assert getattr(frame, field.name) != field.default, (type(frame), field.name)


@pytest.mark.parametrize("frame", FRAMES, ids=KINDS)
def test_frame_comes_back_as_it_was(frame: AnyFrame) -> None:
    assert decode(encode(frame)) == frame


@pytest.mark.parametrize("frame", FRAMES, ids=KINDS)
def test_fields_that_a_newer_writer_appends_are_ignored(frame: AnyFrame) -> None:
    newer = [*raw_of(frame), "new", {"and": ["more"]}]
    assert decode(msgspec.msgpack.encode(newer)) == frame


def test_fields_that_a_newer_writer_adds_to_a_part_of_a_frame_are_ignored() -> None:
    raw = raw_of(Events("e", 1, [EVENT]))
    raw[3][0].append("new")
    assert decode(msgspec.msgpack.encode(raw)) == Events("e", 1, [EVENT])
    raw = raw_of(Plugins({"psij": PLUGIN}))
    raw[1]["psij"]["new"] = 1
    assert decode(msgspec.msgpack.encode(raw)) == Plugins({"psij": PLUGIN})


@pytest.mark.parametrize("frame", FRAMES, ids=KINDS)
def test_fields_that_an_older_writer_leaves_out_take_their_defaults(frame: AnyFrame) -> None:
    fields = msgspec.structs.fields(frame)
    needed = [getattr(frame, field.name) for field in fields if field.required]
    raw = raw_of(frame)
    assert decode(msgspec.msgpack.encode(raw[: 1 + len(needed)])) == type(frame)(*needed)
    if needed:
        with pytest.raises(UnreadableFrameError):
            decode(msgspec.msgpack.encode(raw[: len(needed)]))


ON_THE_WIRE = {
    "hello": "role name boot_id protocol resume_key last_seen capabilities plugins host session received",
    "welcome": "protocol bridge_id boot_id url last_seen capabilities user session resumed received resume_for",
    "call": "id endpoint method path query headers principal time_left body more trace key",
    "reply": "id status headers body more",
    "fail": "id code message transient status data",
    "data": "id data end back",
    "credit": "id size back",
    "cancel": "id reason",
    "events": "epoch first events endpoint missed last",
    "ack": "epoch sequence",
    "subscribe": "id endpoint plugin topic after",
    "topology": "endpoints removed full",
    "plugins": "plugins",
    "listeners": "users",
    "ping": "time received",
    "pong": "time received",
    "seen": "received",
    "bye": "reason retry code",
}


@pytest.mark.parametrize("kind", get_args(AnyFrame), ids=lambda kind: kind.__name__)
def test_fields_stay_at_their_place_on_the_wire(kind: type[Any]) -> None:
    """Append to this table where a field is appended; whatever else it wants breaks other releases."""
    fields = [field.name for field in msgspec.structs.fields(kind)]
    assert fields == ON_THE_WIRE[kind.__struct_config__.tag].split()


def test_fields_of_an_event_stay_at_their_place_on_the_wire() -> None:
    fields = [field.name for field in msgspec.structs.fields(Event)]
    assert fields == ["plugin", "topic", "data", "session", "owner", "time", "truncated"]


def test_optional_fields_stand_behind_the_needed_ones_so_that_order_is_the_wire() -> None:
    for kind in get_args(AnyFrame):
        required = [field.required for field in msgspec.structs.fields(kind)]
        assert required == sorted(required, reverse=True), kind


@pytest.mark.parametrize(
    ("raw", "kind", "id"),
    [
        (["teleport", 5, "x"], "teleport", 5),
        (["teleport", "x"], "teleport", None),
        (["teleport"], "teleport", None),
        (["call", 5], "call", 5),
        (["call", 5, "hpc1", "GET", 7], "call", 5),
        (["call", "5", "hpc1", "GET", "/x"], "call", None),
        (["call", True, "hpc1", "GET", "/x"], "call", None),
        (["reply", 5, "200"], "reply", 5),
        (["ping", "now"], "ping", None),
        (["hello", "janitor", "hpc1", "b00t"], "hello", None),
        (["events", "e", 1, [["psij"]]], "events", None),
        ([5, 5], None, None),
        ([], None, None),
        ({"type": "call"}, None, None),
        ("call", None, None),
        (None, None, None),
    ],
)
def test_what_is_no_frame_is_unreadable_and_says_whose_call_it_was(
    raw: object, kind: str | None, id: int | None
) -> None:
    with pytest.raises(UnreadableFrameError) as caught:
        decode(msgspec.msgpack.encode(raw))
    assert (caught.value.kind, caught.value.id) == (kind, id)
    assert caught.value.code == ProtocolError.code


@pytest.mark.parametrize("frame", FRAMES, ids=KINDS)
def test_frame_cut_off_anywhere_is_unreadable(frame: AnyFrame) -> None:
    data = encode(frame)
    for end in range(len(data)):
        with pytest.raises(UnreadableFrameError):
            decode(data[:end])


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"\x91" * 100_000, id="nested too deeply"),
        pytest.param(b"\x81\xa1a" * 100_000, id="maps nested too deeply"),
        pytest.param(b"\x81\x81\x01\x02\x03", id="a map as a key"),
        pytest.param(b"\xc7\x0c\xff" + b"\xff" * 12, id="a time out of range"),
        pytest.param(b"\xa1\xff", id="text that isn't UTF-8"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="an array that claims four thousand million items"),
        pytest.param(b"\xc6\xff\xff\xff\xff", id="bytes that claim four gigabytes"),
    ],
)
def test_hostile_value_inside_a_frame_is_unreadable(value: bytes) -> None:
    raw = encode(Fail(1, "internal", "x", data={"a": None}))
    assert raw.endswith(b"\xc0")
    with pytest.raises(UnreadableFrameError):
        decode(raw[:-1] + value)


def decode_or_refuse(data: bytes) -> None:
    with contextlib.suppress(UnreadableFrameError):
        decode(data)


@settings(max_examples=150, deadline=None, database=None)
@given(st.binary(max_size=400))
def test_random_bytes_are_a_frame_or_unreadable(data: bytes) -> None:
    decode_or_refuse(data)


@settings(max_examples=150, deadline=None, database=None)
@given(st.sampled_from(FRAMES), st.data())
def test_damaged_frame_is_a_frame_or_unreadable(frame: AnyFrame, draw: st.DataObject) -> None:
    data = bytearray(encode(frame))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    decode_or_refuse(bytes(data))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=9) | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, database=None)
@given(st.sampled_from([kind.__struct_config__.tag for kind in get_args(AnyFrame)]), st.lists(PLAIN, max_size=9))
def test_known_tag_with_any_fields_is_a_frame_or_unreadable(tag: str, fields: list[object]) -> None:
    decode_or_refuse(msgspec.msgpack.encode([tag, *fields]))


def test_what_msgpack_has_no_word_for_travels_as_text() -> None:
    fail = Fail(1, "conflict", "taken", data={"path": Path("/scratch/ada")})
    assert decode(encode(fail)) == Fail(1, "conflict", "taken", data={"path": "/scratch/ada"})
