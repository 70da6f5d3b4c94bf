"""The program that runs over there, run here: each verb as it is sent, in a home of its own."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from stage import wait_until

from orbit_jupyter.joining.bundle import Bundle, pack
from orbit_jupyter.joining.far_side import program
from orbit_jupyter.joining.pythons import here

PROGRAM = program().decode()


def ask(verb: str, name: str = "hpc", archive: bytes = b"", **more: Any) -> Any:
    """Ask for a verb, with what a chatty login shell prints around the answer."""
    request = json.dumps({"verb": verb, "name": name, "mark": "MARK", **more}).encode()
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=request + b"\n" + archive,
        capture_output=True,
        timeout=100,
        check=True,
    )
    (line,) = [line for line in ran.stdout.decode().splitlines() if line.startswith("MARK")]
    said = json.loads(line[len("MARK") :])
    if "trouble" in said:
        raise RuntimeError(said["trouble"])
    return said["answer"]


@pytest.fixture
def orbit(home: Path) -> Path:
    """Return the folder of Orbit, which isn't there yet."""
    return home / ".radical" / "orbit"


@pytest.fixture
def started(orbit: Path) -> Iterator[psutil.Process]:
    """Start an endpoint whose bridge isn't there."""
    noted = {"token_id": "t", "bridge": "b", "url": "http://127.0.0.1:1/orbit"}
    way = ask("way")["path"]
    more = {"cert": "", "url": noted["url"], "path": way, "plugins": "sysinfo", "noted": noted}
    process = psutil.Process(ask("start", python=sys.executable, token="the-secret", **more)["pid"])
    yield process
    if process.is_running():
        process.kill()


def test_first_there_is_nothing_and_looking_makes_nothing(orbit: Path) -> None:
    facts = ask("facts")
    assert (facts["record"], facts["alive"], facts["environments"]) == ({}, False, [])
    assert facts["hostname"] == socket.gethostname()
    assert not orbit.exists()


