"""What the routes answer; names and keys are those of radical.orbit 0.2.0, and more."""

from __future__ import annotations

from typing import Literal, TypedDict


class HomeDir(TypedDict):
    """Of ``homedir``."""

    homedir: str


class HostRole(TypedDict):
    """Of ``host_role``; `job_id` is that of the allocation, null outside of one."""

    role: str
    scheduler: str
    psij_executor: str
    job_id: str | None
    python_version: str


# A branch that can't be read is there and empty, so none of its fields is promised.


class System(TypedDict, total=False):
    """Which machine it is, and how long it has been up (s)."""

    hostname: str
    user: str
    kernel: str
    arch: str
    uptime: float


class Cpu(TypedDict, total=False):
    """Which processor it has, and how busy (%) since the last call; `load_avg` is over 1, 5 and 15 minutes."""

    model: str
    vendor: str
    cores_physical: int | None
    cores_logical: int | None
    percent: float
    load_avg: list[float]
    freq_mhz: float | None


class Memory(TypedDict, total=False):
    """How much there is, in bytes; `percent` is what isn't available."""

    total: int
    available: int
    used: int
    percent: float


class _Failed(TypedDict, total=False):
    error: str


class Disk(_Failed):
    """A file system, in bytes; the numbers of one that doesn't answer are null, and `error` says why."""

    mount: str
    device: str
    fstype: str
    type: Literal["local ssd", "local hdd", "local unknown", "shared", "unknown"]
    total: int | None
    used: int | None
    percent: float | None


class Interface(TypedDict):
    """A network interface, and the bytes since it came up; an unknown speed is 0."""

    interface: str
    ip: str
    mac: str
    rx_bytes: int
    tx_bytes: int
    speed_mbps: int


class _Measured(TypedDict, total=False):
    util_gpu: float
    util_mem: float
    mem_total: float
    mem_used: float
    mem_free: float


class Gpu(_Measured):
    """A GPU; what its tool doesn't tell is null, what it doesn't measure (in % and MiB) is left out."""

    id: str
    index: int
    name: str | None
    driver_version: str | None
    uuid: str | None
    vendor: str


class _Errors(TypedDict, total=False):
    errors: dict[str, str]


class Metrics(_Errors):
    """Of ``metrics``; `errors` says by branch why one is empty or incomplete, if any is."""

    system: System
    cpu: Cpu
    memory: Memory
    disks: list[Disk]
    network: list[Interface]
    gpus: list[Gpu]


class Columns(TypedDict):
    """Of ``history``: the seconds between two samples, the values of each column, and its unit."""

    interval: float
    columns: dict[str, list[float | None]]
    units: dict[str, str]


class Subscribed(TypedDict):
    """Of ``subscribe``: seconds between two events, and their topic."""

    interval: float
    topic: str


class Unsubscribed(TypedDict):
    """Of ``unsubscribe``."""

    ok: bool
