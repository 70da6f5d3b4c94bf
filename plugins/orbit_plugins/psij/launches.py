"""Starting jobs that are endpoints: their tokens, their tunnels, and that a name has one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from orbit_jupyter.plugin import InvalidFieldError
from orbit_jupyter.plugin.intents import Intent

from .answers import Launched, TunnelStatus
from .bodies import Submit, SubmitTunneled
from .child import Child
from .children import Children
from .endpoints import (
    Launch,
    check_tunnel,
    checked_name,
    job_spec,
    name_in,
    option_in,
    target_in,
    token_file_of,
    token_id,
    tunnel_arguments,
    tunnel_of,
    write_token,
)
from .handover import Handover, Order
from .spec import parse_spec
from .surroundings import Surroundings

Act = Callable[[Intent], Launched]


class Launches:
    """The endpoints that are jobs of this one.

    Parameters
    ----------
    root
        Where is kept which there are.
    handover
        Submits their jobs.
    around
        This endpoint and its bridge.
    """

    def __init__(self, root: Path, handover: Handover, around: Surroundings) -> None:
        self._handover, self._host = handover, around.host
        self._children = Children(root / "children", self, around.bridge_end, token_file_of, around.ended)
        self.resume, self.close = self._children.resume, self._children.close
        self.error_of = self._children.error_of

    def state_of(self, job_id: str) -> str:
        """Return a job's state; of an unknown one there is `ResourceNotFoundError`."""
        return self._handover.get(job_id).state

    def cancel(self, job_id: str) -> None:
        """Ask for a job's end."""
        self._handover.cancel(self._handover.get(job_id))

    def tunnel_status(self, endpoint_name: str) -> TunnelStatus:
        """Return what has become of an endpoint's tunnel."""
        return self._children.status(endpoint_name)

    def launch(self, wanted: Launch, session: str) -> tuple[Order, Act]:
        """Return the job that is another endpoint, and what submits it."""
        host = self._host()
        name = checked_name(wanted.name, "name", own=host.name)
        token_file, tunnel = token_file_of(name), tunnel_of(wanted)
        order = Order(Submit(job_spec(wanted, host, token_file), wanted.executor, wanted.force), session, name)
        target, id = target_in(wanted.bridge_url, host), token_id(wanted.token)
        child = Child(name=name, job_id="", tunnel=tunnel, target=target, token_id=id)

        def act(intent: Intent) -> Launched:
            try:
                return self._submit(order, intent, child, lambda: write_token(token_file, wanted.token))
            except InvalidFieldError as error:
                raise _in_body(error) from None

        return order, act

    def submit_tunneled(self, wanted: SubmitTunneled, session: str) -> tuple[Order, Act]:
        """Return a job that is an endpoint by its own command line, and what submits it."""
        tunnel, host = check_tunnel(wanted.tunnel), self._host()
        arguments = parse_spec(wanted.job_spec).arguments
        name = name_in(arguments)
        with_tunnel = [*arguments, *tunnel_arguments(tunnel, host)]
        spec = {**wanted.job_spec, "arguments": with_tunnel}
        order = Order(msgspec.structs.replace(wanted, job_spec=spec), session, name)
        target = target_in(option_in(arguments, "-u", "--url"), host)
        child = Child(name=name, job_id="", tunnel=tunnel, target=target)
        return order, lambda intent: self._submit(order, intent, child, lambda: None)

    def _submit(self, order: Order, intent: Intent, child: Child, prepare: Callable[[], None]) -> Launched:
        job_id = str(intent.note["job_id"])
        child = msgspec.structs.replace(child, job_id=job_id)

        def before() -> None:
            if child.tunnel != "none" or child.token_id is not None:
                self._children.begin(child)
            prepare()

        try:
            submitted = self._handover.submit(replace(order, before=before), intent)
        except BaseException:
            if not intent.again:  # otherwise an earlier try may run, and need it
                self._children.undo(child.name, job_id)
            raise
        return {**submitted, "endpoint_name": child.name}


def _in_body(error: InvalidFieldError) -> InvalidFieldError:
    """Return the error with its field as the body of a launch has it: there is no ``job_spec`` in that."""
    field, what = error.field or "", error.message
    for prefix in ("job_spec.", "attributes."):
        field, what = field.removeprefix(prefix), what.removeprefix(prefix)
    return InvalidFieldError(what, field=field or None, data=error.data)
