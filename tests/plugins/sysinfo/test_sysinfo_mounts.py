"""The mount table, and what file systems lie on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orbit_plugins.sysinfo.mounts import PSEUDO, Mount, classify, mounts, parse_mountinfo, with_space

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
        ("ceph", "mon1,mon2:/"),
        ("fuse.ceph-fuse", "ceph-fuse"),
        ("wekafs", "backend/default"),
        ("panfs", "panfs://realm/home"),
        ("fuse.glusterfs", "gluster1:/volume"),
        ("pvfs2", "tcp://server:3334/orangefs"),
        ("fuse.dfuse", "dfuse"),
        ("fuse", "dfuse"),
        ("afs", "AFS"),
        ("smb3", "//nas/home"),
        ("fuse.mountpoint-s3", "mountpoint-s3"),
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


def table_of(text: str) -> list[Mount]:
    """Return what /proc/mounts tells: device, folder and type."""
    return [Mount(path, device, fstype) for device, path, fstype, *_ in map(str.split, text.splitlines())]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (
            "osc.txt",
            {
                "/": "shared",
                "/tmp": "local unknown",
                "/fs/scratch": "shared",
                "/fs/project": "shared",
                "/users/PZS0001": "shared",
            },
        ),
        (
            "midway3.txt",
            dict.fromkeys(["/gpfs/midway3/cap", "/software", "/project", "/home", "/scratch/midway3"], "shared"),
        ),
        ("beegfs.txt", {"/mnt/beegfs": "shared", "/mnt/2beegfs": "shared"}),
        ("lustre.txt", {"/": "unknown", "/apps": "shared", "/home01": "shared", "/scratch": "shared"}),
    ],
)
def test_mounts_of_real_clusters_are_told_apart(
    recorded: Callable[[str], str], tmp_path: Path, file: str, expected: dict[str, str]
) -> None:
    found = with_space(table_of(recorded(f"mounts/{file}")))
    assert {mount.path: classify(mount, tmp_path) for mount in found} == expected


def test_login_node_without_disks_shows_its_root_and_what_lies_on_disks(recorded: Callable[[str], str]) -> None:
    found = with_space(parse_mountinfo(recorded("mounts/cray-login.mountinfo")))
    assert [(mount.path, mount.fstype, mount.root) for mount in found] == [
        ("/", "overlay", "/"),
        ("/var/opt/cray/persistent", "xfs", "/"),
        ("/var/opt/cray/imps/config/sets", "xfs", "/config_sets"),
        ("/var/crash", "ext4", "/"),
        ("/cray_home", "xfs", "/cray_home"),
        ("/boot", "ext3", "/"),
    ]


@pytest.mark.parametrize(
    "mount",
    [
        Mount("/cvmfs/atlas.example", "cvmfs2", "fuse"),
        Mount("/snap/core/1", "/dev/loop0", "squashfs"),
        Mount("/home", "/etc/auto.home", "autofs"),
        Mount("/run/user/1000/doc", "portal", "fuse.portal"),
    ],
)
def test_what_nobody_fills_is_left_out(mount: Mount) -> None:
    assert with_space([mount]) == []
