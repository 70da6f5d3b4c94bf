"""What qsub does: its options, the directives of a script, and what it refuses."""

from __future__ import annotations

import getopt
import os
import pwd
import shlex
import sys
from pathlib import Path

from .records import QUEUES, schedule
from .state import Tree, seconds_of, stamp

OPTIONS = "a:A:c:C:e:fhIXj:J:k:l:m:M:N:o:p:P:q:r:R:S:u:W:v:Vz"
USAGE = """\
usage: qsub [-a date_time] [-A account_string] [-c interval]
\t[-C directive_prefix] [-e path] [-f ] [-h ] [-I [-X]] [-j oe|eo] [-J X-Y[:Z]]
\t[-k keep] [-l resource_list] [-m mail_options] [-M user_list]
\t[-N jobname] [-o path] [-p priority] [-P project] [-q queue] [-r y|n]
\t[-R o|e|oe] [-S path] [-u user_list] [-W otherattributes=value...]
\t[-v variable_list] [-V ] [-z] [script | -- command [arg1 ...]]
       qsub --version
"""
RESOURCES = {"ncpus", "mem", "walltime", "select", "place", "nodes", "nodect", "mpiprocs", "ngpus", "ompthreads"}


class Refused(Exception):
    """What qsub says, and its exit code."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code, self.said = code, said


def submit(folder: Path, state: Tree, arguments: list[str]) -> str:
    """Take a job; return its id."""
    given = list(arguments)
    command: list[str] = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, command = arguments[:at], arguments[at + 1 :]
    options, rest = _parsed(arguments)
    text = shlex.join(command) + "\n" if command else Path(rest[0]).read_text() if rest else sys.stdin.read()
    name = Path(command[0]).name if command else Path(rest[0]).name if rest else "STDIN"
    chosen = {**_collected(_directives(text)), **_collected(options)}
    resources = _resources(chosen.get("-l", ""))
    queue = chosen.get("-q", "workq")
    limits = _checked(queue, resources)
    number, state["next"] = state["next"], state["next"] + 1
    job_id = f"{number}.{state['server']}"
    chunks, cpus = _chunks(resources)
    wanted: Tree = {"ncpus": chunks * cpus, "nodect": chunks, "place": resources.get("place", "pack")}
    wanted["select"] = resources.get("select", f"{chunks}:ncpus={cpus}")
    wanted |= {key: value for key, value in resources.items() if key not in wanted and key != "nodes"}
    wanted.setdefault("walltime", limits.get("walltime", "24:00:00"))
    title = chosen.get("-N", name).lstrip("=").strip('"')
    user = pwd.getpwuid(os.getuid()).pw_name
    where = os.getcwd()
    record: Tree = {
        "Job_Name": title,
        "Job_Owner": f"{user}@{state['server']}",
        "job_state": "H" if "-h" in chosen else "Q",
        "queue": queue,
        "server": state["server"],
        **({"Account_Name": chosen["-A"]} if "-A" in chosen else {}),
        "ctime": stamp(),
        "Error_Path": _path(state, chosen.get("-e"), where, f"{title}.e{number}"),
        "Hold_Types": "u" if "-h" in chosen else "n",
        "Join_Path": chosen.get("-j", "n"),
        "Output_Path": _path(state, chosen.get("-o"), where, f"{title}.o{number}"),
        "Priority": int(chosen.get("-p", "0")),
        "qtime": stamp(),
        "Resource_List": wanted,
        "substate": 20 if "-h" in chosen else 10,
        "Variable_List": {"PBS_O_HOME": str(Path.home()), "PBS_O_WORKDIR": where, **_variables(chosen)},
        "etime": stamp(),
        "Submit_arguments": " ".join(given),
        "project": chosen.get("-P", "_pbs_project_default"),
        "Submit_Host": state["server"],
    }
    hidden = {
        "script": text,
        "shell": chosen.get("-S", "/bin/bash"),
        "environ": {**(dict(os.environ) if "-V" in chosen else _login()), **_variables(chosen)},
        "chunks": chunks,
        "ncpus": cpus,
        "pack": "scatter" not in wanted["place"],
        "uid": os.getuid(),
    }
    if "-J" in chosen:
        job_id = _array(state, number, record, hidden, chosen["-J"])
    else:
        state["jobs"][job_id], state["hidden"][job_id] = record, hidden
    schedule(folder, state)
    return job_id


def _array(state: Tree, number: int, record: Tree, hidden: Tree, said: str) -> str:
    span, _, step = said.partition(":")
    first, _, last = span.partition("-")
    job_id = f"{number}[].{state['server']}"
    state["jobs"][job_id] = {**record, "array": "True", "array_indices_submitted": said}
    state["hidden"][job_id] = {**hidden, "places": []}
    for index in range(int(first), int(last) + 1, int(step or 1)):
        task = f"{number}[{index}].{state['server']}"
        paths = {key: record[key] + f".{index}" for key in ("Error_Path", "Output_Path")}
        state["jobs"][task] = {**record, **paths, "array_id": job_id, "array_index": index}
        state["hidden"][task] = dict(hidden)
    return job_id


def _parsed(arguments: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    try:
        return getopt.getopt(arguments, OPTIONS)
    except getopt.GetoptError as error:
        raise Refused(2, f"qsub: invalid option -- '{error.opt}'\n{USAGE}") from None


def _directives(script: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in script.splitlines():
        if line.startswith("#PBS "):
            found += _parsed(shlex.split(line[5:]))[0]
        elif line.strip() and not line.startswith("#"):
            break
    return found


def _collected(options: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in options:
        found[name] = f"{found[name]},{value}" if name == "-l" and name in found else value
    return found


def _resources(said: str) -> dict[str, str]:
    found = dict(part.partition("=")[::2] for part in said.split(",") if part)
    for name, value in found.items():
        if name not in RESOURCES:
            raise Refused(187, f"qsub: Unknown resource Resource_List.{name}\n")
        if name == "walltime" and seconds_of(value) is None:
            raise Refused(166, "qsub: Illegal attribute or resource value Resource_List.walltime\n")
    return found


def _checked(queue: str, resources: dict[str, str]) -> Tree:
    if queue not in QUEUES:
        raise Refused(170, "qsub: Unknown queue\n")
    if "acl_users" in QUEUES[queue]:
        raise Refused(159, "qsub: Unauthorized Request \n")
    limits: Tree = QUEUES[queue]["resources_max"]
    if (seconds_of(resources.get("walltime", "0")) or 0) > (seconds_of(limits.get("walltime", "")) or 10**9):
        raise Refused(188, "qsub: Job violates queue and/or server resource limits\n")
    return limits


def _chunks(resources: dict[str, str]) -> tuple[int, int]:
    if "nodes" in resources:
        parts = resources["nodes"].split(":")
    else:
        parts = resources.get("select", f"1:ncpus={resources.get('ncpus', 1)}").split(":")
    chunks = int(parts[0]) if parts[0].isdigit() else 1
    of_each = dict(part.partition("=")[::2] for part in parts)
    return chunks, int(of_each.get("ncpus", of_each.get("ppn", 1)))


def _path(state: Tree, said: str | None, where: str, name: str) -> str:
    path = Path(where) / (said or name).rpartition(":")[2]
    return f"{state['server']}:{path / name if path.is_dir() else path}"


def _variables(chosen: dict[str, str]) -> dict[str, str]:
    found = {}
    for part in chosen.get("-v", "").split(","):
        name, equals, value = part.partition("=")
        if name:
            found[name] = value if equals else os.environ.get(name, "")
    return found


def _login() -> dict[str, str]:
    return {name: os.environ[name] for name in ("HOME", "PATH", "USER", "LOGNAME", "LANG") if name in os.environ}
