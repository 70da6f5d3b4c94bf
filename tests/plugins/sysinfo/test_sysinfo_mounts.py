"""The mount table, and what file systems lie on."""

from __future__ import annotations

from pathlib import Path

import pytest

from orbit_plugins.sysinfo.mounts import PSEUDO, Mount, classify, mounts, parse_mountinfo

# Written from proc(5), not captured.
MOUNTINFO = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
40 27 0:45 / /scratch rw,relatime - lustre 10.0.0.1@o2ib:/scratch rw,flock
41 27 8:3 /lib/etc/hosts /etc/hosts rw - ext4 /dev/sda3 rw
42 27 0:50 / /mnt/two\040words rw shared:5 master:2 - nfs4 nas:/two\040words rw
43 27 0:51 / /mnt/two\040words rw - nfs4 nas:/over rw
not a mount
"""


def test_mount_table_is_read_with_its_escapes_and_the_topmost_mount_of_each_folder() -> None:
    found = {mount.path: mount for mount in parse_mountinfo(MOUNTINFO)}
    assert found.keys() == {"/proc", "/", "/scratch", "/etc/hosts", "/mnt/two words"}
    assert found["/mnt/two words"].device == "nas:/over"
    assert found["/etc/hosts"] == Mount("/etc/hosts", "/dev/sda3", "ext4", "/lib/etc/hosts", "8:3")


def test_mounts_of_this_machine_hold_the_root_and_nothing_of_the_kernels() -> None:
    found = mounts()
    assert "/" in [mount.path for mount in found]
    assert not [mount for mount in found if mount.fstype in PSEUDO and mount.path != "/"]


@pytest.mark.parametrize(
    ("fstype", "device"),
    [
        ("nfs4", "nas:/home"),
        ("lustre", "10.0.0.1@o2ib:/scratch"),
        ("gpfs", "gpfs0"),
        ("beegfs", "beegfs_nodev"),
        ("dvs", "/lus"),
        ("cifs", "//nas/home"),
        ("fuse.sshfs", "me@there:"),
        ("fuse", "cvmfs2"),
    ],
)
def test_network_file_systems_are_shared(fstype: str, device: str) -> None:
    assert classify(Mount("/x", device, fstype)) == "shared"


@pytest.mark.parametrize(("flag", "kind"), [("0\n", "local ssd"), ("1\n", "local hdd")])
def test_partition_is_what_its_disk_is(tmp_path: Path, flag: str, kind: str) -> None:
    partition = tmp_path / "devices/nvme0n1/nvme0n1p2"
    partition.mkdir(parents=True)
    (partition.parent / "queue").mkdir()
    (partition.parent / "queue/rotational").write_text(flag)
    (tmp_path / "dev/block").mkdir(parents=True)
    (tmp_path / "dev/block/259:2").symlink_to(partition)
    (tmp_path / "class/block").mkdir(parents=True)
    (tmp_path / "class/block/nvme0n1p2").symlink_to(partition)
    assert classify(Mount("/", "/dev/root", "ext4", "/", "259:2"), tmp_path) == kind
    assert classify(Mount("/b", "/dev/nvme0n1p2", "btrfs", "/sub", "0:33"), tmp_path) == kind


@pytest.mark.parametrize(
    ("fstype", "device", "kind"),
    [
        ("ext4", "/dev/none", "local unknown"),
        ("zfs", "tank/home", "local unknown"),
        ("overlay", "overlay", "unknown"),
        ("fuse.something", "something", "unknown"),
    ],
)
def test_what_the_kernel_does_not_tell_is_unknown(tmp_path: Path, fstype: str, device: str, kind: str) -> None:
    assert classify(Mount("/x", device, fstype, "/", "0:99"), tmp_path) == kind
