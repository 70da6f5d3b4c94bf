"""A script that travels as an argument: each kind is run here as a job would run it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orbit_jupyter.verbs import UsageMistake
from orbit_jupyter.verbs.script import LONGEST, command_of, directives

QUOTES = 'it\'s "here" $x `y` \\n %s'


def output_of(command: list[str], folder: Path) -> str:
    ran = subprocess.run(
        command, cwd=folder, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)}, capture_output=True, check=True
    )
    return ran.stdout.decode()


def test_a_script_without_a_first_line_is_bashs(tmp_path: Path) -> None:
    body = f"cat <<'END'\n{QUOTES}\nEND\n[[ $BASH_VERSION ]] && echo bash\n"
    assert output_of(command_of(body, []), tmp_path) == f"{QUOTES}\nbash\n"


def test_its_first_line_names_the_interpreter(tmp_path: Path) -> None:
    body = f"#!{sys.executable} -B\nimport sys\nprint(sys.flags.dont_write_bytecode, {QUOTES!r})\n"
    assert output_of(command_of(body, []), tmp_path) == f"1 {QUOTES}\n"


def test_env_in_the_first_line_is_looked_through() -> None:
    assert command_of("#!/usr/bin/env perl\nprint 1", [])[:3] == ["/usr/bin/env", "perl", "-e"]
    assert command_of("#!/usr/bin/env -S FOO=1 python3.11 -u\n1", [])[-2] == "-c"


def test_the_command_in_the_line_wins_over_the_first_line() -> None:
    assert command_of("#!/bin/bash\nprint(1)", ["python3", "-u"])[:3] == ["python3", "-u", "-c"]


def test_an_interpreter_that_takes_files_only_gets_one_and_it_is_removed(tmp_path: Path) -> None:
    awk = shutil.which("awk")
    if awk is None:
        pytest.skip("awk isn't here")
    folder = tmp_path / "temporary"
    folder.mkdir()
    assert output_of(command_of(f"#!{awk} -f\nBEGIN {{ print 6 * 7 }}", []), folder) == "42\n"
    assert list(folder.iterdir()) == []


def test_the_scripts_exit_code_is_the_jobs() -> None:
    for body, words in (
        ("exit 7", []),
        ("exit 7", ["env", "-u", "X", "sh", "-e"]),
        ("exit 7", ["nice", "/bin/sh"]),
    ):
        ran = subprocess.run(command_of(body, words), check=False, capture_output=True)
        assert ran.returncode == 7, ran.stderr


def test_an_empty_script_and_one_that_is_too_long_are_refused() -> None:
    with pytest.raises(UsageMistake, match="empty"):
        command_of(" \n", [])
    with pytest.raises(UsageMistake, match=f"takes {LONGEST} along"):
        command_of("x" * (LONGEST + 1), [])
    # The longest that is taken is one that Linux takes as an argument.
    assert subprocess.run(command_of("#" * LONGEST, []), check=False).returncode == 0


@pytest.mark.parametrize(
    ("body", "found"), [("#!/bin/bash\n#SBATCH -n 2\n", "#SBATCH"), ("#PBS -l x", "#PBS"), ("echo #SBATCH", "")]
)
def test_lines_for_a_scheduler_are_noticed(body: str, found: str) -> None:
    assert directives(body) == found
