"""The grammar of names, and the choice of a version."""

from __future__ import annotations

import pytest

from orbit_jupyter.protocol import (
    PROTOCOL,
    RESERVED,
    InvalidFieldError,
    ProtocolError,
    check_name,
    choose_version,
    refuse_version,
)


@pytest.mark.parametrize(
    "name", ["a", "7", "hpc1", "frontier.ornl-gov_2", "Local", "a" * 63, "bridge2", "events."]
)
def test_name_within_the_grammar_is_returned(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "a" * 64, ".a", "-a", "_a", "a b", "a/b", "a%2Fb", "a\n", "\na", "hpc1\x00", "größe", "a:b", "../a", "٣"],
)
def test_name_that_breaks_the_grammar_is_refused_with_what_it_names(name: str) -> None:
    with pytest.raises(InvalidFieldError, match="can't be the endpoint name: use 1 to 63 letters") as caught:
        check_name(name, "endpoint name")
    assert caught.value.field == "endpoint name"
    assert caught.value.status == 422


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_name_that_a_route_has_taken_is_refused(name: str) -> None:
    with pytest.raises(InvalidFieldError, match="Orbit's own routes use it"):
        check_name(name)


@pytest.mark.parametrize(
    ("ours", "theirs", "chosen"),
    [
        ((1, 1), (1, 1), 1),
        ((1, 3), (1, 3), 3),
        ((1, 3), (2, 9), 3),
        ((2, 9), (1, 3), 3),
        ((1, 5), (3, 3), 3),
        ((1, 2), (2, 3), 2),
        ((1, 1), (2, 2), None),
        ((3, 4), (1, 2), None),
        ((1, 3), (3, 1), None),
    ],
)
def test_highest_version_of_both_is_chosen(
    ours: tuple[int, int], theirs: tuple[int, int], chosen: int | None
) -> None:
    assert choose_version(ours, theirs) == chosen
    assert choose_version(theirs, ours) == chosen


def test_this_release_speaks_with_itself() -> None:
    assert choose_version(PROTOCOL, PROTOCOL) == PROTOCOL[1]


@pytest.mark.parametrize(
    ("ours", "theirs", "older"), [((2, 3), (1, 1), "the dialling side"), ((1, 1), (2, 3), "this bridge")]
)
def test_refusal_of_a_version_names_the_side_to_upgrade(
    ours: tuple[int, int], theirs: tuple[int, int], older: str
) -> None:
    bye = refuse_version(ours, theirs)
    assert (bye.retry, bye.code) == (False, ProtocolError.code)
    assert f"upgrade {older}" in bye.reason
    assert f"{ours[0]} to {ours[1]}" in bye.reason
    assert f"{theirs[0]} to {theirs[1]}" in bye.reason
