"""Users: who the endpoint's is, and which queues one may use, as far as that is known."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from collections.abc import Collection
from fnmatch import fnmatchcase

from .answers import QueueEntry


def own_user() -> str:
    """Return the name of the user that the endpoint runs as, as the batch system knows it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER") or str(os.getuid())


def may_use(queue: QueueEntry, user: str, accounts: Collection[str], groups: Collection[str]) -> bool:
    """Return whether a queue is open to a user.

    Parameters
    ----------
    queue
        The queue, with the users, groups and accounts that it is for; none of a kind: for all.
    user
        Who.
    accounts, groups
        The user's; none: nobody knows them, and they keep nobody out.
    """
    if queue["users"] and not any(fnmatchcase(user, name) for name in queue["users"]):
        return False
    if queue["groups"] and groups and not set(queue["groups"]) & set(groups):
        return False
    return not (queue["accounts"] and accounts and not set(queue["accounts"]) & set(accounts))


def groups_of(user: str) -> list[str]:
    """Return the names of a user's groups, as this host knows them; none for a user that it doesn't know.

    A directory service may have to be asked: it blocks.
    """
    try:
        numbers = os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
    except KeyError:
        return []
    names = []
    for number in numbers:
        with contextlib.suppress(KeyError):  # a group without a name
            names.append(grp.getgrgid(number).gr_name)
    return names
