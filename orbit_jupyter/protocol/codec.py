"""Bytes to frames and back."""

from __future__ import annotations

from typing import Any

import msgspec

from .errors import ProtocolError
from .frames import AnyFrame

MAX_FRAME = 10 * 2**20
"""Bytes; Jupyter's servers close a WebSocket on a larger message."""

CHUNK = 256 * 2**10
"""Bytes of a body in one frame; a longer one travels as a stream."""

WINDOW = 2**20
"""Bytes of a stream that may be under way before its reader has asked for more."""

MAX_BODY = 64 * 2**20
"""Bytes of a body that is put together again for a handler that doesn't read streams."""

MAX_EVENT = 64 * 2**10
"""Bytes of one event's data; more belongs into a call."""

_encoder = msgspec.msgpack.Encoder(enc_hook=str)  # an error's data may hold a path: better as text than not sent
_decoder: msgspec.msgpack.Decoder[AnyFrame] = msgspec.msgpack.Decoder(AnyFrame)
_anything = msgspec.msgpack.Decoder()

encode = _encoder.encode


class UnreadableFrameError(ProtocolError):
    """These bytes are no frame that this side knows.

    Attributes
    ----------
    kind
        Its tag, where one can be made out.
    id
        The call that it seems to belong to, where one can be made out.
    """

    def __init__(self, message: str, kind: str | None = None, id: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.id = id


def decode(data: bytes) -> AnyFrame:
    """Return the frame in `data`.

    Raises
    ------
    UnreadableFrameError
        If it isn't msgpack, is of an unknown kind, or has a field of a wrong type.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # What it quotes of the frame may be as long as that, and goes into a log and an answer.
        raise UnreadableFrameError(f"a frame can't be read: {str(error)[:500]}", *_kind_and_id(data)) from None


def _kind_and_id(data: bytes) -> tuple[str | None, int | None]:
    try:
        raw: Any = _anything.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    if not (isinstance(raw, list) and raw and isinstance(raw[0], str)):
        return None, None
    return raw[0], raw[1] if len(raw) > 1 and type(raw[1]) is int else None
