"""The programs of the fake PBS."""

from __future__ import annotations

import getopt
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .printing import as_json, as_table, as_text
from .records import finish, node_records, queue_records, schedule, server_records
from .state import Tree, faults, opened
from .submit import Refused, submit

DOWN = {"qstat": 255, "qsub": 162, "qdel": 255, "qhold": 255, "qrls": 255}


def qsub(folder: Path, state: Tree, arguments: list[str]) -> str:
    return submit(folder, state, arguments) + "\n"


def qstat(folder: Path, state: Tree, arguments: list[str]) -> str:
    options, names = _options("qstat", arguments, "fF:xtQBau:")
    server, asked = state["server"], dict(options)
    if asked.get("-F") == "json" and faults(folder).get("no_json"):
        raise Refused(2, "qstat: invalid option -- 'F'\nusage: qstat ...\n")
    for letter, head, kind, records in (
        ("-Q", "Queue", "Queue", queue_records),
        ("-B", "Server", "Server", server_records),
    ):
        if letter in asked:
            found = records(state)
            return as_json(server, kind, found) if "-F" in asked else as_text(head, found)
    jobs, complaints, code = _chosen(state, asked, names)
    if "-F" in asked:
        # Of several jobs this release prints the first alone.
        shown = as_json(server, "Jobs", dict(list(jobs.items())[:1]) if len(names) > 1 else jobs)
    else:
        shown = as_text("Job Id", jobs) if "-f" in asked else as_table(jobs)
    if code:
        sys.stdout.write(shown)
        raise Refused(code, complaints)
    return shown


def qdel(folder: Path, state: Tree, arguments: list[str]) -> str:
    for job_id in _known("qdel", state, _options("qdel", arguments, "xW:")[1]):
        tasks = [task for task, job in state["jobs"].items() if job.get("array_id") == job_id]
        for each in tasks or [job_id]:
            if state["jobs"][each]["job_state"] == "R":
                (folder / f"{each}.DEL").touch()
            elif state["jobs"][each]["job_state"] not in "FX":
                finish(state, each, None, 91, "terminated")
    schedule(folder, state)
    return ""


def qhold(folder: Path, state: Tree, arguments: list[str]) -> str:
    for job_id in _known("qhold", state, _options("qhold", arguments, "h:")[1]):
        record = state["jobs"][job_id]
        record["Hold_Types"] = "u"
        if record["job_state"] == "Q":
            record["job_state"], record["substate"] = "H", 20
    return ""


def qrls(folder: Path, state: Tree, arguments: list[str]) -> str:
    for job_id in _known("qrls", state, _options("qrls", arguments, "h:")[1]):
        record = state["jobs"][job_id]
        record["Hold_Types"] = "n"
        if record["job_state"] == "H":
            record["job_state"], record["substate"] = "Q", 10
    schedule(folder, state)
    return ""


def pbsnodes(folder: Path, state: Tree, arguments: list[str]) -> str:
    asked = dict(_options("pbsnodes", arguments, "aF:")[0])
    nodes = node_records(state)
    return as_json(state["server"], "nodes", nodes) if "-F" in asked else as_text("", nodes).replace(": ", "")


PROGRAMS: dict[str, Callable[[Path, Tree, list[str]], str]] = {
    "qsub": qsub,
    "qstat": qstat,
    "qdel": qdel,
    "qhold": qhold,
    "qrls": qrls,
    "pbsnodes": pbsnodes,
}


def _options(program: str, arguments: list[str], known: str) -> tuple[list[tuple[str, str]], list[str]]:
    try:
        return getopt.gnu_getopt(arguments, known)
    except getopt.GetoptError as error:
        raise Refused(2, f"{program}: invalid option -- '{error.opt}'\n") from None


def _full(state: Tree, name: str) -> str:
    return name if "." in name else f"{name}.{state['server']}"


def _known(program: str, state: Tree, names: list[str]) -> list[str]:
    found = [_full(state, name) for name in names]
    for job_id in found:
        if job_id not in state["jobs"]:
            raise Refused(153, f"{program}: Unknown Job Id {job_id}\n")
        if state["jobs"][job_id]["job_state"] in "FX":
            raise Refused(35, f"{program}: Job has finished {job_id}\n")
    return found


def _chosen(state: Tree, asked: dict[str, str], names: list[str]) -> tuple[Tree, str, int]:
    """Return the jobs that qstat prints, what it complains of, and its exit code."""
    jobs, complaints, code = {}, "", 0
    for job_id in [_full(state, name) for name in names] or list(state["jobs"]):
        record = state["jobs"].get(job_id)
        if record is None:
            complaints, code = complaints + f"qstat: Unknown Job Id {job_id}\n", 153
        elif record["job_state"] == "F" and "-x" not in asked:
            if names:
                said = "Job has finished, use -x or -H to obtain historical job information"
                complaints, code = complaints + f"qstat: {job_id} {said}\n\n", 35
        elif (
            names or "array_id" not in record or ("-t" in asked and (record["job_state"] != "X" or "-x" in asked))
        ):
            jobs[job_id] = record
    user = asked.get("-u")
    return (
        {key: job for key, job in jobs.items() if user in {None, job["Job_Owner"].partition("@")[0]}},
        complaints,
        code,
    )


def main(words: list[str]) -> int:
    """Run a program: its server's folder, its name, its arguments."""
    folder, program, arguments = Path(words[0]), words[1], words[2:]
    failing = faults(folder)
    if program in failing.get("hang", ()):
        time.sleep(3600)
    if program in failing.get("garbage", {}):
        sys.stdout.buffer.write(failing["garbage"][program].encode("latin-1"))
        return 0
    with opened(folder) as state:
        server = state["server"]
        if failing.get("down"):
            sys.stderr.write("Connection refused\n")
            if program == "pbsnodes":
                sys.stderr.write(f"pbsnodes: cannot connect to server {server}, error=15010\n")
                return 1
            if program == "qstat" and "json" in arguments:
                sys.stdout.write(as_json(server, "Jobs", {}))
            sys.stderr.write(f"{program}: cannot connect to server {server} (errno=15010)\n")
            return DOWN[program]
        try:
            sys.stdout.write(PROGRAMS[program](folder, state, arguments))
        except Refused as refused:
            sys.stderr.write(refused.said)
            return refused.code
    return 0
