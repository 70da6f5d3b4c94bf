"""Which words start the bridge, which are for the token files, which are a verb."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orbit_jupyter.terminal import command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Keep what would be handed to the server instead of starting it."""
    served: list[list[str]] = []

    def serve(words: list[str]) -> int:
        served.append(words)
        return 0

    monkeypatch.setattr(command, "_serve", serve)
    monkeypatch.setattr(command, "run_verb", lambda words: ("verb", words))
    return served


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--port", "8889"],
        ["--ServerApp.ip=0.0.0.0"],
        ["-y"],
        ["--help-all"],
        ["token"],
        ["token", "create", "hpc1"],
        ["token", "--help"],
    ],
)
def test_options_of_the_server_and_token_go_where_they_went(words: list[str], served: list[list[str]]) -> None:
    assert command.main(words) == 0
    assert served == [words]


@pytest.mark.parametrize(
    "words",
    [
        ["jobs"],
        ["jbos"],
        ["--json"],
        ["--json", "jobs"],
        ["--url", "U", "jobs", "--help"],
        ["--url=U", "token", "list"],
        ["--token-file", "F", "--cert", "C", "use"],
        ["help", "submit"],
    ],
)
def test_everything_else_is_a_verb(words: list[str], served: list[list[str]]) -> None:
    assert command.main(words) == ("verb", words)  # type: ignore[comparison-overlap]
    assert served == []


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_tells_of_the_verbs_of_the_exit_status_and_of_the_server(
    words: list[str], served: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(words) == 0
    shown = capsys.readouterr().out
    for told in ("\n    submit ", "\n    launch ", "exit status", "130  interrupted", "starts the bridge"):
        assert told in shown
    assert served == [["--help"]]


def test_a_verb_needs_neither_the_server_nor_ipython() -> None:
    code = "import sys; from orbit_jupyter.terminal import main; main(['jobs', '--help']); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = ran.stdout.split()
    assert "orbit_jupyter.client" in modules
    for heavy in ("jupyter_server", "IPython", "traitlets", "httpx", "rich.console"):
        assert heavy not in modules


def test_the_program_is_this_one() -> None:
    assert '\njupyter-orbit = "orbit_jupyter.terminal:main"\n' in (ROOT / "pyproject.toml").read_text()
