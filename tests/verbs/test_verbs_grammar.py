"""The words: what each verb understands, and how it says that it doesn't."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from orbit_jupyter.verbs import HelpAsked, UsageMistake, grammar, parse, run, split
from orbit_jupyter.verbs.submit import job_spec

VERBS = "endpoints plugins use submit jobs status output cancel sysinfo queues token launch join leave help"


def parsed(line: str, cell: str | None = None) -> argparse.Namespace:
    return parse(grammar("%orbit"), split(line), cell)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("submit -- hostname -f", ["hostname", "-f"]),
        ("submit hostname -f", ["hostname", "-f"]),
        ("submit -n 4 a b", ["a", "b"]),
        ("submit -n 4 -- a -n 5 -- b", ["a", "-n", "5", "--", "b"]),
        ("submit --wait -e A=1 python3 -c 'print(1)'", ["python3", "-c", "print(1)"]),
        ("submit -n 2", []),
    ],
)
def test_a_command_begins_at_the_first_word_that_is_no_option(line: str, command: list[str]) -> None:
    assert parsed(line).command == command


@pytest.mark.parametrize(
    ("line", "spec"),
    [
        ("submit -- true", {}),
        ("submit -n 2 --processes 8 -- true", {"resources": {"node_count": 2, "process_count": 8}}),
        (
            "submit -t 1h30m -q debug -A proj -- true",
            {"attributes": {"duration": 5400, "queue_name": "debug", "account": "proj"}},
        ),
        (
            "submit -e A=1 -e B=x=y -d /tmp --name n --launcher srun -- true",
            {"environment": {"A": "1", "B": "x=y"}, "directory": "/tmp", "name": "n", "launcher": "srun"},
        ),
    ],
)
def test_options_become_psijs_job_specification(line: str, spec: dict[str, Any]) -> None:
    assert job_spec(["true"], parsed(line)) == {"executable": "true", "arguments": [], **spec}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("jobs", {"all": False, "on": None}),
        ("jobs -a --on hpc1", {"all": True, "on": "hpc1"}),
        ("status", {"jobs": []}),
        ("status a b", {"jobs": ["a", "b"]}),
        ("output -f 1f0c", {"follow": True, "job": "1f0c", "stderr": False}),
        ("output --stderr", {"stderr": True, "job": None}),
        ("cancel a", {"jobs": ["a"]}),
        ("use hpc1", {"endpoint": "hpc1"}),
        ("submit -- true", {"wait": None}),
        ("submit --no-wait -- true", {"wait": False}),
        ("token create hpc* --expires 30d", {"name": "hpc*", "expires": "30d"}),
        ("token revoke hpc1", {"token": "hpc1"}),
        ("join me@hpc", {"host": "me@hpc", "name": None, "plugins": "default", "ssh": "", "stay": False}),
        (
            "join hpc --name h --python /opt/py --package a --package b --ssh='-p 22 -J gate' --stay",
            {"name": "h", "python": "/opt/py", "package": ["a", "b"], "ssh": "-p 22 -J gate", "stay": True},
        ),
        ("leave hpc --remove", {"joined": "hpc", "remove": True, "name": None}),
        (
            "launch hpc1.1 --on hpc1 -x slurm -q q -A a -t 2:00:00 -n 2 -p psij,sysinfo --no-wait",
            {
                "name": "hpc1.1",
                "on": "hpc1",
                "executor": "slurm",
                "queue": "q",
                "account": "a",
                "time": 7200,
                "nodes": 2,
                "plugins": "psij,sysinfo",
                "wait": False,
            },
        ),
    ],
)
def test_each_verb_takes_its_options(line: str, values: dict[str, Any]) -> None:
    given = vars(parsed(line))
    assert {name: given[name] for name in values} == values


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("job", "no verb 'job'; did you mean jobs"),
        ("xyzzy", "there is endpoints, plugins"),
        ("submit -t 10 -- true", "write it like 90s, 10m, 1h30m or HH:MM:SS"),
        ("submit -n 0 -- true", "no number of at least 1"),
        ("submit -e A -- true", "write it like OMP_NUM_THREADS=8"),
        ("submit --node=2 -- true", "%orbit submit doesn't take --node=2; %orbit submit --help"),
        ("output a b", "%orbit output doesn't take b"),
        ("jobs -- ls", "submit does"),
        ("token", "%orbit token --help"),
        ("submit -- 'open", "the line can't be read"),
    ],
)
def test_words_that_do_not_fit_are_told_and_nothing_exits(line: str, said: str) -> None:
    with pytest.raises(UsageMistake) as raised:
        parsed(line)
    assert said in str(raised.value)


def test_only_submit_takes_a_cell() -> None:
    assert parsed("submit", "echo").cell == "echo"
    with pytest.raises(UsageMistake, match="only submit"):
        parsed("jobs", "echo")


@pytest.mark.parametrize("verb", VERBS.split())
def test_each_verb_has_help_with_examples_that_parse(verb: str) -> None:
    with pytest.raises(HelpAsked) as asked:
        parsed(f"{verb} --help")
    shown = str(asked.value)
    assert shown.startswith(f"usage: %orbit {verb}")
    examples = [line.strip() for line in shown.partition("examples:\n")[2].splitlines() if line.strip()]
    assert examples or verb == "token"
    for example in examples:
        assert parsed(example.removeprefix("%orbit ")).run


@pytest.mark.parametrize("words", [["--help"], ["help"]])
def test_help_names_every_verb(words: list[str]) -> None:
    nowhere: Any = None  # help asks no bridge
    with pytest.raises(HelpAsked) as asked:
        run(grammar("%orbit"), words, nowhere)
    listed = [line.split()[0] for line in str(asked.value).splitlines() if line.startswith("    ")]
    assert [word for word in listed if word in VERBS] == VERBS.split()


def test_help_of_one_verb_is_that_verbs() -> None:
    nowhere: Any = None
    with pytest.raises(HelpAsked, match="usage: %orbit launch"):
        run(grammar("%orbit"), ["help", "launch"], nowhere)
