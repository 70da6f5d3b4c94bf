"""Shortened names of nodes, and lists of numbers."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbit_jupyter.host.batch import expand
from orbit_jupyter.host.batch.hostlist import numbers


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("n1", ["n1"]),
        ("n[1-4,07-10]", ["n1", "n2", "n3", "n4", "n07", "n08", "n09", "n10"]),
        ("n[1-4,07-10],gpu[1-2]-ib", ["n1", "n2", "n3", "n4", "n07", "n08", "n09", "n10", "gpu1-ib", "gpu2-ib"]),
        ("r[1-2]c[0-1]n[3,5]", [f"r{r}c{c}n{n}" for r in (1, 2) for c in (0, 1) for n in (3, 5)]),
        ("login,n[098-101]", ["login", "n098", "n099", "n100", "n101"]),
        ("n[5]", ["n5"]),
        ("a,b,a", ["a", "b"]),
        (" a , b ", ["a", "b"]),
        ("[1-2]", ["1", "2"]),
    ],
)
def test_list_stands_for_these_names(text: str, names: list[str]) -> None:
    assert expand(text) == names


@pytest.mark.parametrize("text", ["n[1-", "n1]", "n[[1]]", "n[]", "n[a-b]", "n[4-1]", "n[1--2]", "n[1,]", "n[-1]"])
def test_list_that_cannot_be_read_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        expand(text)


@pytest.mark.parametrize(
    "text",
    [
        "n[1-999999999999999999]",
        "n[1-1001][1-1001]",
        "n[1-10][1-10][1-10][1-10][1-10][1-10][1-10]",
        "a[1-900000],b[1-900000]",
        ",".join(["a[1-900000]"] * 50),
    ],
)
def test_absurd_list_is_refused_before_it_eats_the_memory(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="more than 1000000"):
        expand(text)
    assert time.process_time() - began < 10


def test_numbers_may_have_a_step() -> None:
    assert numbers("1-3,10-20:5") == ["1", "2", "3", "10", "15", "20"]
    with pytest.raises(ValueError, match="no range"):
        numbers("1-3:0")


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50, unique=True))
def test_numbers_come_back_from_a_list_of_them(found: list[int]) -> None:
    assert numbers(",".join(map(str, found))) == [str(number) for number in found]


@given(st.integers(0, 10**5), st.integers(0, 2000), st.integers(1, 8))
def test_range_keeps_its_width(first: int, more: int, width: int) -> None:
    text = f"n[{first:0{width}}-{first + more:0{width}}]"
    assert expand(text) == [f"n{number:0{width}}" for number in range(first, first + more + 1)]
