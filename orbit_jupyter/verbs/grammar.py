"""The words of each verb: one tree for the notebook and the terminal."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from . import clusters, jobs, places, queues, submit, tokens
from .context import Context
from .outcome import Outcome
from .times import seconds_of
from .usage import HelpAsked, VerbParser

Run = Callable[[Context, argparse.Namespace], Outcome]

COMPLETES = {
    "on": "endpoints",
    "endpoint": "endpoints",
    "jobs": "jobs",
    "job": "jobs",
    "queue": "queues",
    "executor": "executors",
    "launcher": "launchers",
    "plugins": "plugins",
    "host": "hosts",
    "joined": "joined",
    "verb": "verbs",
}
"""Which candidates an argument completes from, by its `dest`."""

_JOB_HELP = "job id, its beginning, or the scheduler's id of it (default: the last job)"


class Grammar:
    """Builds the tree.

    Parameters
    ----------
    prog
        What stands before a verb: ``%orbit`` or ``jupyter orbit``.
    common
        Options that each verb has, too.
    """

    def __init__(self, prog: str, common: argparse.ArgumentParser | None = None) -> None:
        self.prog = prog
        self._common = [common] if common is not None else []
        self.parser = VerbParser(
            prog=prog,
            description="Reach the machines that are connected to an Orbit bridge.",
            epilog=f"{prog} VERB --help says more of a verb.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            parents=self._common,
        )
        self.parser.set_defaults(run=places.where, prog=prog)
        self._verbs = self.parser.add_subparsers(title="verbs", metavar="VERB", dest="verb_given")

    def verb(self, name: str, run: Run, says: str, *examples: str, of: object = None) -> VerbParser:
        """Add a verb and return its parser."""
        among = self._verbs if of is None else of
        whole = f"{self.prog} {name}" if of is None else f"{self.prog} token {name}"
        lines = "\n".join(f"  {self.prog} {example}" for example in examples)
        parser: VerbParser = among.add_parser(  # type: ignore[attr-defined]
            name,
            prog=whole,
            help=says,
            description=f"{says[0].upper()}{says[1:]}.",
            epilog=f"examples:\n{lines}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            parents=self._common,
        )
        parser.set_defaults(run=run, prog=whole)
        return parser

    def group(self, name: str, says: str) -> object:
        """Add a word that has verbs of its own, and return where they go."""
        parser = self._verbs.add_parser(
            name,
            prog=f"{self.prog} {name}",
            help=says,
            description=f"{says[0].upper()}{says[1:]}.",
            allow_abbrev=False,
        )
        return parser.add_subparsers(metavar="VERB", required=True, dest=f"{name}_verb")


def grammar(prog: str, common: argparse.ArgumentParser | None = None) -> argparse.ArgumentParser:
    """Return the parser of all verbs.

    It raises `UsageMistake` and `HelpAsked` where another would exit. What it returns has a function `run`.

    Parameters
    ----------
    prog
        What stands before a verb: ``%orbit`` or ``jupyter orbit``.
    common
        Options that each verb has, too.
    """
    tree = Grammar(prog, common)
    tree.verb("endpoints", places.endpoints, "list the endpoints that are connected", "endpoints")
    verb = tree.verb("plugins", places.plugins, "list an endpoint's plugins", "plugins", "plugins --on hpc1")
    _on(verb)
    verb = tree.verb("use", places.use, "choose the endpoint that verbs work on", "use hpc1", "use")
    verb.add_argument("endpoint", nargs="?", metavar="NAME", help="the endpoint; without it, say where you are")
    _add_submit(tree)
    _add_jobs(tree)
    verb = tree.verb("sysinfo", places.sysinfo, "say what an endpoint's host is and how busy", "sysinfo --on hpc1")
    _on(verb)
    verb = tree.verb("queues", queues.queues, "list the queues of a batch system", "queues", "queues hpc1 --now")
    verb.add_argument("endpoint", nargs="?", metavar="ENDPOINT", help="the endpoint (default: the one in use)")
    verb.add_argument("-a", "--all", action="store_true", help="those that you may not use, too")
    verb.add_argument("--now", action="store_true", help="ask the batch system now, not within the last minute")
    _on(verb)
    _add_tokens(tree)
    _add_launch(tree)
    _add_clusters(tree)
    verb = tree.verb("help", _help_of(tree), "say what can be done, or more of one verb", "help", "help submit")
    verb.add_argument("verb", nargs="?", metavar="VERB")
    return tree.parser


def verbs_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the verbs that a parser knows, with the parser of each."""
    # argparse has no public way to ask; argcomplete asks in this way, too.
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _add_submit(tree: Grammar) -> None:
    verb = tree.verb(
        "submit",
        submit.submit,
        "submit a job: a command, or a script that travels with it",
        "submit -- hostname -f",
        "submit -n 2 -t 30m -q debug -A proj42 -- ./model --steps 100",
        "submit --wait -e OMP_NUM_THREADS=8 -d /scratch/run1 -- ./model",
        "submit --script job.sh -n 4",
        "submit --script train.py -- python3 -u",
    )
    verb.usage = (
        "%(prog)s [options] [--] COMMAND ARGUMENTS\n       %(prog)s [options] --script FILE [-- INTERPRETER]"
    )
    _resources(verb)
    verb.add_argument("--processes", type=_count, metavar="N", help="processes (default: one)")
    verb.add_argument("--launcher", metavar="L", help="PSI/J's launcher: single, multiple, mpirun, srun, …")
    verb.add_argument(
        "-d", "--directory", metavar="D", help="where it runs, on the endpoint (default: the endpoint's own)"
    )
    verb.add_argument(
        "-e",
        "--env",
        type=_variable,
        action="append",
        default=[],
        metavar="K=V",
        help="environment variable; repeat it",
    )
    verb.add_argument("--name", metavar="N", help="the job's name")
    verb.add_argument(
        "-s",
        "--script",
        metavar="FILE",
        help="a script on this machine that travels with the job; COMMAND is then its interpreter "
        "(default: its #! line, else /bin/bash)",
    )
    verb.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        help="wait for the job's end, then show its output; Ctrl-C cancels it",
    )
    _on(verb)
    verb.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ARGUMENTS", help="what to run")


