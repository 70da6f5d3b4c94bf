"""What a user may charge jobs to: sacctmgr's associations, and what is used and left of their limits.

Slurm limits accounts in minutes of a resource (``GrpTRESMins``), at each level of the tree of accounts and for
each QOS. A job starts while there is something left at all of them, so what is left is the least.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ..model import Account
from .qos import most
from .values import number, whole_seconds

ASSOCIATIONS = "Account,User,Partition,QOS,MaxJobs,MaxSubmit,MaxWall,GrpTRES,DefaultQOS,MaxTRES"
SHARES = "Account,User,Partition,FairShare,GrpTRESMins,GrpTRESRaw"
USED = "Account,Login,TresName,Used"

_TRES = re.compile(r"(?:^|,)([^=,]+)=([^,]*)")
_QOS = re.compile(r"QOS=([^\s(]+)\(\d+\).*?\sGrpTRESMins=(\S*)")
_LIMITED = re.compile(r"(\d+)\((\d+)\)")  # limit(used)


class Budget(msgspec.Struct, frozen=True):
    """A limit, and what counts against it; minutes."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        return self.limit - self.used


class Share(msgspec.Struct, frozen=True):
    """What sshare says of an association, and of the accounts above it."""

    fairshare: float | None = None
    used: dict[str, int] = {}
    budgets: dict[str, Budget] = {}


Key = tuple[str, str, str]
"""Account, user and partition of an association."""


def parse_accounts(
    associations: str,
    shares: Mapping[Key, Share],
    qos_budgets: Mapping[str, Mapping[str, Budget]],
    used: Mapping[tuple[str, str], float],
    user: str | None = None,
) -> list[Account]:
    """Return the accounts in what ``sacctmgr -nP show assoc`` prints.

    Parameters
    ----------
    associations
        What it prints.
    shares, qos_budgets, used
        What `parse_shares`, `parse_qos_budgets` and `parse_used` return.
    user
        Whose; None: everybody's.
    """
    found = []
    for line in associations.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != ASSOCIATIONS.count(",") + 1:
            raise ValueError(f"{line[:80]!r} is no association")
        account, whose, partition, qos, max_jobs, max_submit, max_wall, grp_tres, default, max_tres = fields
        if not whose or (user is not None and whose != user):
            continue
        names = tuple(name for name in qos.split(",") if name)
        share = shares.get((account, whose, partition), Share())
        budgets = _least(share.budgets, [qos_budgets.get(name, {}) for name in names])
        nodes = budgets.get("node")
        spent = nodes.used / 60 if nodes else share.used.get("node", 0) / 60 or used.get((account, whose))
        found.append(
            Account(
                account=account,
                user=whose,
                fairshare=share.fairshare,
                qos=names,
                max_jobs=number(max_jobs),
                max_submit=number(max_submit),
                max_wall=whole_seconds(max_wall),
                grp_tres=grp_tres or None,
                default_qos=default or None,
                most=most(max_tres, grp_tres),
                allocated_node_hours=nodes.limit / 60 if nodes else None,
                used_node_hours=spent,
                remaining_node_hours=nodes.left / 60 if nodes else None,
                extra=_extra(partition, budgets),
            )
        )
    return found


def parse_shares(text: str) -> dict[Key, Share]:
    """Return the associations in what ``sshare -nP -a`` prints; blanks before an account tell its depth."""
    found: dict[Key, Share] = {}
    above: list[tuple[int, dict[str, Budget]]] = []  # accounts from the root to where we are
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != SHARES.count(",") + 1:
            raise ValueError(f"{line[:80]!r} is no line of sshare's")
        depth = len(line) - len(line.lstrip(" "))
        account, user, partition, fairshare, limits, raw = (field.strip() for field in fields)
        while above and above[-1][0] >= depth:
            above.pop()
        used = _minutes(raw)
        budgets = dict(above[-1][1]) if above else {}
        for name, limit in _minutes(limits).items():
            _take(budgets, name, Budget(limit, used.get(name, 0)))
        if user:
            found[account, user, partition] = Share(_fraction(fairshare), used, budgets)
        else:
            above.append((depth, budgets))
    return found


def parse_qos_budgets(text: str) -> dict[str, dict[str, Budget]]:
    """Return the limits in what ``scontrol -o show assoc_mgr flags=qos`` prints, by QOS and resource."""
    found: dict[str, dict[str, Budget]] = {}
    for line in text.splitlines():
        match = _QOS.match(line.strip())
        if match is None:
            continue
        limited = ((name, _LIMITED.fullmatch(said)) for name, said in _TRES.findall(match[2]))
        found[match[1]] = {name: Budget(int(said[1][:18]), int(said[2][:18])) for name, said in limited if said}
    return found


def parse_used(text: str) -> dict[tuple[str, str], float]:
    """Return the node hours by account and user in what ``sreport -nP -t Minutes`` prints."""
    found: dict[tuple[str, str], float] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == USED.count(",") + 1 and fields[1] and fields[2] == "node":
            found[fields[0], fields[1]] = (number(fields[3]) or 0) / 60
    return found


def _least(own: Mapping[str, Budget], qos: list[Mapping[str, Budget]]) -> dict[str, Budget]:
    budgets = dict(own)
    # A job may choose its QOS: that limits only where each of them does.
    for name in set.intersection(*(set(limits) for limits in qos)) if qos else ():
        _take(budgets, name, max((limits[name] for limits in qos), key=lambda budget: budget.left))
    return budgets


def _take(budgets: dict[str, Budget], name: str, new: Budget) -> None:
    known = budgets.get(name)
    if known is None or new.left < known.left:
        budgets[name] = new


def _extra(partition: str, budgets: Mapping[str, Budget]) -> dict[str, str | int | float | None]:
    extra: dict[str, str | int | float | None] = {"partition": partition} if partition else {}
    for name, budget in budgets.items():
        if name != "node":
            extra[f"{name}_hours_allocated"] = budget.limit / 60
            extra[f"{name}_hours_remaining"] = budget.left / 60
    exhausted = sorted(name for name, budget in budgets.items() if budget.left <= 0)
    return {**extra, "exhausted": ",".join(exhausted)} if exhausted else extra


def _minutes(text: str) -> dict[str, int]:
    known = ((name, number(value)) for name, value in _TRES.findall(text))
    return {name: minutes for name, minutes in known if minutes is not None}


def _fraction(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,12})?", text) else None
