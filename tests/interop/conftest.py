"""Other releases, each in an environment of its own, made once and kept beside the project's."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from stage import Server, end, endpoint, server

RELEASE = "0.2.0"


def kept(name: str) -> Path:
    """Return a folder that outlives the tests; nothing of it is committed."""
    return Path(sys.prefix) / "interop" / name


@pytest.fixture(scope="session")
def seed_python() -> Path:
    """Return the Python of an environment with that radical.orbit; the first call makes it, from PyPI."""
    folder = kept(f"radical.orbit-{RELEASE}")
    made, python = folder / "made", folder / "bin" / "python"
    if not made.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", f"radical.orbit=={RELEASE}"]
        subprocess.run(install, check=True, timeout=300)
        made.touch()
    return python


@pytest.fixture(scope="session")
def seed_examples() -> Path:
    """Return the folder with that release's own example scripts; the first call fetches them, from PyPI."""
    folder = kept(f"radical.orbit-{RELEASE}-source")
    made = folder / "made"
    if not made.exists():
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*fetch, "--dest", str(folder), f"radical.orbit=={RELEASE}"], check=True, timeout=300)
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        made.touch()
    (examples,) = folder.glob("*/examples")
    return examples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for what the tests of a module share."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Path:
    """Return a certificate for the loopback address; ``key.pem`` and ``authority.pem`` lie beside it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = folder / "cert.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    key.chmod(0o600)  # that release's bridge takes no other
    return cert


@pytest.fixture(scope="module")
def lab(folder: Path, certificate: Path) -> Iterator[Server]:
    """Run our bridge, over TLS."""
    tls = (f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={certificate.with_name('key.pem')}")
    with server(folder / "home", "--OrbitExtension.local_endpoint=off", *tls) as running:
        yield running


@pytest.fixture(scope="module")
def hpc1(lab: Server, certificate: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run our endpoint of that name at the bridge."""
    token, cert = lab.endpoint_token("hpc1"), str(certificate)
    with endpoint(lab.url, "hpc1", token, folder / "hpc1", "--cert", cert) as process:
        with lab.client(cert) as client:
            client.wait_for_endpoint("hpc1", 30)
        yield process


@pytest.fixture
def seed_environment(home: Path, lab: Server, certificate: Path) -> dict[str, str]:
    """Return an environment in which that release's client finds our bridge, the token in the URL."""
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "HOME": str(home),
        "PYTHONUNBUFFERED": "1",  # the tests read along
        "RADICAL_ORBIT_BRIDGE_URL": lab.url.replace("https://", "https://orbit:the-token@"),
        "RADICAL_ORBIT_BRIDGE_CERT": str(certificate.with_name("authority.pem")),
    }


@pytest.fixture
def seed_endpoint(
    seed_python: Path, seed_environment: dict[str, str], home: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start that release's own endpoint service at a URL with the token in it, and end all of them."""
    script = str(seed_python.with_name("radical-orbit-endpoint.py"))
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, url: str, plugins: str = "sysinfo,psij,staging") -> subprocess.Popen[bytes]:
        with (home / f"{name}-{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(seed_python), script, "--name", name, "--plugins", plugins],
                env={**seed_environment, "RADICAL_ORBIT_BRIDGE_URL": url},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        end(process)
