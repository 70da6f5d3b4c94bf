"""A real Slurm and a real sshd for the tests in this folder; README.md beside this file says what they offer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from service_end import MARK
from service_folder import ServiceFolder
from session_accounts import Account, make_account
from slurm_cluster import SlurmCluster
from ssh_server import SshServer
from stage import Server, server
from system_packages import complaint
from user_endpoint import UserEndpoints
from user_python import UserPython, make_user_python

from orbit_jupyter.client import BridgeClient
from orbit_plugins.queue_info import QueueInfoClient


@pytest.hookimpl(tryfirst=True)  # before -m looks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and no others."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.services)


@pytest.fixture(scope="session")
def services() -> Iterator[ServiceFolder]:
    """Return the folder of all that is started here; it ends with the session."""
    if said := complaint():
        pytest.exit(said, returncode=1)
    folder = ServiceFolder()
    try:
        yield folder
    finally:
        folder.close()


@pytest.fixture(scope="session")
def user(services: ServiceFolder) -> Account:
    """Return an ordinary user."""
    return make_account(services.homes)


@pytest.fixture(scope="session")
def other_user(services: ServiceFolder) -> Account:
    """Return another one."""
    return make_account(services.homes)


@pytest.fixture(scope="session")
def slurm(services: ServiceFolder, user: Account, other_user: Account) -> SlurmCluster:
    """Run a Slurm; a test that uses it has its variables in the environment, and leaves no job behind."""
    cluster = SlurmCluster(services, user, other_user)
    cluster.start()
    return cluster


@pytest.fixture(scope="session")
def sshd(services: ServiceFolder, user: Account, other_user: Account) -> SshServer:
    """Run an sshd; it is there again for each test that uses it, whatever the one before has done."""
    secure_shell = SshServer(services, user, other_user)
    secure_shell.start()
    return secure_shell


@pytest.fixture(autouse=True)
def of_this_test(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a test the services as they should be, and take back what it leaves."""
    cluster = request.getfixturevalue("slurm") if "slurm" in request.fixturenames else None
    secure_shell = request.getfixturevalue("sshd") if "sshd" in request.fixturenames else None
    earlier = set()
    if cluster is not None:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        earlier = cluster.jobs()
    yield
    if cluster is not None:
        cluster.start_controller()
        cluster.cancel_all(but=earlier)
    if secure_shell is not None:
        secure_shell.start()


@pytest.fixture(scope="session")
def user_python(services: ServiceFolder, user: Account) -> UserPython:
    """Make a Python with the project that ordinary users can run."""
    return make_user_python(services, user)


@pytest.fixture(scope="session")
def lab(services: ServiceFolder) -> Iterator[Server]:
    """Run a bridge."""
    options = ("--OrbitExtension.local_endpoint=off", "--OrbitExtension.lost_after=5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, str(services.path))  # so that it ends as all the others do, too
        with server(services.root_home / "bridge", *options) as running:
            yield running


@pytest.fixture(scope="session")
def user_endpoints(
    services: ServiceFolder, slurm: SlurmCluster, user: Account, user_python: UserPython
) -> UserEndpoints:
    """Return what starts endpoints of the ordinary user, on the login node of the Slurm."""
    return UserEndpoints(services, user, user_python, slurm.environment)


@pytest.fixture(scope="session")
def login_endpoint(lab: Server, user_endpoints: UserEndpoints) -> Iterator[str]:
    """Run an endpoint of the ordinary user on the login node; return its name."""
    # The homes of endpoints are folders of their own: what `join` leaves in the user's home is looked at.
    with user_endpoints.run(lab, "login", home=user_endpoints.account.home / "login"):
        yield "login"


@pytest.fixture
def bridge(lab: Server) -> Iterator[BridgeClient]:
    """Return a client of the bridge."""
    with lab.client() as client:
        yield client


@pytest.fixture
def queues(bridge: BridgeClient, slurm: SlurmCluster, login_endpoint: str) -> QueueInfoClient:
    """Return the client of `queue_info` on the login node."""
    return cast(QueueInfoClient, bridge[login_endpoint].get_plugin("queue_info"))
