from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from orbit_jupyter.protocol import InvalidFieldError
from orbit_jupyter.ssh import Rendezvous, Request, RequestError

ASKED = Request("hpc1.1", "n1", "bridge.example", 8888)


@pytest.fixture
def here(tmp_path: Path) -> Rendezvous:
    return Rendezvous("hpc1.1", tmp_path / "tunnels")


def test_files_are_as_radical_orbit_has_them(here: Rendezvous) -> None:
    here.ask(ASKED)
    here.offer(4711, 99)
    assert json.loads((here.folder / "hpc1.1.req").read_text()) == {
        "endpoint_name": "hpc1.1",
        "hostname": "n1",
        "bridge_host": "bridge.example",
        "bridge_port": 8888,
    }
    assert (here.folder / "hpc1.1.port").read_text().strip() == "4711"
    assert (here.folder / "hpc1.1.pid").read_text().strip() == "99"
    for file in here.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(here.folder.stat().st_mode) == 0o700


def test_both_sides_find_each_other(here: Rendezvous) -> None:
    assert (here.asked(), here.offered(), here.pid) == (None, None, None)
    here.ask(ASKED)
    asked = here.asked()
    assert asked is not None
    assert asked[0] == ASKED
    here.offer(4711, 99)
    assert (here.offered(), here.pid) == (4711, 99)
    here.withdraw()
    assert (here.offered(), here.pid) == (None, None)
    here.clear()
    assert list(here.folder.iterdir()) == []


def test_new_request_has_another_mark_and_forgets_the_port(here: Rendezvous) -> None:
    here.ask(ASKED)
    first = here.asked()
    here.offer(4711, 99)
    here.ask(ASKED)
    second = here.asked()
    assert first is not None
    assert second is not None
    assert first[1] != second[1]
    assert here.offered() is None


def test_folder_that_others_may_look_into_is_closed(here: Rendezvous) -> None:
    here.folder.mkdir(mode=0o755)
    here.folder.chmod(0o777)
    here.ask(ASKED)
    assert stat.S_IMODE(here.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["../x", "a/b", "", "-n", "a b", "bridge"])
def test_names_are_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidFieldError):
        Rendezvous(name, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"endpoint_name": "other", "hostname": "n1"}',
        '{"endpoint_name": "hpc1.1", "hostname": "-oProxyCommand=x"}',
        '{"endpoint_name": "hpc1.1", "hostname": "me@n1"}',
        '{"endpoint_name": "hpc1.1", "hostname": 3}',
        '{"endpoint_name": "hpc1.1", "hostname": "n1"}' + " " * 5000,
        "\udcff",
    ],
)
def test_what_is_no_request_is_refused(here: Rendezvous, content: str) -> None:
    here.folder.mkdir()
    (here.folder / "hpc1.1.req").write_text(content, errors="surrogateescape")
    with pytest.raises(RequestError, match=r"hpc1\.1\.req"):
        here.asked()


def test_request_that_is_a_link_is_refused(here: Rendezvous, tmp_path: Path) -> None:
    elsewhere = Rendezvous("hpc1.1", tmp_path / "elsewhere")
    elsewhere.ask(ASKED)
    here.folder.mkdir()
    (here.folder / "hpc1.1.req").symlink_to(elsewhere.folder / "hpc1.1.req")
    with pytest.raises(RequestError, match="can't be read"):
        here.asked()


def test_pipe_in_its_place_holds_nobody_up(here: Rendezvous) -> None:
    here.folder.mkdir()
    os.mkfifo(here.folder / "hpc1.1.req")
    os.mkfifo(here.folder / "hpc1.1.port")
    with pytest.raises(RequestError, match="no file of ours"):
        here.asked()
    assert here.offered() is None


@pytest.mark.parametrize("content", ["", "x", "0", "65536", "-1", "1e3", "²", "9" * 5000])
def test_what_is_no_port_is_none(here: Rendezvous, content: str) -> None:
    here.offer(1, 1)
    (here.folder / "hpc1.1.port").write_text(content)
    assert here.offered() is None
