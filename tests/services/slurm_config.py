"""The configuration of the cluster: four nodes of 8 cores, which all are this machine."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

CLUSTER = "orbit"
NODES = ("n1", "n2", "n3", "n4")
PARTITIONS = ("debug", "batch", "gpu")
ACCOUNTS = ("proj_a", "proj_b")

SLURM = """\
ClusterName={cluster}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={munge}
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={log}/slurmctld.log
SlurmdLogFile={log}/slurmd-%n.log
SlurmctldDebug=info
SlurmdDebug=info
# Neither systemd nor cgroups are needed.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
ReturnToService=2
SlurmdTimeout=120
InactiveLimit=0
KillWait=2
MinJobAge=300
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=5,sched_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
MaxArraySize=2001
# The nodes say that they are larger than this machine.
SlurmdParameters=config_overrides
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={accounting_port}
# Without this each sacctmgr looks for munge where it is usually.
AccountingStoragePass={munge}
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,limits,qos
{nodes}
PartitionName=debug Nodes=n1 Default=YES DefaultTime=5 MaxTime=30 State=UP
PartitionName=batch Nodes=n[1-4] DefaultTime=30 MaxTime=1-00:00:00 State=UP
PartitionName=gpu Nodes=n4 DefaultTime=30 MaxTime=1-00:00:00 State=UP
"""

NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port}"
    " CPUs=8 Sockets=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=8000 State=UNKNOWN {more}"
)
MORE = {"n1": "Feature=cpu,fast", "n2": "Feature=cpu", "n3": "Feature=cpu,fast", "n4": "Gres=gpu:2 Feature=gpu"}

ACCOUNTING = """\
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={accounting_port}
SlurmUser=slurm
AuthType=auth/munge
AuthInfo=socket={munge}
PidFile={folder}/run/slurmdbd.pid
LogFile={log}/slurmdbd.log
DebugLevel=info
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageLoc=slurm_acct_db
StorageUser=slurm
StoragePass=slurm
"""

DATABASE = """\
[mariadbd]
datadir={folder}/mysql/data
socket={folder}/mysql/socket
pid-file={folder}/mysql/pid
bind-address=127.0.0.1
port={database_port}
innodb_buffer_pool_size=32M
innodb_log_file_size=32M
innodb_lock_wait_timeout=900
innodb_flush_log_at_trx_commit=0
skip-name-resolve
performance_schema=OFF
# Nothing of it has to survive a power cut.
innodb_flush_method=nosync
innodb_doublewrite=OFF
"""


@dataclass(frozen=True)
class Ports:
    """Where the daemons listen, all on loopback."""

    controller: int
    accounting: int
    database: int
    nodes: tuple[int, ...]


def texts(folder: Path, log: Path, ports: Ports) -> dict[str, str]:
    """Return the configuration files by name, for a cluster whose files lie in `folder`."""
    host = socket.gethostname().partition(".")[0]
    values = {
        "cluster": CLUSTER,
        "host": host,
        "folder": folder,
        "log": log,
        "munge": folder / "munge" / "socket",
        "controller_port": ports.controller,
        "accounting_port": ports.accounting,
        "database_port": ports.database,
        "nodes": "\n".join(
            NODE.format(name=name, host=host, port=port, more=MORE[name])
            for name, port in zip(NODES, ports.nodes, strict=True)
        ),
    }
    return {
        "slurm.conf": SLURM.format(**values),
        "slurmdbd.conf": ACCOUNTING.format(**values),
        "database.cnf": DATABASE.format(**values),
        # No cgroup holds a job back from a device, so that any device will do as one.
        "gres.conf": f"NodeName=n4 Name=gpu File={folder}/gpu[0-1]\n",
        "cgroup.conf": "CgroupAutomount=no\nConstrainCores=no\nConstrainRAMSpace=no\n",
    }
