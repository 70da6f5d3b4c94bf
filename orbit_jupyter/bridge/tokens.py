"""Tokens that let endpoints in: one file each, of which only a hash of the secret is kept.

A folder of small files needs no lock: making a token is a rename of a whole file, revoking it is an unlink, and
the server and the command line may do both at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from orbit_jupyter.protocol import InvalidFieldError, ResourceNotFoundError, check_name
from orbit_jupyter.state import write_whole

from .registry import Grant

_TOKEN = re.compile(r"orbit_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_ID = re.compile(r"[0-9a-f]{12}")
_GLOB = re.compile(r"[A-Za-z0-9*?._\[\]-]{1,63}")
_DURATION = re.compile(r"(?P<number>[0-9]{1,9})(?P<unit>[smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST = 36_500 * 86_400.0  # a date that is further away can't be written by everyone


class TokenRecord(msgspec.Struct, frozen=True):
    """What is kept of a token. Times are epoch seconds."""

    id: str
    name: str
    """A name, or a glob of names, that an endpoint with this token may have."""
    owner: str
    created: float
    expires: float | None
    digest: str
    """SHA-256 of the secret. It has 256 random bits, so a slow hash would add nothing."""
    parent: str | None = None
    """The endpoint whose job is to have it: then it is good for one life, until that endpoint tells of its end."""
    life: float | None = None
    """With a parent: seconds that it is good for from its first use on; None: until its endpoint says goodbye."""
    used: float | None = None
    """With a parent: when it was used first."""

    def expired(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.expires is not None and now >= self.expires


def parse_duration(text: str | None) -> float | None:
    """Return ``30d``, ``12h``, ``15m``, ``45s`` or ``2w`` in seconds; None for None or ``never``.

    Raises
    ------
    InvalidFieldError
        If it is none of these.
    """
    if text is None or text == "never":
        return None
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match["number"]) == 0:
        raise InvalidFieldError(
            f"expires: {text!r} is no duration; write 30d, 12h, 15m, 45s or never", field="expires"
        )
    seconds = float(int(match["number"]) * _SECONDS[match["unit"]])
    if seconds > _LONGEST:
        raise InvalidFieldError(
            f"expires: {text!r} is over 100 years (36500d); write never for that long", field="expires"
        )
    return seconds


class TokenStore:
    """The tokens in one folder.

    Parameters
    ----------
    folder
        Made with mode 0700 when the first token is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lent: dict[str, TokenRecord] = {}

    def lend(self, name: str, owner: str) -> str:
        """Make a token that lives in this process alone: for an endpoint that is its child."""
        token, record = _new(name, owner, None)
        self._lent[record.id] = record
        return token

    def create(
        self,
        name: str,
        owner: str,
        lifetime: float | None = None,
        *,
        parent: str | None = None,
        life: float | None = None,
    ) -> tuple[str, TokenRecord]:
        """Make a token and return its text, which is kept nowhere, and its record.

        Parameters
        ----------
        name
            A name, or a glob of names.
        owner
            The user whose endpoints it lets in.
        lifetime
            Seconds; None: it doesn't expire. With a parent, those in which it has to be used first.
        parent, life
            As in `TokenRecord`.

        Raises
        ------
        InvalidFieldError
            If the name can't be an endpoint's.
        """
        if any(sign in name for sign in "*?["):
            if not _GLOB.fullmatch(name):
                raise InvalidFieldError(f"name: {name!r} is no glob of endpoint names", field="name")
        else:
            check_name(name, "name")
        if parent is not None:
            check_name(parent, "parent")
            check_name(name, "name")  # one life is one endpoint's
        token, record = _new(name, owner, lifetime)
        record = msgspec.structs.replace(record, parent=parent, life=life if parent is not None else None)
        self._write(record)
        return token, record

    def records(self) -> list[TokenRecord]:
        """Return all records, the newest first, expired ones included."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for path in self.folder.iterdir():
                record = self._read(path.stem) if path.suffix == ".json" else None
                if record is not None:
                    found.append(record)
        return sorted(found, key=lambda record: record.created, reverse=True)

    def revoke(self, id_or_name: str) -> list[TokenRecord]:
        """Remove the token of that id, or all of that name; return what was removed.

        Raises
        ------
        ResourceNotFoundError
            If there is none.
        """
        records = self.records()
        gone = [record for record in records if id_or_name in (record.id, record.name)]
        if not gone:
            known = [f"{record.id} ({record.name})" for record in records]
            raise ResourceNotFoundError(f"there is no token {id_or_name!r}", available=known)
        return self._remove(gone)

    def verify(self, text: str) -> Grant | None:
        """Return what a token allows, or None where it is unknown, revoked or expired."""
        match = _TOKEN.fullmatch(text)
        record = self._read(match["id"]) if match else None
        if match is None or record is None or record.expired(time.time()):
            return None
        if not hmac.compare_digest(record.digest, _digest(match["secret"])):
            return None
        lent = record.id in self._lent
        if record.parent is not None and record.used is None:
            now = time.time()
            expires = None if record.life is None else now + record.life
            self._write(msgspec.structs.replace(record, used=now, expires=expires))
        return Grant(id=record.id, pattern=record.name, owner=record.owner, lent=lent)

    def forget_life(self, id: str, owner: str, parent: str) -> list[TokenRecord]:
        """Remove a token for one life of an endpoint, since its parent says that it is over."""
        record = self._read(id) if _ID.fullmatch(id) else None
        mine = record is not None and (record.owner, record.parent) == (owner, parent)
        return self._remove([record] if mine and record is not None else [])

    def forget_goodbye(self, id: str) -> list[TokenRecord]:
        """Remove a token that is good until its endpoint says goodbye, since it has."""
        record = self._read(id)
        over = record is not None and record.parent is not None and record.life is None
        return self._remove([record] if over and record is not None else [])

    def _remove(self, records: Iterable[TokenRecord]) -> list[TokenRecord]:
        gone = list(records)
        for record in gone:
            self._path(record.id).unlink(missing_ok=True)
        return gone

    def _write(self, record: TokenRecord) -> None:
        write_whole(self._path(record.id), msgspec.json.encode(record))

    def holds(self, grant: Grant, name: str) -> bool:
        """Return whether a grant that was given still stands for an endpoint of that name."""
        record = self._read(grant.id)
        return record is not None and not record.expired(time.time()) and fnmatchcase(name, record.name)

    def _path(self, id: str) -> Path:
        return self.folder / f"{id}.json"

    def _read(self, id: str) -> TokenRecord | None:
        if id in self._lent:
            return self._lent[id]
        try:
            return msgspec.json.decode(self._path(id).read_bytes(), type=TokenRecord)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _new(name: str, owner: str, lifetime: float | None) -> tuple[str, TokenRecord]:
    id, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), time.time()
    expires = None if lifetime is None else now + lifetime
    record = TokenRecord(id=id, name=name, owner=owner, created=now, expires=expires, digest=_digest(secret))
    return f"orbit_{id}_{secret}", record
