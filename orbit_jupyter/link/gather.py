"""A stream put together again, for who wants a body as a whole. No I/O."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from orbit_jupyter.protocol import (
    MAX_BODY,
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    Fail,
    Reply,
    TooLargeError,
    fail_from,
)

from .calls import Answer, Onward


def whole_answer(
    answer: Callable[[Reply | Fail], None], onward: Callable[[Cancel | Data | Credit], None], limit: int = MAX_BODY
) -> Answer:
    """Return an answer that takes a stream, and calls `answer` once, with a `Reply` that has all of the body.

    Parameters
    ----------
    onward
        Says to the far side that more may come.
    limit
        Bytes at most; a longer answer becomes a `TooLargeError`.
    """
    head: Reply | None = None
    parts: list[bytes] = []
    size = 0
    done = False

    def take(frame: Reply | Fail | Data | Credit) -> None:
        nonlocal head, size, done
        if done or isinstance(frame, Credit):
            return
        if isinstance(frame, Data):
            parts.append(frame.data)
            size += len(frame.data)
            if size > limit:
                done = True
                onward(Cancel(0, "its answer is too long"))
                answer(fail_from(TooLargeError(f"the answer is longer than {limit} bytes; read it as a stream")))
            elif frame.end and head is not None:
                done = True
                answer(msgspec.structs.replace(head, body=b"".join(parts), more=False))
            elif not frame.end:
                onward(Credit(0, len(frame.data)))
        elif isinstance(frame, Reply) and frame.more:
            head = frame
            parts.append(frame.body)
            size = len(frame.body)
        else:
            done = True
            answer(frame)

    return take


def whole_call(
    call: Call, answer: Answer, begin: Callable[[Call, Answer], Onward | None], limit: int = MAX_BODY
) -> Onward | None:
    """Begin a call once its whole body is there; at once where it is.

    Parameters
    ----------
    begin
        Begins the call, with all of its body.
    limit
        Bytes at most; a longer body is answered with a `TooLargeError`.
    """
    if not call.more:
        return begin(call, answer)
    parts = [call.body]
    size = len(call.body)
    then: Onward | None = None
    done = False

    def onward(frame: Cancel | Data | Credit) -> None:
        nonlocal size, then, done
        if done:
            if then is not None:
                then(frame)
            return
        if isinstance(frame, Cancel):
            done = True
            answer(fail_from(CallCancelledError("the call was cancelled")))
        elif isinstance(frame, Data):
            parts.append(frame.data)
            size += len(frame.data)
            if size > limit:
                done = True
                parts.clear()
                answer(fail_from(TooLargeError(f"a body of more than {limit} bytes is over the limit")))
            elif frame.end:
                done = True
                then = begin(msgspec.structs.replace(call, body=b"".join(parts), more=False), answer)
            else:
                answer(Credit(0, len(frame.data)))

    return onward
