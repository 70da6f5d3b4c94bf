"""A plugin written for radical.orbit 0.2.0: that release runs it as it is, ours with its import lines changed."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from stage import Server, endpoint, wait_until

HERE = Path(__file__).parent
PLUGIN, SCRIPT = "seed_plugin.py", "seed_plugin_use.py"
DOCS = HERE.parents[1] / "docs" / "write-a-plugin.md"

SAW = {
    "listed": {"type": "kettle", "namespace": "/hpc1/kettle", "version": "1.2.0", "enabled": True},
    "page": ["🫖", "Kettle", "Boils water.", True],
    "form": ["boil", "grid2", "Boil", "boil/{sid}"],
    "field": {"name": "cups", "type": "number", "label": "Cups", "default": "2", "column": 1},
    "monitor": {"id": "boils", "title": "Boils", "type": "task_list", "empty_text": "Cold."},
    "notifications": ["boil", "boil"],
    "listens": True,
    "class": True,
    "sid": True,
    "boil": {"boil": 0},
    "told in time": True,
    "told": [["hpc1", "kettle", "boil", 0, "HEATING"], ["hpc1", "kettle", "boil", 0, "BOILED"]],
    "told of this session": True,
    "status": {"boil": 0, "state": "BOILED"},
    "stove": {"uses": 1, "endpoint": "hpc1", "plugin": "kettle"},
    "rang": [{"rang": "ring ring"}, True],
    "own callback": [["boil", "HEATING"], ["boil", "BOILED"]],
    "too many": "HTTP 409 — [hpc1/kettle] boil 3 cups — 0.5 litres aren't 3 cups",
    "unknown": "HTTP 404 — [hpc1/kettle] status — unknown boil: 7",
    "not filled": "HTTP 500 — [hpc1/kettle] register — [kettle/SID] fill: -1 litres can't be filled in",
    "no cups": [400, "how many cups?"],
    "neighbours": {"hpc1": ["kettle"]},
    "closed": [True, True, None],
    "without a session": "No active session",
    "version": {"version": "1.2.0"},
    "ui_config": "Kettle",
    "health": "healthy",
}
"""What a script sees under either release."""

THERE = {
    "wrong": "HTTP 500 — [hpc1/kettle] status — invalid literal for int() with base 10: 'many'",
    "no session": [404, "unknown session id: session.none"],
    "no route": [404, "No route: GET /kettle/pour"],
    "nothing boiled": "",
}
HERE_INSTEAD = {
    "wrong": "HTTP 500 — [hpc1/kettle] status — ValueError: invalid literal for int() with base 10: 'many'",
    "no session": [404, "there is no session 'session.none' here; register one"],
    "no route": [404, re.compile("there is no route GET pour; there is GET boils/{sid}, .*")],
    "nothing boiled": "[]",  # that release sends an empty body for whatever is false
}


@pytest.mark.timeout(400)  # the first run installs that release from PyPI
def test_that_release_runs_it(seed_python: Path, certificate: Path, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "installed"
    install(folder, {name: (HERE / name).read_text() for name in (PLUGIN, SCRIPT)})
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    authority = str(certificate.with_name("authority.pem"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    url = f"https://127.0.0.1:{port}"
    own = ["--cert", str(certificate), "--key", str(certificate.with_name("key.pem")), "-p", ""]
    with (
        program(seed_python, "bridge", environment, *own, "--host", "127.0.0.1", "--port", port) as bridge,
        program(seed_python, "endpoint", environment, "-n", "hpc1", "-u", url, "-c", authority, "-p", "kettle"),
        httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=authority)) as http,
    ):

        def joined() -> bool:
            assert bridge.poll() is None, (home / "bridge.log").read_text()
            with contextlib.suppress(httpx.TransportError):
                return "hpc1" in http.post("/endpoint/list").text
            return False

        wait_until(joined, "the endpoint is listed", 60)
        assert run_script([str(seed_python), str(folder / SCRIPT), url, authority], environment) == {
            **SAW,
            **THERE,
        }


@pytest.mark.timeout(120)
def test_ours_runs_it_with_its_import_lines_changed(lab: Server, certificate: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ported"
    folder.mkdir()
    for name in (PLUGIN, SCRIPT):
        (folder / name).write_text(ported((HERE / name).read_text()))
    url, token, cert = (
        lab.url.replace("https://", "https://orbit:the-token@"),
        lab.endpoint_token("hpc1"),
        str(certificate),
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    with endpoint(lab.url, "hpc1", token, folder, "--cert", cert, "--plugins", "seed_plugin:PluginKettle"):
        with lab.client(cert) as client:
            client.wait_for_endpoint("hpc1", 30)
        saw = run_script([sys.executable, str(folder / SCRIPT), url, cert], environment)
    for name, expected in HERE_INSTEAD.items():
        if isinstance(expected, list) and isinstance(expected[1], re.Pattern):
            status, detail = saw[name]
            assert (status, bool(expected[1].fullmatch(detail))) == (expected[0], True), detail
            saw[name] = expected
    assert saw == {**SAW, **HERE_INSTEAD}


def test_only_import_lines_change() -> None:
    for name in (PLUGIN, SCRIPT):
        before = (HERE / name).read_text()
        lines = zip(before.splitlines(), ported(before).splitlines(), strict=True)
        changed = {number for number, (old, new) in enumerate(lines, 1) if old != new}
        assert changed
        assert changed <= import_lines(before)


def replacements() -> list[tuple[str, str]]:
    """Return the table of the documentation: what stands in an import line there, and what stands here."""
    section = DOCS.read_text().partition("\n## Port from radical.orbit\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", section, re.M)
    assert rows, "the table of the documentation is gone"
    return rows


def import_lines(source: str) -> set[int]:
    """Return the numbers of the lines that import something."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {line for node in found for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def ported(source: str) -> str:
    """Return `source` with its import lines changed as the documentation says, and nothing else."""
    where, table = import_lines(source), dict(replacements())
    # Whole dotted names, the longest first: `radical.orbit` is also how `radical.orbit.client` begins.
    names = "|".join(re.escape(name) for name in sorted(table, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.])({names})(?![\w.])")
    lines = source.splitlines(keepends=True)
    return "".join(
        pattern.sub(lambda found: table[found[1]], line) if number in where else line
        for number, line in enumerate(lines, 1)
    )


def install(folder: Path, sources: dict[str, str]) -> None:
    """Put a plugin there as pip would: its module, and the entry point by which that release finds it."""
    about = folder / "kettle-1.2.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kettle\nVersion: 1.2.0\n")
    (about / "entry_points.txt").write_text("[radical.orbit.plugins]\nkettle = seed_plugin\n")
    for name, text in sources.items():
        (folder / name).write_text(text)


@contextlib.contextmanager
def program(
    python: Path, what: str, environment: dict[str, str], *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run that release's bridge or endpoint until the block ends."""
    script = str(python.with_name(f"radical-orbit-{what}.py"))
    with (Path(environment["HOME"]) / f"{what}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), script, *arguments], env=environment, cwd=environment["HOME"], stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_script(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run the script and return what it saw."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    saw: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return saw
