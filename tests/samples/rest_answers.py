"""What the routes of radical.orbit 0.2.0 answer, by the sections of its REST surface.

Written by hand. A struct takes no further keys; of its own, theirs are required, and ours have a default.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Sid = Annotated[str, Meta(pattern=r"^session\.[0-9a-f]{8}$")]
State = Literal["NEW", "QUEUED", "ACTIVE", "COMPLETED", "FAILED", "CANCELED"]
Ours = UnsetType


class Keys(msgspec.Struct, forbid_unknown_fields=True):
    """An object with these keys and no others."""


# -- 1: errors. Theirs have one of three bodies, depending on who found the error; ours is always the bridge's.


class Error(Keys):
    error: Literal[True]
    status_code: int
    detail: str
    code: str  # ours, in every error
    transient: bool | Ours = UNSET
    field: str | Ours = UNSET
    available: list[str] | Ours = UNSET
    allow: list[str] | Ours = UNSET
    traceback: str | Ours = UNSET


# -- 2: the bridge's own


class ListedPlugin(Keys):
    type: str
    namespace: str
    version: str
    enabled: bool
    ui_config: dict[str, Any]
    error: str | Ours | None = UNSET


class Facts(Keys):
    type: Literal["radical.orbit", "radical.orbit.bridge"]
    state: Literal["present", "suspect"] | Ours = UNSET
    since: float | Ours = UNSET
    round_trip: float | Ours | None = UNSET
    owner: str | Ours = UNSET
    hostname: str | Ours = UNSET
    user: str | Ours = UNSET
    pid: int | Ours = UNSET
    python: str | Ours = UNSET
    orbit: str | Ours = UNSET
    role: str | Ours = UNSET
    scheduler: str | Ours = UNSET
    job_id: str | Ours | None = UNSET


class ListedEndpoint(Keys):
    endpoint: Facts
    plugins: dict[str, ListedPlugin]


class BridgeFacts(Keys):
    url: str


class TopologyData(Keys):
    bridge: BridgeFacts
    endpoints: dict[str, ListedEndpoint]


class Topology(Keys):
    data: TopologyData


class ShortEndpoint(Keys):
    name: str
    plugins: list[str]
    connected: bool
    plugin_count: int
    state: str | Ours = UNSET
    failed: dict[str, str] | Ours = UNSET


class Endpoints(Keys):
    endpoints: list[ShortEndpoint]
    total: int


class Document(msgspec.Struct):
    """An OpenAPI document has more keys, and they aren't ours."""

    openapi: Annotated[str, Meta(pattern=r"^3\.")]
    paths: dict[str, dict[str, Any]]


# -- 3: every plugin's


class Registered(Keys):
    sid: Sid


class Done(Keys):
    ok: Literal[True]


class Version(Keys):
    version: str


class Sessions(Keys):
    sessions: list[Sid]


class Health(Keys):
    status: Literal["healthy"]
    plugin: str
    version: str
    uptime_seconds: float
    active_sessions: int


class Page(Keys):
    plugin_name: str
    instance_name: str
    version: str
    ui: dict[str, Any]


# -- 4: sysinfo


class Home(Keys):
    homedir: str


class Role(Keys):
    role: Literal["bridge", "login", "compute", "standalone"]
    scheduler: Literal["none", "slurm", "pbs", "pbs-aurora"]
    psij_executor: Literal["local", "slurm", "pbs"]
    job_id: str | None
    python_version: Annotated[str, Meta(pattern=r"^3\.\d+\.\d+")]


class System(Keys):
    hostname: str
    user: str
    uptime: float
    kernel: str
    arch: str


class Cpu(Keys):
    model: str
    vendor: str
    cores_physical: int | None
    cores_logical: int
    percent: float
    load_avg: Annotated[list[float], Meta(min_length=3, max_length=3)]
    freq_mhz: float | None


class Memory(Keys):
    total: int
    available: int
    used: int
    percent: float
    swap_total: int | Ours = UNSET
    swap_used: int | Ours = UNSET
    swap_percent: float | Ours = UNSET


class Disk(Keys):
    mount: str
    device: str
    fstype: str
    type: Literal["local ssd", "local hdd", "local unknown", "shared", "unknown"]
    total: int | None  # None, and an error beside it: it doesn't answer; theirs waits for it
    used: int | None
    percent: float | None
    error: str | Ours = UNSET


class Interface(Keys):
    interface: Annotated[str, Meta(pattern=r"^(?!lo$)")]
    ip: str
    mac: str
    rx_bytes: int
    tx_bytes: int
    speed_mbps: int