def _add_jobs(tree: Grammar) -> None:
    verb = tree.verb("jobs", jobs.jobs, "list jobs", "jobs", "jobs --all --on hpc1")
    verb.add_argument("-a", "--all", action="store_true", help="those that have ended, too")
    _on(verb)
    verb = tree.verb("status", jobs.status, "say how jobs are doing", "status", "status 1f0c 77ab")
    verb.add_argument("jobs", nargs="*", metavar="JOB", help=_JOB_HELP)
    _on(verb)
    verb = tree.verb(
        "output", jobs.output, "show what a job has written", "output", "output -f 1f0c", "output --stderr"
    )
    verb.add_argument("job", nargs="?", metavar="JOB", help=_JOB_HELP)
    verb.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    verb.add_argument("--stderr", action="store_true", help="its standard error instead of its standard output")
    _on(verb)
    verb = tree.verb("cancel", jobs.cancel, "cancel jobs", "cancel", "cancel 1f0c 77ab")
    verb.add_argument("jobs", nargs="*", metavar="JOB", help=_JOB_HELP)
    _on(verb)


def _add_tokens(tree: Grammar) -> None:
    among = tree.group("token", "make, list and revoke the tokens that endpoints join with")
    verb = tree.verb("create", tokens.create, "make a token", "token create hpc1 --expires 30d", of=among)
    verb.add_argument("name", metavar="NAME", help="the endpoint's name, or a glob")
    verb.add_argument("--expires", metavar="T", help="how long it is good for: 30d, 12h, … (default: for ever)")
    tree.verb("list", tokens.listed, "list the tokens", "token list", of=among)
    verb = tree.verb("revoke", tokens.revoke, "revoke a token", "token revoke hpc1", of=among)
    verb.add_argument("token", metavar="ID|NAME", help="one token, or all of a name")


