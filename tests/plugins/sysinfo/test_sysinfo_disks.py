"""File systems: which are shown, and those that don't answer."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from orbit_plugins.sysinfo.disks import MOST, DiskProbe, Usage, usage
from orbit_plugins.sysinfo.mounts import Mount, parse_mountinfo, with_space
from orbit_plugins.sysinfo.probe import PartialReadingError


class Dead:
    """A mount whose server is gone: asking it hangs until it is released."""

    def __init__(self) -> None:
        self.released, self.asked = threading.Event(), 0

    def __call__(self, path: str) -> Usage | None:
        if path != "/dead":
            return 100, 25, 25.0
        self.asked += 1
        self.released.wait()
        return 10, 1, 10.0


@pytest.fixture
def dead() -> Iterator[Dead]:
    mount = Dead()
    yield mount
    mount.released.set()
    for thread in threading.enumerate():
        if thread.name == "sysinfo-disk-/dead":
            thread.join()


def table(*found: Mount) -> list[Mount]:
    return list(found)


def hanging() -> int:
    return sum(thread.name == "sysinfo-disk-/dead" for thread in threading.enumerate())


def test_mount_that_hangs_is_listed_without_numbers_beside_one_that_answers(dead: Dead) -> None:
    probe = DiskProbe(lambda: table(Mount("/", "/dev/x", "ext4"), Mount("/dead", "nas:/d", "nfs4")), dead, 0.05)
    root, lost = probe.read()
    assert (root["total"], root["used"], root["percent"]) == (100, 25, 25.0)
    assert "error" not in root
    assert lost == {
        "mount": "/dead",
        "device": "nas:/d",
        "fstype": "nfs4",
        "type": "shared",
        "total": None,
        "used": None,
        "percent": None,
        "error": "no answer within 0.05 s",
    }


def test_mount_that_hangs_gets_no_second_thread_and_costs_its_deadline_once(dead: Dead) -> None:
    probe = DiskProbe(lambda: table(Mount("/dead", "nas:/d", "nfs4")), dead, 0.5)
    assert "error" in probe.read()[0]
    began = monotonic()
    for _ in range(5):
        assert "error" in probe.read()[0]
    assert monotonic() - began < 0.5
    assert dead.asked == 1
    assert hanging() == 1


def test_mount_that_went_while_it_hung_gets_no_second_thread_when_it_is_back(dead: Dead) -> None:
    there = table(Mount("/dead", "nas:/d", "nfs4"))
    now = list(there)
    probe = DiskProbe(lambda: now, dead, 0.05)
    probe.read()
    now.clear()
    assert probe.read() == []
    now.extend(there)
    assert "error" in probe.read()[0]
    assert dead.asked == 1


def test_mount_that_hung_is_asked_again_once_it_has_answered(dead: Dead) -> None:
    probe = DiskProbe(lambda: table(Mount("/dead", "nas:/d", "nfs4")), dead, 0.05)
    probe.read()
    dead.released.set()
    for thread in threading.enumerate():
        if thread.name == "sysinfo-disk-/dead":
            thread.join()
    assert probe.read()[0]["total"] == 10
    assert dead.asked == 2


def test_mount_that_refuses_is_listed_with_its_reason() -> None:
    def refuse(path: str) -> Usage | None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)

    (entry,) = DiskProbe(lambda: table(Mount("/home", "nas:/h", "nfs")), refuse).read()
    assert entry["total"] is None
    assert entry["error"] == os.strerror(errno.ESTALE)


def test_file_system_that_is_mounted_twice_is_listed_once_by_its_whole_and_shortest_mount() -> None:
    found = table(
        Mount("/a", "/dev/sda2", "ext4", "/folder", "8:2"),
        Mount("/long/whole", "/dev/sda2", "ext4", "/", "8:2"),
        Mount("/whole", "/dev/sda2", "ext4", "/", "8:2"),
        Mount("/other", "/dev/sda3", "ext4", "/", "8:3"),
    )
    entries = DiskProbe(lambda: found, lambda _: (4, 1, 25.0)).read()
    assert [entry["mount"] for entry in entries] == ["/whole", "/other"]


def test_single_files_and_local_file_systems_without_space_are_left_out() -> None:
    answers: dict[str, Usage | None] = {"/etc/hosts": None, "/odd": (0, 0, 0.0), "/cvmfs": (0, 0, 0.0)}
    found = table(
        Mount("/etc/hosts", "/dev/a", "ext4"), Mount("/odd", "odd", "oddfs"), Mount("/cvmfs", "x", "nfs")
    )
    entries = DiskProbe(lambda: found, lambda path: answers[path]).read()
    assert [entry["mount"] for entry in entries] == ["/cvmfs"]


def test_path_that_is_no_text_can_still_be_sent() -> None:
    (entry,) = DiskProbe(lambda: table(Mount("/m\udcff", "d", "ext4")), lambda _: (4, 1, 25.0)).read()
    assert entry["mount"] == "/m\ufffd"


def test_usage_tells_folders_from_files_and_from_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    space = usage(str(tmp_path))
    assert space is not None
    assert 0 < space[1] <= space[0]
    assert usage(str(file)) is None
    with pytest.raises(FileNotFoundError):
        usage(str(tmp_path / "none"))


def gpfs(path: str, root: str = "/") -> Mount:
    return Mount(path, "midway3_cap", "gpfs", root, "0:51")


def test_shared_file_system_that_is_bound_to_several_places_is_listed_where_the_home_is() -> None:
    found = table(gpfs("/gpfs/midway3/cap"), gpfs("/software", "/software"), gpfs("/home", "/home"))
    entries = DiskProbe(lambda: found, lambda _: (100, 25, 25.0), home="/home/ada").read()
    assert [entry["mount"] for entry in entries] == ["/home"]


def test_folder_of_a_shared_file_system_with_a_quota_of_its_own_is_listed_too() -> None:
    sizes = {"/gpfs/midway3/cap": 1000, "/project": 1000, "/home": 30}
    found = table(*(gpfs(path) for path in sizes))
    entries = DiskProbe(lambda: found, lambda path: (sizes[path], 25, 25.0), home="/home/ada").read()
    assert [(entry["mount"], entry["total"]) for entry in entries] == [("/project", 1000), ("/home", 30)]


def test_bound_mounts_stay_one_while_the_file_system_is_written_to() -> None:
    used = iter(range(10))
    found = table(gpfs("/home"), gpfs("/project"))
    entries = DiskProbe(lambda: found, lambda _: (100, next(used), 25.0), home="/home/ada").read()
    assert [entry["mount"] for entry in entries] == ["/home"]


def test_homes_of_others_that_an_automounter_has_mounted_are_not_listed() -> None:
    homes = [Mount(f"/home/{name}", f"nas:/export/{name}", "nfs4", "/", "0:60") for name in ("ada", "bob", "eve")]
    entries = DiskProbe(lambda: homes, lambda _: (100, 25, 25.0), home="/home/bob").read()
    assert [entry["mount"] for entry in entries] == ["/home/bob"]


def test_of_too_many_mounts_the_root_and_the_home_are_asked_and_the_rest_is_counted() -> None:
    many = [Mount(f"/home/{number}", f"nas:/{number}", "nfs4", "/", f"0:{number}") for number in range(MOST + 10)]
    found = [*many, Mount("/", "/dev/x", "ext4")]
    probe = DiskProbe(lambda: found, lambda _: (100, 25, 25.0), home=f"/home/{MOST + 5}")
    with pytest.raises(PartialReadingError, match=f"11 of {MOST + 11} file systems were left out") as caught:
        probe.read()
    listed = {entry["mount"] for entry in caught.value.value}
    assert len(listed) == MOST
    assert {"/", f"/home/{MOST + 5}"} <= listed


def test_disks_of_a_real_login_node_are_listed_once_each(recorded: Callable[[str], str]) -> None:
    found = with_space(parse_mountinfo(recorded("mounts/cray-login.mountinfo")))
    entries = DiskProbe(lambda: found, lambda _: (100, 25, 25.0), home="/cray_home/ada").read()
    assert [entry["mount"] for entry in entries] == ["/", "/var/opt/cray/persistent", "/var/crash", "/boot"]