class Gpu(Keys):
    id: str
    index: int
    name: str
    driver_version: str | None
    uuid: str | None
    vendor: Literal["NVIDIA", "AMD", "Intel"]
    util_gpu: float | UnsetType = UNSET
    util_mem: float | UnsetType = UNSET
    mem_total: float | UnsetType = UNSET
    mem_used: float | UnsetType = UNSET
    mem_free: float | UnsetType = UNSET


class Metrics(Keys):
    system: System
    cpu: Cpu
    memory: Memory
    disks: list[Disk]
    network: list[Interface]
    gpus: list[Gpu]
    errors: dict[str, str] | Ours = UNSET


# -- 5: queue_info


class Backend(Keys):
    backend: Literal["slurm", "pbs", "none"]


class NodeList(Keys):
    nodelist: list[str]


class OwnAllocation(Keys):
    job_id: str
    partition: str
    n_nodes: int
    nodelist: str
    cpus_per_node: int | None
    gpus_per_node: int | None
    account: str | None
    job_name: str | None
    runtime: int | None
    end_time: int | Ours | None = UNSET


class JobAllocation(Keys):
    allocation: OwnAllocation | None


class FromBatchSystem(Keys, kw_only=True):
    age: float | Ours = UNSET
    stale: str | Ours | None = UNSET


class QueueEntry(Keys):
    name: str
    state: str
    time_limit: int | Literal["UNLIMITED"]
    default: bool | None  # theirs is always null
    nodes_total: int
    nodes_available: int
    nodes_idle: int
    cpus_per_node: int | None
    mem_per_node_mb: int | None
    gpus_per_node: int
    max_jobs_per_user: int | None
    features: list[str]
    walltime_min: int | UnsetType | None = UNSET  # theirs: of PBS only
    walltime_max: int | UnsetType | None = UNSET
    nodes_min: int | UnsetType | None = UNSET
    nodes_max: int | UnsetType | None = UNSET
    time_limit_seconds: int | Ours | None = UNSET
    default_time_seconds: int | Ours | None = UNSET
    accounts: list[str] | Ours = UNSET
    users: list[str] | Ours = UNSET
    groups: list[str] | Ours = UNSET


class Queues(FromBatchSystem):
    queues: dict[str, QueueEntry]


class BatchJobEntry(Keys):
    job_id: str
    job_name: str
    user: str
    partition: str
    state: str
    nodes: int | None
    cpus: int | None
    time_limit: int | None
    time_used: int | None
    submit_time: int | None
    start_time: int | None
    priority: int | None
    account: str | None
    node_list: str
    native_id: str | Ours = UNSET
    common_state: str | Ours = UNSET
    reason: str | Ours | None = UNSET
    time_limit_seconds: int | Ours | None = UNSET
    end_time: int | Ours | None = UNSET
    expected_start: int | Ours | None = UNSET
    exit_code: int | Ours | None = UNSET
    array_id: str | Ours | None = UNSET


class BatchJobs(FromBatchSystem):
    jobs: list[BatchJobEntry]


class Allocation(Keys):
    account: str
    user: str
    fairshare: float | None
    qos: str
    max_jobs: int | None
    max_submit: int | None
    max_wall: int | None
    grp_tres: str | None
    allocated_node_hours: float | None
    used_node_hours: float | None
    remaining_node_hours: float | None


class Allocations(FromBatchSystem):
    allocations: list[Allocation]


# -- 6: psij


class Submitted(Keys):
    job_id: Annotated[str, Meta(pattern=r"^[0-9a-f-]{36}$")]
    native_id: str


class SubmittedEndpoint(Submitted):
    endpoint_name: str


class Tunnel(Keys):
    endpoint_name: str
    status: Literal["no_tunnel", "pending", "active", "failed", "done"]
    port: int | None
    pid: int | None
    error: str | None


class JobEntry(Keys):
    job_id: str
    native_id: str | None
    state: State
    exit_code: int | None
    executable: str
    arguments: list[str]
    executor: str
    queue_name: str | None
    account: str | None
    node_count: int | None
    name: str | Ours | None = UNSET
    endpoint_name: str | Ours | None = UNSET
    array_id: str | Ours | None = UNSET
    submit_time: float | Ours = UNSET


class JobListed(JobEntry):
    message: str | Ours | None = UNSET
    time: float | Ours = UNSET


class Jobs(Keys):
    jobs: list[JobListed]
    before: str | Ours = UNSET


class StateTime(Keys):
    state: State
    time: float


class JobStatus(JobEntry, kw_only=True):
    message: str | None
    time: float
    states: list[StateTime] | Ours = UNSET
    resources_used: dict[str, float | str] | Ours | None = UNSET
    directory: str | None
    duration: int | None
    stdout: str
    stderr: str
    stdout_offset: int
    stderr_offset: int
    error: str | UnsetType = UNSET


class Cancelled(Keys):
    job_id: str
    status: Literal["canceled"]
