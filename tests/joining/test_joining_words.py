"""What is made of words: names, hosts, what ssh and a search for Pythons have said."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orbit_jupyter.joining import JoinError, known_hosts
from orbit_jupyter.joining.kept import Joined, all_kept, forget, keep, kept, meant, name_for
from orbit_jupyter.joining.places import control_folder, one_join
from orbit_jupyter.joining.pythons import Python, choose, found_in, here, modules, modules_in, search
from orbit_jupyter.joining.refusals import explain
from orbit_jupyter.protocol import ConflictError


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("hpc", "hpc"),
        ("me@login.cluster.org", "login.cluster.org"),
        ("me@::1", "1"),
        ("me@fe80::1", "fe80-1"),
        ("_gate", "gate"),
        ("bridge", "bridge-host"),
        ("x" * 80, "x" * 63),
    ],
)
def test_an_endpoint_is_called_like_its_host(host: str, name: str) -> None:
    assert name_for(host) == name


def test_what_was_joined_is_remembered(home: Path) -> None:
    one, two = (Joined(name, "me@hpc", ("-p", "22"), "/usr/bin/python3") for name in ("one", "two"))
    keep(one)
    assert (meant("one"), meant("me@hpc"), meant("other")) == (one, one, None)
    keep(two)
    with pytest.raises(JoinError, match="one, two"):
        meant("me@hpc")
    (home / ".radical/orbit/hosts/broken.json").write_text("{")
    assert all_kept() == [one, two]
    forget("one")
    assert (kept("one"), kept("two")) == (None, two)


CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Offending ED25519 key in /home/me/.ssh/known_hosts:7
  remove with:
  ssh-keygen -f "/home/me/.ssh/known_hosts" -R "hpc"
Host key verification failed.
"""


@pytest.mark.parametrize(
    ("said", "means", "transient"),
    [
        (CHANGED, r"has changed.*known_hosts:7.*ssh-keygen -f .* -R \"hpc\" and join again", False),
        ("Host key verification failed.\n", "wasn't accepted; nothing was sent", False),
        (
            "me@hpc: Permission denied (publickey,password).\n",
            r"doesn't let you in.*\(publickey,password\)",
            False,
        ),
        ("ssh: Could not resolve hostname hpc: Name or service not known\n", "no host of that name", True),
        ("ssh: connect to host hpc port 22: Connection refused\n", "nothing listens there", True),
        ("ssh: connect to host hpc port 22: Connection timed out\n", "doesn't answer.*VPN", True),
        ("Bad configuration option: foo\n", "failed: Bad configuration option: foo", False),
        ("", "it said nothing", False),
    ],
)
def test_what_ssh_says_is_explained(said: str, means: str, transient: bool) -> None:
    error = explain("me@hpc", said)
    with pytest.raises(JoinError, match=means):
        raise error
    assert error.transient is transient


def python(minor: int, executable: str = "", **more: object) -> Python:
    facts = {
        "implementation": "cpython",
        "system": "linux",
        "machine": "x86_64",
        "libc": "glibc 2.36",
        "venv": True,
    }
    return Python(version=(3, minor), executable=executable or f"/usr/bin/python3.{minor}", **{**facts, **more})  # type: ignore[arg-type]


def test_the_python_like_ours_is_taken_else_the_newest() -> None:
    ours = here().version[1]
    assert choose("hpc", [python(10), python(ours), python(ours + 1)], None, []).version == (3, ours)
    assert choose("hpc", [python(ours + 1), python(ours + 2)], None, []).version == (3, ours + 2)


@pytest.mark.parametrize(
    ("found", "given", "says"),
    [
        (
            [python(9)],
            None,
            r"needs Python 3\.10 or newer.*hpc has /usr/bin/python3\.9 \(3\.9\)\. It has modules: python/3\.12",
        ),
        ([], None, "no Python at all"),
        ([python(12, venv=False)], None, "with its module venv"),
        ([python(12, implementation="pypy")], None, "needs Python"),
        ([python(9)], "/opt/python", r"/opt/python on hpc is /usr/bin/python3\.9"),
        ([], "/opt/python", "/opt/python on hpc is no Python"),
    ],
)
def test_where_no_python_will_do_it_is_said_what_there_is(
    found: list[Python], given: str | None, says: str
) -> None:
    with pytest.raises(JoinError, match=says):
        choose("hpc", found, given, ["python/3.12"] if given is None else [])


