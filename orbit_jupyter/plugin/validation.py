"""From a decoded body to a typed Struct; a wrong field is answered with 422 and its name."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from orbit_jupyter.protocol import InvalidFieldError

T = TypeVar("T")

_AT = re.compile(r"^(?P<what>.*) - at (?:`(?P<part>key|value)` in )?`(?P<path>[^`]+)`$")
_NAMED = re.compile(r"`(?P<name>[^`]+)`$")


def parse(value: object, type: type[T], what: str = "") -> T:
    """Return `value` as `type` (a `msgspec.Struct`, a dict type, …).

    Parameters
    ----------
    value
        Decoded JSON or msgpack.
    type
        What it should be.
    what
        Path in front of the field's own, where `value` is a part of a body.

    Raises
    ------
    InvalidFieldError
        Naming the field.
    """
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        message, field = _place(str(error), what)
        raise InvalidFieldError(f"{field or 'body'}: {message}", field=field or None) from None


def convert_text(value: str | list[str], type: Any, field: str) -> Any:
    """Return a value of a path or a query as `type`: ``3`` as an int, ``true`` as a bool.

    Raises
    ------
    InvalidFieldError
        If it isn't one.
    """
    if type is str:
        return value
    try:
        return msgspec.convert(value, type, strict=False)
    except msgspec.ValidationError as error:
        message, _ = _place(str(error), field)
        raise InvalidFieldError(f"{field}: {value!r}: {message}", field=field) from None


def _place(text: str, what: str) -> tuple[str, str]:
    at = _AT.match(text)
    message, path = (at["what"], at["path"]) if at else (text, "$")
    if at and at["part"] == "key":
        message = f"{message} as a key"
    # msgspec names a missing or unknown field in the text, not in the path.
    if message.startswith(("Object missing", "Object contains unknown")) and (named := _NAMED.search(message)):
        message = "is missing" if message.startswith("Object missing") else "is no field of this"
        path = f"{path}.{named['name']}"
    inner = path.removeprefix("$").removeprefix(".")
    if inner.startswith("["):
        return message, what + inner
    return message, ".".join(part for part in (what, inner) if part)


def parse_int(value: Any, field: str, default: int = 0, lowest: int = 0) -> int:
    """Return a query parameter as an integer that isn't below `lowest`."""
    if value in (None, ""):
        return default
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise InvalidFieldError(f"{field}: {value!r} is no whole number", field=field) from None
    if number < lowest:
        raise InvalidFieldError(f"{field}: {number} is below {lowest}", field=field)
    return number
