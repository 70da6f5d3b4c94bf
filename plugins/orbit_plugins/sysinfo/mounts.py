"""Which file systems are mounted, and what they lie on. Asks the kernel alone, never a file system: can't hang."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import psutil

# fmt: off
PSEUDO = frozenset({
    "proc", "sysfs", "devtmpfs", "devpts", "mqueue", "hugetlbfs", "cgroup", "cgroup2", "cpuset", "debugfs",
    "tracefs", "securityfs", "pstore", "efivarfs", "bpf", "configfs", "fusectl", "binfmt_misc", "autofs",
    "rpc_pipefs", "nfsd", "nsfs", "selinuxfs", "smackfs",
    "tmpfs", "ramfs",
    "overlay", "aufs", "fuse.fuse-overlayfs", "fuse.lxcfs", "fuse.gvfsd-fuse", "fuse.portal",
    "squashfs", "erofs", "iso9660", "fuse.snapfuse", "fuse.squashfuse", "fuse.squashfuse_ll",
    "cvmfs", "fuse.cvmfs", "fuse.cvmfs2",
})
"""What has no space of its own to fill: the kernel's interfaces, memory, layers over other folders, images, and
CVMFS, where software is read from and nobody writes."""

SHARED = frozenset({
    "nfs", "nfs4", "lustre", "gpfs", "mmfs", "beegfs", "fhgfs", "dvs", "cifs", "smb3", "smbfs", "ceph", "cephfs",
    "afs", "openafs", "auristorfs", "panfs", "orangefs", "pvfs2", "glusterfs", "gfs2", "ocfs2", "wekafs", "cvfs",
    "coda", "daos", "dfuse", "quobyte", "mfs", "lizardfs", "moosefs", "seaweedfs", "juicefs", "alluxio-fuse",
    "eosxd", "fuse_dfs", "ceph-fuse", "9p", "virtiofs",
    "sshfs", "s3fs", "mountpoint-s3", "rclone", "goofys", "gcsfuse", "blobfuse", "blobfuse2", "cvmfs", "cvmfs2",
})
"""What several machines see. FUSE file systems are looked up here by the name behind ``fuse.``."""
# fmt: on

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """A line of the mount table.

    Attributes
    ----------
    path
        Where it is mounted.
    device
        What is mounted.
    fstype
        File system.
    root
        Which folder of it; not ``/`` for a bind mount.
    number
        ``major:minor``; empty where the system doesn't tell.
    """

    path: str
    device: str
    fstype: str
    root: str = "/"
    number: str = ""

    @property
    def name(self) -> str:
        """Type of the file system, of one in FUSE ``fuse.NAME``."""
        # A FUSE file system without a subtype, as cvmfs is, names its program as the device.
        return f"fuse.{self.device}" if self.fstype == "fuse" else self.fstype

    @property
    def shared(self) -> bool:
        """Whether other machines see the file system too."""
        return self.name.removeprefix("fuse.") in SHARED


def parse_mountinfo(text: str) -> list[Mount]:
    """Return the mounts in /proc/self/mountinfo; its format is in proc(5).

    Of several mounts on one folder only the last can be reached, and is returned.
    """
    found: dict[str, Mount] = {}
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        before, after = left.split(" "), right.split(" ")
        if len(before) < 6 or len(after) < 2:
            continue
        root, path, device = (_unescape(field) for field in (before[3], before[4], after[1]))
        found.pop(path, None)
        found[path] = Mount(path, device, after[0], root, before[2])
    return list(found.values())


def _unescape(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def mounts() -> list[Mount]:
    """Return the mounts that have space of their own, and the root whatever it is."""
    try:
        table = parse_mountinfo(Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape"))
    except OSError:
        parts = psutil.disk_partitions(all=False)
        table = [Mount(part.mountpoint, part.device, part.fstype) for part in parts]
    return with_space(table)


def with_space(table: list[Mount]) -> list[Mount]:
    """Return the mounts that have space of their own, and the root whatever it is."""
    # A container's root is an overlay and a diskless node's a tmpfs: people want to see how full it is.
    return [mount for mount in table if mount.path == "/" or mount.name not in PSEUDO]


def classify(mount: Mount, sysfs: Path = Path("/sys")) -> str:
    """Return ``local ssd``, ``local hdd``, ``local unknown``, ``shared`` or ``unknown``.

    Virtual disks say what their hypervisor has them say.
    """
    if mount.shared:
        return "shared"
    rotates = _rotates(mount, sysfs)
    if rotates is not None:
        return "local hdd" if rotates else "local ssd"
    return "local unknown" if mount.device.startswith("/dev/") or mount.fstype == "zfs" else "unknown"


def _rotates(mount: Mount, sysfs: Path) -> bool | None:
    # By number first: the device may go by a name that isn't there, as /dev/root does. Btrfs has a number of its
    # own, which isn't the device's.
    places = [sysfs / "dev/block" / mount.number] if mount.number else []
    if mount.device.startswith("/dev/"):
        name = os.path.realpath(mount.device).removeprefix("/dev/").replace("/", "!")
        places.append(sysfs / "class/block" / name)
    for place in places:
        block = Path(os.path.realpath(place))
        for folder in (block, block.parent):  # a partition has no queue, the disk around it has
            try:
                return (folder / "queue/rotational").read_text().strip() == "1"
            except OSError:
                continue
    return None
