"""One owner at a time for a folder of state, on home folders that several machines share.

A lease is a file ``.lease-GENERATION`` in the folder. To take the folder over is to make the file of the next
generation, which only one can: a hard link is made once, over NFS as well. So there is no lock that a crash could
leave behind. The owner touches its file each minute. Whoever looks compares that with a file of its own, so that
only the file server's clock counts.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from pathlib import Path

import msgspec

from .holder import Holder

RENEW = 60.0
"""Seconds after which an owner renews its lease."""

STALE = 300.0
"""Seconds without renewal after which a lease may be taken over, where its process can't be seen."""

TRIES = 100
"""Of `claim_first_free`, and of a claim that others race with."""

_NAME = re.compile(r"\.lease-([0-9]{1,18})")


class HeldError(RuntimeError):
    """The folder belongs to another process.

    Parameters
    ----------
    folder
        Which.
    host, pid
        Whose it is; an empty host where that can't be read.
    since
        When it was taken, in epoch seconds.
    alive
        Whether its process was seen to live, on this host.
    """

    def __init__(self, folder: Path, host: str, pid: int, since: float, *, alive: bool = False) -> None:
        self.host, self.pid, self.since, self.alive = host, pid, since, alive
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
        who = f"process {pid} on {host}" if host else "a process that can't be told"
        super().__init__(
            f"{folder} is in use by {who} since {when}; "
            f"end that process, or wait {STALE / 60:g} minutes if it is gone"
        )


class _Claim(msgspec.Struct, frozen=True):
    """What is in the file."""

    holder: Holder
    boot_id: str
    generation: int
    since: float
    nonce: str


class Lease:
    """This process's right to write in a folder.

    Attributes
    ----------
    folder
        Which.
    generation
        Grows with each owner.
    """

    def __init__(self, folder: Path, claim: _Claim) -> None:
        self.folder, self.generation, self._claim = folder, claim.generation, claim

    def holds(self) -> bool:
        """Look again whether the folder is still ours; where it can't be seen, it isn't.

        Raises
        ------
        OSError
            The file system doesn't answer.
        """
        if _path(self.folder, self.generation + 1).exists():
            return False
        found = _read(_path(self.folder, self.generation))
        return found is not None and found.nonce == self._claim.nonce

    def renew(self) -> bool:
        """Say that we are alive, each `RENEW` seconds; return whether the folder is still ours.

        Raises
        ------
        OSError
            The file system doesn't answer.
        """
        if not self.holds():
            return False
        try:
            # Touched, never written: an owner that comes late can't bring back what was taken from it.
            os.utime(_path(self.folder, self.generation))
        except FileNotFoundError:
            return False
        return self.holds()

    def release(self) -> None:
        """Let the next one in at once. The file stays, empty of an owner, so that the generation goes on."""
        with contextlib.suppress(OSError):
            if self.holds():
                os.truncate(_path(self.folder, self.generation), 0)
                os.utime(_path(self.folder, self.generation), (0, 0))


def claim(folder: Path, boot_id: str) -> Lease:
    """Make a folder this process's own; it is made where it isn't there.

    Raises
    ------
    HeldError
        It is another's, who lives or was heard of lately.
    OSError
        It can't be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(TRIES):
        last = max(_generations(folder), default=0)
        nonce = secrets.token_hex(8)
        ours = _Claim(Holder.here(), boot_id, last + 1, time.time(), nonce)
        aside = folder / f".claim-{nonce}"
        try:
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(msgspec.json.encode(ours))
            if last:
                _check_free(folder, last, aside.stat().st_mtime)
            _make(aside, _path(folder, last + 1))
        finally:
            aside.unlink(missing_ok=True)
        lease = Lease(folder, ours)
        if lease.holds():  # not the link's answer, which NFS may lose
            if max(_generations(folder)) == last + 1:
                _clear(folder, last + 1)
                return lease
            _path(folder, last + 1).unlink(missing_ok=True)  # we looked so long ago that others came and went
    raise OSError(f"{folder}: {TRIES} others took it at the same time")


def claim_first_free(base: Path, boot_id: str, *, beside_the_living_alone: bool = False) -> Lease:
    """Claim ``NAME``, or the first of ``NAME~2``, ``NAME~3``, … that is free.

    For processes that share a home and may each have a folder of their own.

    Parameters
    ----------
    beside_the_living_alone
        Whether to go past a folder only where its process is seen to live. One that may have died on another host
        has left what its successor must know.

    Raises
    ------
    HeldError
        All are taken, or one by a process of which nothing can be seen.
    OSError
        They can't be written.
    """
    held: HeldError | None = None
    for number in range(1, TRIES + 1):
        try:
            return claim(base if number == 1 else base.with_name(f"{base.name}~{number}"), boot_id)
        except HeldError as error:
            if beside_the_living_alone and not error.alive:
                raise
            held = error
    assert held is not None
    raise held


def _path(folder: Path, generation: int) -> Path:
    return folder / f".lease-{generation}"


def _generations(folder: Path) -> list[int]:
    return [int(match[1]) for name in os.listdir(folder) if (match := _NAME.fullmatch(name))]


def _read(path: Path) -> _Claim | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Claim)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _check_free(folder: Path, generation: int, now: float) -> None:
    """Refuse a folder whose owner lives. `now` is by the file server's clock, as the last renewal is."""
    path = _path(folder, generation)
    try:
        renewed = path.stat().st_mtime
    except FileNotFoundError:
        return
    found = _read(path)
    fate = found.holder.fate() if found is not None else "unknown"
    # The clock counts only where the process can't be seen. A time in the future is as good as one long ago: a
    # living owner would have put it right within a minute.
    if fate == "dead" or (fate == "unknown" and abs(now - renewed) > STALE):
        return
    if found is None:  # made this moment, where there are no links
        raise HeldError(folder, "", 0, renewed)
    raise HeldError(folder, found.holder.host, found.holder.pid, found.since, alive=fate == "alive")


def _make(aside: Path, path: Path) -> None:
    """Make the file of a generation, with all that is in it, unless another has made it."""
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    except OSError:
        # No hard links here. An exclusive create is as good, but for a moment the file is empty.
        content = aside.read_bytes()
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with open(handle, "wb") as file:
            file.write(content)


def _clear(folder: Path, generation: int) -> None:
    """Remove the leases before ours, by which their owners see that they are late, and what broken claims left."""
    for older in _generations(folder):
        if older < generation:
            _path(folder, older).unlink(missing_ok=True)
    now = _path(folder, generation).stat().st_mtime
    for aside in folder.glob(".claim-*"):
        with contextlib.suppress(OSError):
            if abs(now - aside.stat().st_mtime) > STALE:
                aside.unlink(missing_ok=True)
