"""The verbs in a terminal: what they print, where, and how they exit."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orbit_jupyter.terminal import ExitStatus
from orbit_jupyter.terminal.exit_status import EXIT_STATUS_HELP

if TYPE_CHECKING:
    from stage import Server

    from tests.terminal.conftest import Terminal


def test_results_go_to_stdout_and_remarks_to_stderr(terminal: Terminal) -> None:
    submitted = terminal("submit", "--", "echo", "hello")
    assert submitted.status == 0
    job_id = submitted.out.strip()
    assert len(job_id) == 36  # so that a script can take it: id=$(jupyter orbit submit -- …)
    assert "was submitted to local through local" in submitted.err
    followed = terminal("output", "-f", job_id)
    assert (followed.status, followed.out) == (0, "hello\n")
    listed = terminal("jobs", "--all")
    assert job_id[:8] in listed.out
    assert terminal("output").out == "hello\n"


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (
            ("endpoints",),
            {"name", "state", "hostname", "user", "role", "scheduler", "job_id", "plugins", "in_use"},
        ),
        (("plugins",), {"name", "type", "version", "enabled", "error"}),
        (("use",), {"bridge", "user", "endpoints", "endpoint", "last_job"}),
        (("use", "local"), {"endpoint"}),
        (("sysinfo",), {"endpoint", "system", "cpu", "memory", "disks", "network", "gpus", "role"}),
        (("submit", "--", "true"), {"job_id", "native_id", "endpoint", "executor"}),
        (
            ("submit", "--wait", "--", "true"),
            {"job_id", "native_id", "endpoint", "executor", "state", "exit_code", "stdout", "stderr"},
        ),
        (("jobs", "--all"), {"endpoint", "job_id", "native_id", "state", "exit_code", "executable", "arguments"}),
        (("status",), {"endpoint", "job_id", "native_id", "state", "exit_code", "message", "time"}),
        (("output",), {"endpoint", "job_id", "state", "exit_code", "stream", "text"}),
        (("--url", "URL", "token", "create", "hpc5"), {"token", "id", "name", "owner", "created", "expires"}),
        (("--url", "URL", "token", "list"), {"id", "name", "owner", "created", "expires"}),
        (("--url", "URL", "token", "revoke", "hpc5"), {"id"}),
        ((), {"bridge", "user", "endpoints", "endpoint", "last_job"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_json_is_all_that_is_on_stdout_and_has_these_keys(
    terminal: Terminal, lab: Server, words: tuple[str, ...], keys: set[str]
) -> None:
    words = tuple(lab.url if word == "URL" else word for word in words)
    at = words.index("--") if "--" in words else len(words)
    ran = terminal(*words[:at], "--json", *words[at:])
    assert ran.status == 0, ran.err
    answer = ran.json
    row = answer[0] if isinstance(answer, list) else answer
    assert keys <= set(row)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("job",), ExitStatus.USAGE, "did you mean jobs?"),
        (("submit",), ExitStatus.USAGE, "say what to run: jupyter orbit submit"),
        (("submit", "-t", "10", "--", "x"), ExitStatus.USAGE, "write it like 90s"),
        (("submit", "-x", "nope", "--", "x"), ExitStatus.USAGE, "nope"),
        (("submit", "--wait", "--", "false"), ExitStatus.FAILED, "is FAILED, exit code 1"),
        (("status", "zz"), ExitStatus.NOT_FOUND, "there is no job 'zz' on endpoint local"),
        (("jobs", "--on", "hpc9"), ExitStatus.NOT_FOUND, "hpc9"),
        (("use", "hpc9"), ExitStatus.NOT_FOUND, "no endpoint 'hpc9' is connected; there is"),
        (("jobs", "--url", "http://127.0.0.1:1/orbit"), ExitStatus.UNREACHABLE, "no connection to the bridge"),
        (("jobs", "--url", "nonsense"), ExitStatus.CREDENTIALS, "is no URL of a bridge"),
        (("jobs", "--token-file", "/no/such/file"), ExitStatus.CREDENTIALS, "there is no token in /no/such/file"),
    ],
)
def test_an_exit_status_tells_scripts_what_was_wrong(
    terminal: Terminal, words: tuple[str, ...], status: ExitStatus, said: str
) -> None:
    ran = terminal(*words)
    assert ran.status == status
    assert said in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_a_wrong_or_missing_token_has_a_status_of_its_own(terminal: Terminal) -> None:
    terminal.environment["RADICAL_ORBIT_CLIENT_TOKEN"] = "wrong"
    assert terminal("jobs").status == ExitStatus.CREDENTIALS
    del terminal.environment["RADICAL_ORBIT_CLIENT_TOKEN"]
    ran = terminal("jobs")
    assert ran.status == ExitStatus.CREDENTIALS
    assert "no token for the bridge" in ran.err


def test_the_token_can_come_from_a_file_that_only_its_owner_reads(
    terminal: Terminal, lab: Server, tmp_path: Path
) -> None:
    del terminal.environment["RADICAL_ORBIT_CLIENT_TOKEN"]
    file = tmp_path / "token"
    file.write_text(lab.info["token"])
    file.chmod(0o644)
    refused = terminal("endpoints", "--token-file", str(file))
    assert (refused.status, "chmod 600" in refused.err) == (ExitStatus.CREDENTIALS, True)
    file.chmod(0o600)
    assert terminal("--token-file", str(file), "endpoints").status == 0


def test_each_exit_status_is_documented() -> None:
    for status in ExitStatus:
        assert f"\n{status.value:>5}  " in EXIT_STATUS_HELP


def test_the_endpoint_in_use_is_kept_for_the_next_command(terminal: Terminal, lab: Server, home: Path) -> None:
    assert terminal("use", "local").err == "local is in use from now on\n"
    kept = home / ".radical" / "orbit" / "in-use.json"
    assert (kept.stat().st_mode & 0o077, lab.url in kept.read_text()) == (0, True)
    kept.write_text(kept.read_text().replace("local", "gone"))
    assert terminal("jobs").status == ExitStatus.NOT_FOUND
    assert terminal("jobs", "--on", "local").status == 0
    kept.write_text("not JSON")
    assert terminal("jobs").status == 0


def test_a_script_can_come_from_standard_input(terminal: Terminal) -> None:
    process = terminal.start("submit", "--wait", "--script", "-")
    process.communicate(timeout=60)
    assert process.returncode == ExitStatus.USAGE  # nothing was in there


def test_an_interrupt_while_waiting_cancels_the_job_and_still_names_it(terminal: Terminal, lab: Server) -> None:
    active = threading.Event()

    def on_status(endpoint: str, plugin: str, topic: str, data: dict[str, Any]) -> None:
        if data["state"] == "ACTIVE" and data["executable"] == "/bin/sleep":
            active.set()

    with lab.client() as client:
        client.register_callback("local", "psij", "job_status", on_status)
        process = terminal.start("submit", "--wait", "--json", "--", "/bin/sleep", "100")
        assert active.wait(40)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == ExitStatus.INTERRUPTED, err
    assert '"state": "CANCELED"' in out
    assert "is being cancelled" in err


def test_whoever_stops_reading_ends_it_quietly(terminal: Terminal) -> None:
    submitted = terminal("submit", "--wait", "--json", "--", "seq", "200000")
    assert submitted.json["state"] == "COMPLETED"
    process = terminal.start("output", submitted.json["job_id"])
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(30)