def _add_launch(tree: Grammar) -> None:
    verb = tree.verb(
        "launch",
        submit.launch,
        "start an endpoint on other nodes, as a job of an endpoint that is connected",
        "launch hpc1.1 --on hpc1 -n 2 -t 2h -q normal -A proj42",
        "launch hpc1.1 --no-wait",
    )
    verb.add_argument("name", metavar="NAME", help="the new endpoint's name")
    _resources(verb)
    verb.add_argument("-p", "--plugins", metavar="P", help="its plugins, comma-separated (default: default)")
    verb.add_argument(
        "--tunnel",
        choices=["auto", "none", "forward", "reverse"],
        help="how it reaches the bridge: straight, by ssh from there, or by ssh from here (default: what works)",
    )
    verb.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="wait until it is connected; Ctrl-C cancels it",
    )
    _on(verb)


def _add_clusters(tree: Grammar) -> None:
    verb = tree.verb(
        "join",
        clusters.join,
        "reach a cluster over ssh, installing an endpoint there",
        "join me@login.cluster.org",
        "join me@login.cluster.org --name hpc1 --ssh='-J gate.cluster.org'",
    )
    verb.add_argument("host", metavar="[USER@]HOST", help="as for ssh; your own configuration and keys are used")
    verb.add_argument("--name", metavar="NAME", help="the endpoint's name (default: the host, as it is written)")
    verb.add_argument(
        "--python", metavar="PATH", help="of the Python to use there, 3.10 or newer (default: one is looked for)"
    )
    verb.add_argument(
        "-p", "--plugins", default="default", metavar="P", help="its plugins, comma-separated (default: default)"
    )
    verb.add_argument(
        "--package",
        action="append",
        default=[],
        metavar="DIST",
        help="a distribution installed here to bring along, such as one with your own plugins; repeat it",
    )
    verb.add_argument("--stay", action="store_true", help="stay, and open the tunnel again when it breaks")
    _ssh(verb)
    verb = tree.verb(
        "leave",
        clusters.leave,
        "undo a join: end the endpoint, revoke its token",
        "leave hpc1",
        "leave me@login.cluster.org --remove",
    )
    verb.add_argument("joined", metavar="NAME|HOST", help="what was joined")
    verb.add_argument("--name", metavar="NAME", help="the endpoint's name, where a host has several")
    verb.add_argument(
        "--remove", action="store_true", help="remove the installation and the endpoint's state over there, too"
    )
    _ssh(verb)


def _ssh(verb: VerbParser) -> None:
    verb.add_argument(
        "--ssh", default="", metavar="OPTIONS", help="more options for ssh, written as --ssh='-p 2222'"
    )


def _resources(verb: VerbParser) -> None:
    verb.add_argument("-n", "--nodes", type=_count, metavar="N", help="nodes (default: the scheduler's)")
    verb.add_argument(
        "-t", "--time", type=seconds_of, metavar="T", help="longest run time: 90s, 10m, 1h30m or HH:MM:SS"
    )
    verb.add_argument("-q", "--queue", metavar="Q", help="queue, or partition")
    verb.add_argument("-A", "--account", metavar="A", help="what it is charged to")
    verb.add_argument(
        "-x", "--executor", metavar="E", help="PSI/J's executor (default: the host's batch system, else local)"
    )
    verb.add_argument(
        "--force", action="store_true", help="submit it also where the queue's limits say that it can't run"
    )


def _on(verb: VerbParser) -> None:
    verb.add_argument("--on", metavar="ENDPOINT", help="the endpoint (default: the one in use)")


def _help_of(tree: Grammar) -> Run:
    def show(context: Context, given: argparse.Namespace) -> Outcome:
        words = [given.verb, "--help"] if given.verb else ["--help"]
        tree.parser.parse_args(words)
        raise HelpAsked(tree.parser.format_help())  # not reached: parsing has raised it

    return show


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return int(text)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no variable; write it like OMP_NUM_THREADS=8")
    return name, value