def test_installation_is_whole_or_not_there(orbit: Path) -> None:
    bundle = pack(here())
    archive = bundle.archive()
    digest = bundle.digest(here())
    with pytest.raises(RuntimeError, match="broke off on its way"):
        ask("install", archive=archive[: len(archive) // 2], digest=digest, attempt="a", missing=[])
    assert not (orbit / "env").exists()

    made = ask("install", archive=archive, digest=digest, attempt="b", missing=[])
    assert made["python"] == str(orbit / "env" / digest / "bin" / "python")
    assert ask("facts")["environments"] == [digest]
    script = orbit / "env" / digest / "bin" / "orbit-endpoint"
    assert subprocess.run([script, "--version"], capture_output=True, timeout=60, check=True).stdout
    (orbit / "env" / "older").mkdir()
    assert ask("prune", keep=digest) == {"removed": ["older"]}
    ask("uninstall", digest=digest)
    assert not (orbit / "env").exists()


def test_what_does_not_run_is_no_installation(orbit: Path) -> None:
    archive = Bundle({"orbit_jupyter/__init__.py": b"raise ImportError('GLIBC_9.9 not found')\n"}, []).archive()
    with pytest.raises(RuntimeError, match=r"doesn't run there: (.|\n)*GLIBC_9\.9 not found"):
        ask("install", archive=archive, digest="d", attempt="a", missing=[])
    assert not (orbit / "env").exists()


@pytest.mark.parametrize("name", ["/tmp/evil", "../evil", "a/../../evil"])
def test_an_archive_stays_in_its_folder(orbit: Path, name: str) -> None:
    with pytest.raises(RuntimeError, match="doesn't belong there"):
        ask("install", archive=Bundle({name: b""}, []).archive(), digest="d", attempt="a", missing=[])
    assert not (orbit / "env").exists()


def test_an_archive_holds_files_alone(orbit: Path) -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
    with pytest.raises(RuntimeError, match="doesn't belong there"):
        ask("install", archive=written.getvalue(), digest="d", attempt="a", missing=[])


def test_what_is_missing_the_machines_own_pip_installs(orbit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nonexistent")
    with pytest.raises(RuntimeError, match=r"nothere==1\.0 can't be brought along, and pip there couldn't"):
        ask("install", archive=Bundle({}, []).archive(), digest="d", attempt="a", missing=["nothere==1.0"])
    assert not (orbit / "env").exists()


def test_an_installation_that_nobody_waits_for_is_ended(orbit: Path) -> None:
    request = {"verb": "install", "name": "hpc", "mark": "MARK", "digest": "d", "attempt": "a", "missing": []}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()  # and the archive doesn't come
    wait_until(lambda: list(orbit.glob("env/.a/lib/python3*/site-packages")), "it has begun")
    ask("abandon", attempt="a")
    assert process.wait(10) == -9
    process.stdin.close()
    assert not (orbit / "env").exists()


def test_the_endpoint_is_detached_and_its_token_is_its_owners(orbit: Path, started: psutil.Process) -> None:
    assert stat.S_IMODE((orbit / "endpoints" / "hpc.token").stat().st_mode) == 0o600
    assert stat.S_IMODE((orbit / "joined" / "hpc" / "endpoint.json").stat().st_mode) == 0o600
    assert os.getsid(started.pid) == started.pid
    assert "the-secret" not in " ".join(started.cmdline())
    facts = ask("facts")
    assert (facts["alive"], facts["elsewhere"], facts["record"]["pid"]) == (True, False, started.pid)
    wait_until(lambda: "no connection to the bridge" in ask("look")["log"], "it dials")
    assert ask("stop") == {"ended": True}
    assert not ask("facts")["alive"]
    assert "the endpoint ends" in ask("look")["log"]
    assert ask("stop") == {"ended": False}
    ask("clean", remove=True)
    assert not orbit.parent.exists()


def test_a_process_that_got_the_same_id_is_not_the_endpoint(orbit: Path, started: psutil.Process) -> None:
    record = orbit / "joined" / "hpc" / "endpoint.json"
    noted = json.loads(record.read_text())
    record.write_text(json.dumps({**noted, "pid": os.getpid()}))
    assert not ask("facts")["alive"]
    assert ask("stop") == {"ended": False}  # or this very process would be gone
    record.write_text(json.dumps({**noted, "hostname": "login2"}))
    assert ask("facts")["elsewhere"]
    with pytest.raises(RuntimeError, match="runs on login2"):
        ask("stop")


def test_an_environment_that_another_endpoint_runs_from_stays(orbit: Path, started: psutil.Process) -> None:
    used = orbit / "env" / json.loads((orbit / "joined/hpc/endpoint.json").read_text())["environment"]
    used.mkdir(parents=True)
    assert ask("prune", keep="none")["removed"] == []
    assert ask("clean", name="other", remove=True) == {"kept": [used.name]}
    ask("stop")
    ask("clean", remove=True)
    assert not used.exists()


def test_the_environment_is_that_of_the_login_shell(
    home: Path, orbit: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    (home / ".profile").write_text(
        "echo welcome; export SCHEDULER=/opt/slurm PYTHONPATH=/wrong RADICAL_ORBIT_BRIDGE_URL=http://other\n"
    )
    process: psutil.Process = request.getfixturevalue("started")
    found = process.environ()
    assert found["SCHEDULER"] == "/opt/slurm"
    assert not {"PYTHONPATH", "RADICAL_ORBIT_BRIDGE_URL"} & set(found)


def test_a_socket_left_by_another_tunnel_makes_room(orbit: Path) -> None:
    path = Path(ask("way")["path"])
    assert path.parent == orbit / "joined" / "hpc" or path.parent.name == f"orbit-{os.getuid()}"
    assert not ask("reaches", path=str(path))["reaches"]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        assert ask("reaches", path=str(path))["reaches"]
    assert not ask("reaches", path=str(path))["reaches"]
    assert ask("way", path=str(path)) == {"path": str(path)}
    assert not path.exists()


def test_a_folder_of_somebody_elses_is_refused(orbit: Path) -> None:
    orbit.parent.mkdir()
    orbit.write_text("a file")
    with pytest.raises(RuntimeError, match=r"can't be made: .*; see that"):
        ask("way")


def test_one_works_on_an_endpoint_at_a_time(orbit: Path) -> None:
    import fcntl

    lock = orbit / "joined" / ".hpc.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        request = json.dumps({"verb": "stop", "name": "hpc", "mark": "MARK"}).encode() + b"\n"
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False
        )
        assert process.stdin is not None
        process.stdin.write(request)
        process.stdin.flush()
        time.sleep(0.5)
        assert process.poll() is None
    out, _ = process.communicate(timeout=30)
    assert b"MARK" in out
