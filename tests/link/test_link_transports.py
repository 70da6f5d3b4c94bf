"""What every carrier does: whole messages, in order, or not at all."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from orbit_jupyter.link import TransportClosedError, connect_socket, memory_pair
from orbit_jupyter.protocol import MAX_FRAME

if TYPE_CHECKING:
    from .conftest import Ends

pytestmark = pytest.mark.asyncio


async def test_messages_arrive_whole_and_in_order(ends: Ends) -> None:
    messages = [b"", b"\x00", b"x" * 100_000, b"\xff" * 3, "größe".encode()]
    for message in messages:
        await ends.near.send(message)
    assert [await ends.far.receive() for _ in messages] == messages
    await ends.far.send(b"back")
    assert await ends.near.receive() == b"back"


async def test_largest_frame_passes(ends: Ends) -> None:
    sending = asyncio.ensure_future(ends.near.send(b"x" * MAX_FRAME))
    assert len(await ends.far.receive()) == MAX_FRAME
    await sending


async def test_what_was_sent_before_the_end_arrives_before_it(ends: Ends) -> None:
    for n in range(5):
        await ends.near.send(bytes([n]))
    closing = asyncio.ensure_future(ends.near.close())
    assert [await ends.far.receive() for _ in range(5)] == [bytes([n]) for n in range(5)]
    with pytest.raises(TransportClosedError):
        await ends.far.receive()
    await closing


async def test_waiting_reader_hears_of_the_end(ends: Ends) -> None:
    reading = asyncio.ensure_future(ends.far.receive())
    await asyncio.sleep(0)
    await ends.near.close()
    with pytest.raises(TransportClosedError):
        await reading


async def test_closed_end_neither_sends_nor_receives_and_closes_twice(ends: Ends) -> None:
    await ends.near.close()
    await ends.near.close()
    with pytest.raises(TransportClosedError):
        await ends.near.receive()
    with pytest.raises(TransportClosedError):
        await ends.near.send(b"x")


async def test_sender_waits_where_nobody_reads_and_ends_with_the_connection(ends: Ends) -> None:
    async def send_for_ever() -> None:
        while True:
            await ends.near.send(b"x" * 2**20)

    sending = asyncio.ensure_future(send_for_ever())
    done, _ = await asyncio.wait({sending}, timeout=0.05)
    assert not done
    await ends.far.close()
    with pytest.raises(TransportClosedError):
        await sending


async def test_memory_has_room_for_so_many_messages_and_no_more() -> None:
    left, right = memory_pair(room=2)
    await left.send(b"1")
    await left.send(b"2")
    third = asyncio.ensure_future(left.send(b"3"))
    await asyncio.sleep(0)
    assert not third.done()
    assert [await right.receive() for _ in range(3)] == [b"1", b"2", b"3"]
    await third


async def test_message_on_a_socket_that_claims_to_be_larger_than_a_frame_is_refused() -> None:
    near, far = socket.socketpair()
    transport = await connect_socket(near)
    with far:
        far.sendall((MAX_FRAME + 1).to_bytes(4, "big"))
        with pytest.raises(TransportClosedError, match="over the limit") as caught:
            await transport.receive()
    assert caught.value.code == 1009
    await transport.close()


@pytest.mark.parametrize("part", [b"", b"\x00\x00", b"\x00\x00\x00\x05", b"\x00\x00\x00\x05abc"])
async def test_socket_that_ends_within_a_message_is_closed(part: bytes) -> None:
    near, far = socket.socketpair()
    transport = await connect_socket(near)
    with far:
        far.sendall(part)
    with pytest.raises(TransportClosedError):
        await transport.receive()
    await transport.close()
