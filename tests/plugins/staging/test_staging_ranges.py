from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbit_plugins.staging.ranges import NotSatisfiable, Span, span_of

SIZES = st.integers(0, 40)
PLACES = st.integers(0, 60)


@given(total=SIZES, first=PLACES, last=PLACES)
def test_a_range_is_the_slice_that_it_names(total: int, first: int, last: int) -> None:
    content = bytes(range(total))
    if last < first:
        assert span_of(f"bytes={first}-{last}", total) is None
    elif first >= total:
        with pytest.raises(NotSatisfiable):
            span_of(f"bytes={first}-{last}", total)
    else:
        span = span_of(f"bytes={first}-{last}", total)
        assert span is not None
        assert content[span.first : span.first + span.size] == content[first : last + 1]
        assert span.content_range == f"bytes {first}-{min(last, total - 1)}/{total}"


@given(total=SIZES, first=PLACES)
def test_a_range_without_an_end_goes_to_the_end(total: int, first: int) -> None:
    if first >= total:
        with pytest.raises(NotSatisfiable):
            span_of(f"bytes={first}-", total)
    else:
        assert span_of(f"bytes={first}-", total) == Span(first, total - first, total)


@given(total=SIZES, size=PLACES)
def test_a_suffix_is_the_end(total: int, size: int) -> None:
    if not min(total, size):
        with pytest.raises(NotSatisfiable):
            span_of(f"bytes=-{size}", total)
    else:
        span = span_of(f"bytes=-{size}", total)
        assert span is not None
        assert bytes(range(total))[span.first :] == bytes(range(total))[-size:]
        assert span.first + span.size == total


@given(header=st.one_of(st.text(max_size=20), st.text("bytes=-,0123 ", max_size=20)), total=SIZES)
def test_no_header_leads_out_of_the_file(header: str, total: int) -> None:
    try:
        span = span_of(header, total)
    except NotSatisfiable:
        return
    assert span is None or (span.size >= 1 and 0 <= span.first <= span.first + span.size <= total)


@pytest.mark.parametrize(
    "header", ["", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b", "bytes 0-1"]
)
def test_what_is_no_single_range_of_bytes_is_all_of_it(header: str) -> None:
    assert span_of(header, 10) is None
