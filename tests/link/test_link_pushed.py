"""A link whose transport pushes what comes, as Tornado's WebSockets do: nobody runs it, or has to finish it."""

from __future__ import annotations

import asyncio

import pytest

from orbit_jupyter.link import Link, memory_pair


@pytest.mark.asyncio
async def test_nothing_goes_on_once_a_pushed_link_is_down() -> None:
    before = asyncio.all_tasks()
    near, _ = memory_pair()
    link = Link(near, on_call=lambda _call, _answer: None)
    mine = asyncio.all_tasks() - before
    assert len(mine) == 2
    link.down("its connection was closed")
    done, left = await asyncio.wait(mine, timeout=10)
    assert (len(done), left) == (2, set())
