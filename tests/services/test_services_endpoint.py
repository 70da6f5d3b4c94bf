"""Endpoints of an ordinary user run as that user, and have the cluster."""

from __future__ import annotations

import psutil
from slurm_cluster import SlurmCluster
from stage import Server
from user_endpoint import UserEndpoints


def test_endpoint_on_the_login_node_is_the_users(
    lab: Server, login_endpoint: str, slurm: SlurmCluster, user_endpoints: UserEndpoints
) -> None:
    with lab.client() as client:
        sysinfo = client[login_endpoint].sysinfo
        assert sysinfo.homedir() == str(user_endpoints.account.home / "login")
        role = sysinfo.host_role()
        assert (role["role"], role["scheduler"]) == ("login", "slurm")
    state = user_endpoints.account.home / "login" / ".radical" / "orbit" / "state" / login_endpoint
    assert state.stat().st_uid == user_endpoints.account.uid


def test_endpoint_is_a_process_of_the_user(lab: Server, user_endpoints: UserEndpoints) -> None:
    home = user_endpoints.account.home / "elsewhere"
    with user_endpoints.run(lab, "hpc2", "--plugins", "sysinfo", home=home) as process:
        assert psutil.Process(process.pid).username() == user_endpoints.account.name
        with lab.client() as client:
            assert client["hpc2"].sysinfo.homedir() == str(home)
    assert process.returncode == 0
