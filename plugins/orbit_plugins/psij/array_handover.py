"""From a request to an array that a scheduler has in hand. Everything here may block."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from orbit_jupyter.plugin import ConflictError, OrbitError, PluginError
from orbit_jupyter.plugin.intents import Intent

from .answers import ArraySubmitted
from .arrays import INDEX, NATIVE, ArrayClaim, Task, index_of, stream_of, task_id, tasks_of, with_array
from .bodies import Submit, SubmitArray
from .claims import Claim, can_claim
from .jobs import JobRecord, new_history
from .spec import JobSpec, parse_spec, wrong
from .translate import to_psij

if TYPE_CHECKING:
    from .handover import Handover, Order


class ArrayHandover:
    """Hands arrays over, each as one job where the scheduler has arrays.

    Parameters
    ----------
    handover
        For the tasks as jobs.
    claims
        Where the claims of jobs are.
    """

    def __init__(self, handover: Handover, claims: Path) -> None:
        self._handover, self._claims = handover, claims

    def submit(self, order: Order, wanted: SubmitArray, intent: Intent) -> ArraySubmitted:
        """Start an array, or find the one that an earlier try has started."""
        spec, executor, array_id = parse_spec(wanted.job_spec), wanted.executor, str(intent.note["job_id"])
        tasks = tasks_of(wanted, spec, executor)
        if executor not in NATIVE:
            return self._one_by_one(order, wanted, tasks, intent)
        if not can_claim(spec, executor):
            raise wrong("launcher", f"an array can't be started by {spec.launcher}")
        jobs, reports = self._handover.jobs, self._handover.reports
        known = [jobs.get(job_id) for job_id in jobs.of_array(array_id)] if intent.again else []
        if known and all(record.native_id or record.ended for record in known):
            return _answer(array_id, known)
        reports.executors.get(executor)
        if not (intent.again or wanted.force):
            self._handover.limits.check(spec, executor)
        records = known or [self._record(spec, order, array_id, task, keyed=bool(intent.key)) for task in tasks]
        found = self._handed_over(records, array_id) if intent.again else None
        for record in records:
            record.again, record.submitted = record.again or intent.again, False
        native_id = found or self._start(records, spec, wanted, tasks, array_id)
        if found is not None:
            self._handover.add(records)
        reports.array_queued(records, native_id)
        return _answer(array_id, records)

    def _one_by_one(self, order: Order, wanted: SubmitArray, tasks: list[Task], intent: Intent) -> ArraySubmitted:
        array_id, spec = str(intent.note["job_id"]), wanted.job_spec
        submitted: list[str] = []
        try:
            for task in tasks:
                more = {
                    "arguments": task.arguments,
                    "environment": {**(spec.get("environment") or {}), INDEX: str(task.index)},
                    **{
                        f"{name}_path": f"{path}.{task.index}"
                        for name in ("stdout", "stderr")
                        if (path := spec.get(f"{name}_path") or spec.get(name)) is not None
                    },
                }
                given = {name: value for name, value in spec.items() if name not in ("stdout", "stderr")}
                job = Submit({**given, **more}, wanted.executor, wanted.force)
                note = {"job_id": task_id(array_id, task.index)}
                one = replace(order, wanted=job, array_id=array_id)
                self._handover.submit(one, Intent(intent.key, note, intent.again))
                submitted.append(note["job_id"])
        except BaseException:
            for job_id in submitted:
                with contextlib.suppress(OrbitError):
                    self._handover.cancel(self._handover.get(job_id))
            raise
        return {"array_id": array_id, "native_id": "", "job_ids": submitted}

    def _record(self, spec: JobSpec, order: Order, array_id: str, task: Task, *, keyed: bool) -> JobRecord:
        job_id = task_id(array_id, task.index)
        stdout, stderr = self._handover.output.files(job_id)
        return JobRecord(
            job_id,
            order.wanted.executor,
            order.session,
            msgspec.structs.replace(spec, arguments=task.arguments),
            stream_of(spec.stdout_path, stdout, task.index),
            stream_of(spec.stderr_path, stderr, task.index),
            new_history(),
            claim=Claim(self._claims / array_id / str(task.index)),
            keyed=keyed,
            array_id=array_id,
        )

    def _start(
        self, records: list[JobRecord], spec: JobSpec, wanted: SubmitArray, tasks: list[Task], array_id: str
    ) -> str:
        import psij

        first, executor = records[0], wanted.executor
        streams = [
            (f"{given}.", "") if given else (str(path)[: -len(f"0{path.suffix}")], path.suffix)
            for given, path in ((spec.stdout_path, first.stdout_path), (spec.stderr_path, first.stderr_path))
        ]
        claim = ArrayClaim(self._claims / array_id, streams)
        job = psij.Job()
        job._id = array_id
        whole = with_array(spec, executor, len(tasks), wanted.at_once)
        job.spec = to_psij(whole, first.stdout_path, first.stderr_path, executor)
        self._handover.add(records)
        try:
            job.spec.pre_launch, job.spec.post_launch = claim.scripts(spec, executor)
            if wanted.arguments is not None:
                job.spec.executable = "/bin/bash"
                job.spec.arguments = [claim.program(spec.executable, tasks)]
            return self._handover.reports.executors.submit(executor, job)
        except BaseException as error:
            self._handover.jobs.remove(*(record.job_id for record in records))
            if not first.keyed or (not first.again and getattr(error, "status", 500) < 500):
                claim.remove()
            raise
        finally:
            self._handover.reports.executors.drop(array_id)
            self._handover.keeper.remove_script(executor, array_id)

    def _handed_over(self, records: list[JobRecord], array_id: str) -> str | None:
        """Return the scheduler's id of an array that an earlier try has submitted."""
        for record in records:
            holder = None if record.claim is None else record.claim.holder()
            if holder is not None and holder.native_id:
                return holder.native_id.partition("_")[0]
        try:
            found = self._handover.reports.watch.find(records[0])
        except PluginError as error:
            # The claims would see to it that each task runs once, but a second array of this size is no trifle.
            raise ConflictError(f"whether array {array_id} was submitted can't be found out: {error}") from None
        return None if found is None else found.partition("_")[0]


def _answer(array_id: str, records: list[JobRecord]) -> ArraySubmitted:
    records = sorted(records, key=lambda record: index_of(record.job_id) or 0)
    native_id = (records[0].native_id or "").partition("_")[0]
    return {"array_id": array_id, "native_id": native_id, "job_ids": [record.job_id for record in records]}
