"""The magic: a line is a verb, and what is below it in the cell the script that it submits."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class
from traitlets import Bool, Float, Unicode, observe

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.protocol import OrbitError
from orbit_jupyter.verbs import Candidates, Context, HelpAsked, UsageMistake, complete, grammar, run, split

from .face import CellFace


class _Choice:
    """The endpoint in use is the trait `endpoint`, so that ``%config`` and ``%orbit use`` are one."""

    def __init__(self, magics: OrbitMagics) -> None:
        self._magics = magics

    def get(self) -> str | None:
        return self._magics.endpoint or None

    def set(self, name: str) -> None:
        self._magics.endpoint = name


@magics_class
class OrbitMagics(Magics):
    """``%orbit``: reach the machines that are connected to an Orbit bridge."""

    url = Unicode(
        help="""The bridge's URL, such as https://host:8888/orbit. Empty (default): $RADICAL_ORBIT_BRIDGE_URL, the
        Jupyter server of this kernel, or ~/.radical/orbit/bridge.url."""
    ).tag(config=True)

    cert = Unicode(
        help="Path of the certificate to trust. Empty (default): $RADICAL_ORBIT_BRIDGE_CERT, the system's trust."
    ).tag(config=True)

    endpoint = Unicode(
        help="""The endpoint in use, which `%orbit use NAME` sets. Empty (default): `local` if it is connected,
        else the only one that is."""
    ).tag(config=True)

    wait = Bool(
        False, help="Whether `%orbit submit` waits for the job's end where neither --wait nor --no-wait is said."
    ).tag(config=True)

    completion_time = Float(
        1.0,
        help="Seconds that the Tab key may wait for the bridge to name endpoints, queues and jobs. Default: 1.",
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._face = CellFace(shell)
        self._parser = grammar(self._face.prog)
        self._begin()

    def _begin(self) -> None:
        self._context = Context(self._client, self._face, _Choice(self), wait=self.wait)
        self._candidates = Candidates(self._context, self.completion_time)

    @observe("url", "cert")
    def _on_other_bridge(self, _: object) -> None:
        if hasattr(self, "_context"):
            self.close()
            self._begin()

    @observe("wait")
    def _on_wait(self, _: object) -> None:
        if hasattr(self, "_context"):
            self._context.wait = self.wait

    @observe("completion_time")
    def _on_completion_time(self, _: object) -> None:
        if hasattr(self, "_context"):
            self._candidates = Candidates(self._context, self.completion_time)

    def _client(self) -> BridgeClient:
        try:
            return BridgeClient(self.url or None, self.cert or None)
        except (ValueError, OSError) as error:  # it was looked for and not found
            _be_brief(error)
            raise

    def close(self) -> None:
        """Disconnect; jobs go on."""
        self._context.close()

    @line_cell_magic
    def orbit(self, line: str, cell: str | None = None) -> Any:
        """Reach the machines that are connected to an Orbit bridge.

        ::

            %orbit                          where am I: bridge, endpoints, the one in use
            %orbit use hpc1                 work on that one from now on
            job = %orbit submit -- hostname
            %orbit status                   of the last job
            %orbit output -f                of the last job, until it ends
            %orbit help                     all verbs; %orbit VERB --help: one of them

        A cell is a script that travels with its job; bash runs it, or whom its first line (``#!…``) names::

            %%orbit submit -n 2 -t 30m
            module load gromacs
            srun gmx mdrun
        """
        try:
            return run(self._parser, split(line), self._context, cell).value
        except HelpAsked as asked:
            print(asked)
            return None
        except UsageMistake as mistake:
            raise UsageError(str(mistake)) from None
        except OrbitError as error:
            _be_brief(error)
            raise

    def completions(self, line: str) -> list[str]:
        """Return what the word at the end of a line could be; the line begins behind ``%orbit``."""
        before, _, begun = line.rpartition(" ")
        try:
            words = split(before)
        except UsageMistake:  # in the middle of a quoted text
            return []
        on = words[words.index("--on") + 1] if "--on" in words[:-1] else None
        return complete(self._parser, words, begun, lambda kind: self._candidates(kind, on))


def _be_brief(error: Exception) -> None:
    """Have IPython show what happened and not where in Orbit: that helps nobody who mistyped a job's id.

    A bug in Orbit shows all of it, and a handler's on the endpoint its own traceback.
    """
    lines = [f"{type(error).__name__}: {error}"]
    if isinstance(error, OrbitError) and error.remote_traceback:
        lines += ["On the endpoint:", error.remote_traceback]
    error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
