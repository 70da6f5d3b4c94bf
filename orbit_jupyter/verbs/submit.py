"""The verbs that start something: submit and launch."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from orbit_jupyter.protocol import ConflictError, OrbitError

from .context import Context, Job, short
from .jobs import FINAL
from .outcome import Ending, Outcome
from .places import executor_of
from .script import command_of, directives
from .times import clock
from .usage import UsageMistake
from .values import Row
from .waiting import cancel, last_state, to_its_end, wait_for

LOOK = 1.0
"""Seconds between two looks whether a launched endpoint's job has ended."""


def submit(context: Context, given: argparse.Namespace) -> Outcome:
    """Submit a command, or a script that travels with the job."""
    command = _command(context, given)
    endpoint = context.endpoint_name(given.on)
    executor = given.executor or executor_of(context, endpoint)
    jobs, spec = context.jobs(endpoint), job_spec(command, given)
    job, interrupted = to_its_end(lambda: jobs.submit_job(spec, executor, force=given.force), context.face)
    context.remember(endpoint, job.id)
    data: Row = {"job_id": job.id, "native_id": job.native_id, "endpoint": endpoint, "executor": executor}
    note = f"job {short(job.id)} was submitted to {endpoint} through {executor}, which calls it {job.native_id}"
    if interrupted:
        cancel(job, endpoint, context.face)
        return Outcome(job, {**data, **_end(job)}, ending=Ending.INTERRUPTED)
    if not (context.wait if given.wait is None else given.wait):
        return Outcome(job, data, job.id, note)
    try:
        state = wait_for(job, endpoint, context.face)
    except KeyboardInterrupt:
        cancel(job, endpoint, context.face)
        return Outcome(job, {**data, **_end(job)}, ending=Ending.INTERRUPTED)
    output = {"stdout": job.stdout, "stderr": job.stderr}
    context.face.write(output["stdout"], "stdout")
    context.face.write(output["stderr"], "stderr")
    ending = Ending.DONE if state == "COMPLETED" else Ending.FAILED
    note = "" if ending is Ending.DONE else f"job {short(job.id)} is {state}, exit code {job.exit_code}"
    return Outcome(job, {**data, **_end(job), **output}, note=note, ending=ending)


def launch(context: Context, given: argparse.Namespace) -> Outcome:
    """Start an endpoint through another one's batch system, and wait until it is there."""
    parent, name = context.endpoint_name(given.on), given.name
    if name in context.listing():
        raise ConflictError(f"endpoint {name} is connected already; {context.face.prog} use {name} works on it")
    executor = given.executor or executor_of(context, parent)
    wanted = {
        "queue_name": given.queue,
        "account": given.account,
        "duration": given.time,
        "node_count": given.nodes,
        "plugins": given.plugins,
        "tunnel": given.tunnel,
        "force": given.force or None,
    }
    told = {key: value for key, value in wanted.items() if value is not None}
    psij: Any = context.plugin(parent, "psij")
    job: Job
    job, interrupted = to_its_end(lambda: psij.launch_job(name, executor=executor, **told), context.face)
    context.remember(parent, job.id)
    data: Row = {
        "endpoint": name,
        "job_id": job.id,
        "native_id": job.native_id,
        "parent": parent,
        "executor": executor,
    }
    note = f"endpoint {name} was submitted to {parent} through {executor} as job {short(job.id)}"
    try:
        if interrupted:
            raise KeyboardInterrupt
        if not given.wait:
            return Outcome(job, data, job.id, note)
        _until_connected(context, name, parent, job)
    except KeyboardInterrupt:
        cancel(job, parent, context.face)
        return Outcome(job, {**data, **_end(job)}, ending=Ending.INTERRUPTED)
    note = f"endpoint {name} is connected; {context.face.prog} use {name} works on it"
    return Outcome(context.bridge[name], data, note=note)


def job_spec(command: list[str], given: argparse.Namespace) -> Row:
    """Return PSI/J's job specification of what was asked for; what wasn't said is left out."""
    spec = {
        "executable": command[0],
        "arguments": command[1:],
        "directory": given.directory,
        "environment": dict(given.env) or None,
        "name": given.name,
        "launcher": given.launcher,
        "attributes": _said(duration=given.time, queue_name=given.queue, account=given.account),
        "resources": _said(node_count=given.nodes, process_count=given.processes),
    }
    return {key: value for key, value in spec.items() if value is not None}


def _said(**wanted: Any) -> Row | None:
    return {key: value for key, value in wanted.items() if value is not None} or None


def _command(context: Context, given: argparse.Namespace) -> list[str]:
    body, words = given.cell, list(given.command)
    if given.script is not None:
        if body is not None:
            raise UsageMistake("give the script in the cell or with --script, not both")
        body = _read(given.script)
    if body is None:
        if not words:
            raise UsageMistake(f"say what to run: {context.face.prog} submit [options] -- COMMAND ARGUMENTS")
        return words
    command = command_of(body, words)
    if ignored := directives(body):
        context.face.say(
            f"the script's {ignored} lines are comments here; give options such as -n, -t, -q, -A instead"
        )
    return command


def _read(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageMistake(f"the script {path} can't be read: {error}") from None


def _until_connected(context: Context, name: str, parent: str, job: Job) -> None:
    began = time.monotonic()
    with context.face.progress() as tell:
        while True:
            waited = clock(time.monotonic() - began)
            tell(f"endpoint {name}: its job {short(job.id)} on {parent} is {last_state(job)}, {waited}")
            try:
                context.bridge.wait_for_endpoint(name, timeout=LOOK)
                return
            except TimeoutError:
                pass
            if (state := job.state) in FINAL:
                said = (job.stderr + job.stdout).strip()[-2000:]
                raise OrbitError(
                    f"endpoint {name} didn't come: its job {short(job.id)} on {parent} is {state}"
                    + (f". Its output:\n{said}" if said else ", and it has written nothing")
                )


def _end(job: Job) -> Row:
    return {"state": job.state, "exit_code": job.exit_code}
