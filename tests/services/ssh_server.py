"""A real sshd on loopback, beside any other: own port, own host key, users of this session."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
from service_end import MARK
from service_folder import ServiceFolder
from service_ports import free_ports
from session_accounts import Account
from system_packages import PATH

SSHD = """\
ListenAddress 127.0.0.1:{port}
ListenAddress 127.0.0.1:{strict_port}
ListenAddress 127.0.0.1:{no_sockets_port}
HostKey {folder}/host_key
PidFile {folder}/pid
AuthorizedKeysFile .ssh/authorized_keys {folder}/authorized_keys.%u
# Only because root's key lies below /tmp.
StrictModes no
UsePAM no
KbdInteractiveAuthentication no
PasswordAuthentication yes
PermitRootLogin prohibit-password
PermitUserEnvironment yes
AllowUsers root {user} {other}
MaxStartups 100
MaxSessions 100
MaxAuthTries 20
PrintMotd no
Subsystem sftp internal-sftp
LogLevel VERBOSE
SetEnv {mark}={services}
# Here nobody comes in with one thing alone.
Match LocalPort {strict_port}
  AuthenticationMethods publickey,password
Match LocalPort {no_sockets_port}
  AllowStreamLocalForwarding no
"""

ALIAS = """\
Host {alias}
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  {more}
"""


class SshServer:
    """The server, and what a test does with it.

    Attributes
    ----------
    ssh_config, user_ssh_config
        For ``ssh -F``: by root, and by `user` (which reads it anyway).
    impostor_ssh_config
        One by which the server's host key is a wrong one.
    """

    aliases = ("hpc", "hpc-root", "hpc-password", "hpc-two-factor", "hpc-no-sockets")

    def __init__(self, services: ServiceFolder, user: Account, other_user: Account) -> None:
        self._services = services
        self.account, self.other_account = user, other_user
        self.user, self.home = user.name, user.home
        self.host = "127.0.0.1"
        self.port, self.strict_port, self.no_sockets_port = self._ports = free_ports(3)
        self.folder = services.path / "sshd"
        self.known_hosts = self.folder / "known_hosts"
        self.ssh_config = self.folder / "ssh_config"
        self.impostor_ssh_config = self.folder / "impostor_ssh_config"
        self.user_ssh_config = user.ssh_config

    def run(self, *command: str, alias: str = "hpc", seconds: float = 30) -> str:
        """Run a command over ssh; return what it prints.

        Raises
        ------
        subprocess.CalledProcessError
            It failed, or ssh did.
        """
        line = ["ssh", "-F", str(self.ssh_config), "-o", "BatchMode=yes", alias, *command]
        return subprocess.run(line, capture_output=True, text=True, check=True, timeout=seconds).stdout

    def set_environment(self, environment: Mapping[str, str]) -> None:
        """Have further sessions of both users begin with these variables, such as `SlurmCluster.environment`."""
        for account in (self.account, self.other_account):
            lines = [f"{name}={value}\n" for name, value in environment.items()]
            account.write(".ssh/environment", "".join(lines))

    def start(self) -> None:
        """Start it, where it doesn't run; return when it lets users in."""
        if not self.folder.exists():
            self._write()
        if self._services.pid("sshd") is None:
            # sshd starts itself again for each connection, so that it needs its whole path.
            program = shutil.which("sshd", path=PATH)
            assert program is not None
            log = self._services.log / "sshd.log"
            self._services.start("sshd", [program, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(log)])
        self._services.wait_until_up("sshd", ["ssh", "-F", str(self.ssh_config), "hpc", "true"])

    def stop(self) -> None:
        """Listen no longer; connections stay."""
        self._services.stop("sshd")

    def restart(self) -> None:
        """End it with all its connections, as a reboot does, and start it again."""
        self.kill_connections()
        self.stop()
        self.start()

    def connections(self) -> list[psutil.Process]:
        """Return the processes of sshd that serve connections, not what those have started."""
        found = []
        listener = self._services.pid("sshd")
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == "sshd" and process.pid != listener:
                    ports = {one.laddr.port for one in process.net_connections("tcp") if one.laddr}
                    found += [process] if ports & set(self._ports) else []
        return found

    def kill_connections(self) -> None:
        """Cut all connections: kill their processes, the user's own included."""
        while alive := self.connections():
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(alive, timeout=5)

    @contextlib.contextmanager
    def frozen_connections(self) -> Iterator[None]:
        """Have connections that stand, and on which nothing moves."""
        frozen = self.connections()
        for process in frozen:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in frozen:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)

    def _write(self) -> None:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where Debian's sshd locks its helpers in
        self.folder.mkdir(mode=0o755)
        host_key, impostor, key = (self._key(name) for name in ("host_key", "impostor_key", "id"))
        (self.folder / "authorized_keys.root").write_text(key)
        self._config("known_hosts", self.ssh_config, host_key)
        self._config("impostor_known_hosts", self.impostor_ssh_config, impostor)
        for account in (self.account, self.other_account):
            account.write(".ssh/authorized_keys", key)
            account.write(".ssh/id", (self.folder / "id").read_text())
            known = account.write(".ssh/known_hosts", self.known_hosts.read_text())
            account.write(".ssh/config", self._aliases(account.home / ".ssh" / "id", known))
        # The machine may have another Slurm, which nobody means.
        self.set_environment({"RADICAL_ORBIT_BATCH": "none"})
        (self.folder / "sshd_config").write_text(
            SSHD.format(
                folder=self.folder,
                port=self.port,
                strict_port=self.strict_port,
                no_sockets_port=self.no_sockets_port,
                user=self.user,
                other=self.other_account.name,
                mark=MARK,
                services=self._services.path,
            )
        )

    def _config(self, known_hosts: str, config: Path, host_key: str) -> None:
        known = self.folder / known_hosts
        known.write_text("".join(f"[{self.host}]:{port} {host_key}" for port in self._ports))
        config.write_text(self._aliases(self.folder / "id", known))

    def _aliases(self, key: Path, known_hosts: Path) -> str:
        password_only = "PreferredAuthentications password"
        other = self.other_account.name
        aliases = {
            "hpc": (self.user, self.port, ""),
            "hpc-root": ("root", self.port, ""),
            "hpc-password": (other, self.port, password_only),
            "hpc-no-sockets": (self.user, self.no_sockets_port, ""),
            "hpc-two-factor": (other, self.strict_port, "PreferredAuthentications publickey,password"),
        }
        return "".join(
            ALIAS.format(alias=alias, port=port, user=user, key=key, known_hosts=known_hosts, more=more)
            for alias, (user, port, more) in aliases.items()
        )

    def _key(self, name: str) -> str:
        """Make a key; return the public half, without a comment."""
        file = self.folder / name
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)], check=True, timeout=20
        )
        return " ".join(file.with_suffix(".pub").read_text().split()[:2]) + "\n"
