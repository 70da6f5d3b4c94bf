"""What the plugin does, apart from routes and sessions. Everything here may block."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TypeVar

import msgspec

from orbit_jupyter.plugin import InvalidFieldError
from orbit_jupyter.plugin.intents import Intent, Intents

from . import offers
from .answers import Cancelled, Jobs, JobStatus, Launched, Offers, Submitted, TunnelStatus
from .bodies import Submit, SubmitTunneled
from .endpoints import Host, Launch, TokenFile, check_tunnel, checked_name, job_spec, name_in
from .handover import Handover, Order, Tell
from .output import read_from
from .spec import parse_spec

A = TypeVar("A", Submitted, Launched)


@dataclass(frozen=True)
class Caller:
    """Who submits: session, user and idempotency key, and what says that nobody waits for the answer any more."""

    session: str
    key: str = ""
    user: str = ""
    cancelled: Event | None = None


class JobService:
    """The jobs of one endpoint's user.

    Parameters
    ----------
    root
        Where scripts, output and intents go.
    tell
        Sends one ``job_status`` event.
    """

    def __init__(self, root: Path, tell: Tell) -> None:
        self.handover = Handover(root, tell)
        self._intents = Intents(root / "intents")
        self.jobs = self.handover.jobs
        self._ended = Event()

    def begin(self) -> None:
        """Import PSI/J, and remove what earlier lives have left; in a thread of its own, both take their time."""
        self.handover.executors.warm()
        self._intents.sweep()
        self.handover.keeper.sweep(self.jobs.knows, self._ended.is_set)

    def end(self) -> None:
        """Have `begin` come to its end."""
        self._ended.set()

    def list_executors(self) -> Offers:
        """Return which executors and launchers there are, and what those lack that can't be used."""
        return {
            "executors": offers.executors(),
            "launchers": offers.launchers(),
            "default": offers.DEFAULT_EXECUTOR,
        }

    def submit(self, wanted: Submit, caller: Caller) -> Submitted:
        """Start a job, once for each idempotency key, and return its ids."""
        order = Order(wanted, caller.session)
        return self._once(wanted, caller, order, lambda intent: self.handover.submit(order, intent))

    def submit_tunneled(self, wanted: SubmitTunneled, caller: Caller) -> Launched:
        """Start a job that is an endpoint, and return its ids and the endpoint's name."""
        check_tunnel(wanted.tunnel)
        name = name_in(parse_spec(wanted.job_spec).arguments)
        order = Order(wanted, caller.session, name)

        def act(intent: Intent) -> Launched:
            return {**self.handover.submit(order, intent), "endpoint_name": name}

        return self._once(wanted, caller, order, act)

    def tunnel_status(self, endpoint_name: str) -> TunnelStatus:
        """Return what has become of an endpoint's tunnel: none are made here yet."""
        return {"endpoint_name": endpoint_name, "status": "no_tunnel", "port": None, "pid": None}

    def launch(self, wanted: Launch, caller: Caller, host: Host) -> Launched:
        """Start another endpoint as a job, and return its ids and its name."""
        name = checked_name(wanted.name, "name", own=host.name)
        token_file = TokenFile(name)
        job = Submit(job_spec(wanted, host, token_file.path), wanted.executor)
        order = Order(job, caller.session, name, lambda: token_file.write(wanted.token))
        return self._once(wanted, caller, order, lambda intent: self._launch(order, intent, token_file))

    def status(self, job_id: str, stdout_offset: int, stderr_offset: int) -> JobStatus:
        """Return a job's state and its output from two bytes on."""
        record = self.handover.get(job_id)
        with record.lock:
            details, ended = record.details(), record.ended
        # The state first: output that was read before the end might lack its last lines.
        stdout, stdout_offset = read_from(record.stdout_path, stdout_offset, ended=ended)
        stderr, stderr_offset = read_from(record.stderr_path, stderr_offset, ended=ended)
        return {
            **details,
            "stdout": stdout,
            "stdout_offset": stdout_offset,
            "stderr": stderr,
            "stderr_offset": stderr_offset,
        }

    def list(self) -> Jobs:
        """Return all jobs that are known, oldest first."""
        return {"jobs": [record.summary() for record in self.jobs]}

    def cancel(self, job_id: str) -> Cancelled:
        """Ask for a job's end; its state says when that has come.

        Raises
        ------
        ConflictError
            If it has ended by itself.
        """
        self.handover.cancel(self.handover.get(job_id))
        return {"job_id": job_id, "status": "canceled"}

    def _once(self, wanted: msgspec.Struct, caller: Caller, order: Order, act: Callable[[Intent], A]) -> A:
        asked = [type(wanted).__name__, wanted]
        answer = self._intents.once(
            caller.key, asked, act, user=caller.user, note=_new_id, cancelled=caller.cancelled
        )
        if caller.key:
            self.handover.take_up(order, answer["job_id"], answer["native_id"])
        return answer

    def _launch(self, order: Order, intent: Intent, token_file: TokenFile) -> Launched:
        try:
            assert order.endpoint is not None
            return {**self.handover.submit(order, intent), "endpoint_name": order.endpoint}
        except BaseException as error:
            if not intent.again:  # otherwise an earlier try may run, and need it
                token_file.undo()
            if isinstance(error, InvalidFieldError):
                raise _in_body(error) from None
            raise


def _new_id() -> dict[str, str]:
    return {"job_id": str(uuid.uuid4())}


def _in_body(error: InvalidFieldError) -> InvalidFieldError:
    """Return the error with its field as the body of a launch has it: there is no ``job_spec`` in that."""
    field, what = error.field or "", error.message
    for prefix in ("job_spec.", "attributes."):
        field, what = field.removeprefix(prefix), what.removeprefix(prefix)
    return InvalidFieldError(what, field=field or None, data=error.data)