def shell(script: str, path: str, home: Path) -> str:
    environment = {"PATH": path, "HOME": str(home), "SHELL": "/bin/sh"}
    ran = subprocess.run(
        ["/bin/sh"], input=script, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return ran.stdout


def test_search_finds_the_pythons_on_the_path_and_that_of_the_profile(tmp_path: Path) -> None:
    for folder in ("first", "profile"):
        (tmp_path / folder).mkdir()
    (tmp_path / "first" / "python3.10").write_text("#!/bin/sh\nexit 127\n")  # as pyenv's, where there is none
    (tmp_path / "first" / "python3.10").chmod(0o755)
    (tmp_path / "profile" / "python3.13").symlink_to(here().executable)
    (tmp_path / ".profile").write_text(f'echo welcome; PATH="$PATH:{tmp_path}/profile"\n')
    said = shell(search("MK", None), f"{tmp_path}/first:/usr/bin:/bin", tmp_path)
    assert said.endswith("MKend\n")
    found = found_in(said, "MK")
    assert {one.version for one in found} >= {here().version}
    assert len({one.executable for one in found}) == len(found)
    (mine,) = found_in(shell(search("MK", here().executable), "/bin", tmp_path), "MK")
    assert msgspec_equal(mine, here())


def msgspec_equal(one: Python, other: Python) -> bool:
    return (one.version, one.machine, one.system, one.libc) == (
        other.version,
        other.machine,
        other.system,
        other.libc,
    )


def test_a_given_python_is_a_path_and_no_command(tmp_path: Path) -> None:
    assert (
        found_in(shell(search("MK", f"/bin/true; touch {tmp_path}/made"), "/bin:/usr/bin", tmp_path), "MK") == []
    )
    assert not (tmp_path / "made").exists()
    (tmp_path / "py thon").symlink_to(here().executable)
    assert found_in(shell(search("MK", "~/py thon"), "/bin:/usr/bin", tmp_path), "MK")


def test_modules_with_a_python_are_listed(tmp_path: Path) -> None:
    (tmp_path / ".profile").write_text("module() { printf 'gcc/12\\npython/3.11\\ncray-python/3.12\\n' >&2; }\n")
    assert modules_in(shell(modules("MK"), "/usr/bin:/bin", tmp_path), "MK") == ["python/3.11", "cray-python/3.12"]


def test_hosts_of_the_configuration_are_offered(home: Path) -> None:
    ssh = home / ".ssh"
    (ssh / "more").mkdir(parents=True)
    (ssh / "config").write_text(
        "Include more/*.conf\nHost hpc1 *.example.org hpc2\n  User me\nHOST=hpc3 # x\nMatch all\n"
    )
    (ssh / "more" / "a.conf").write_text("Host gate !bad\nInclude config\n")
    (ssh / "more" / "b.conf").write_text("Host *\n")
    assert known_hosts() == ["gate", "hpc1", "hpc2", "hpc3"]
    (ssh / "config").unlink()
    assert known_hosts() == []


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with a short name, where temporary files go."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_the_control_socket_is_its_owners_alone(short: Path) -> None:
    folder = control_folder()
    assert folder == short / f"orbit-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert control_folder() != folder
    folder.chmod(0o700)
    target = folder.rename(short / "elsewhere")
    folder.symlink_to(target)
    assert control_folder() != folder


def test_the_folder_of_this_login_comes_first(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    assert control_folder() == short / "orbit"
    monkeypatch.setenv("XDG_RUNTIME_DIR", f"{short}/{'x' * 60}")
    assert control_folder() == short / f"orbit-{os.getuid()}"


def test_one_join_of_a_host_at_a_time(tmp_path: Path) -> None:
    with (
        one_join(tmp_path / "lock", "hpc"),
        pytest.raises(ConflictError, match="another join or leave of hpc"),
        one_join(tmp_path / "lock", "hpc"),
    ):
        pass
    with one_join(tmp_path / "lock", "hpc"):
        pass
