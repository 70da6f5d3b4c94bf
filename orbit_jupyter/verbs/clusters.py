"""The verbs for clusters that are reached over ssh: join and leave."""

from __future__ import annotations

import argparse
import contextlib

from .context import Context
from .outcome import Outcome
from .usage import UsageMistake


def join(context: Context, given: argparse.Namespace) -> Outcome:
    """Have a login node join the bridge, installing an endpoint there where it is missing."""
    from orbit_jupyter import joining  # few verbs need it

    try:
        endpoint = joining.join(
            given.host,
            name=given.name,
            python=given.python,
            plugins=given.plugins,
            packages=given.package,
            ssh=given.ssh,
            bridge=context.bridge,
            on_step=lambda step: context.face.say(step.text),
        )
    except ValueError as error:
        raise UsageMistake(str(error)) from None
    name = endpoint.endpoint_id
    if given.stay:
        context.face.say("staying, to open the tunnel again when it breaks; Ctrl-C ends that, and nothing else")
        with contextlib.suppress(KeyboardInterrupt):
            joining.stay(name)
    note = f"{context.face.prog} use {name} works on it, {context.face.prog} leave {name} ends it"
    return Outcome(endpoint, {"endpoint": name, "host": given.host}, note=note)


def leave(context: Context, given: argparse.Namespace) -> Outcome:
    """End what a join has started, and remove what it has left."""
    from orbit_jupyter import joining

    try:
        joining.leave(
            given.joined,
            name=given.name,
            remove=given.remove,
            ssh=given.ssh,
            bridge=context.bridge,
            on_step=lambda step: context.face.say(step.text),
        )
    except ValueError as error:
        raise UsageMistake(str(error)) from None
    return Outcome(None, {"left": given.joined})
