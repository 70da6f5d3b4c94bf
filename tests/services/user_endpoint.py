"""Endpoints of the session's ordinary user, as processes."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from service_folder import ServiceFolder
from session_accounts import Account, as_user
from stage import Server, end
from user_python import UserPython


@dataclass(frozen=True)
class UserEndpoints:
    """Starts endpoints of a user.

    Attributes
    ----------
    environment
        Variables that each of them has, such as `SlurmCluster.environment`.
    """

    services: ServiceFolder
    account: Account
    python: UserPython
    environment: Mapping[str, str]

    @contextlib.contextmanager
    def run(
        self, lab: Server, name: str, *arguments: str, home: Path | None = None, **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run an endpoint until the block ends; at its beginning the bridge has it.

        Parameters
        ----------
        home
            Where it keeps its state, below the user's own home; None: that one. It logs to ``NAME.log`` there.
        """
        home = self.account.home if home is None else home
        given = {**self.environment, "RADICAL_ORBIT_ENDPOINT_TOKEN": lab.endpoint_token(name), **environment}
        variables = self.services.environment(self.account, given)
        variables |= {"HOME": str(home), "PATH": f"{self.python.bin}:{variables['PATH']}"}
        command = [
            str(self.python.python),
            "-m",
            "orbit_jupyter.endpoint",
            "--name",
            name,
            "--url",
            lab.url,
            *arguments,
        ]
        log = self.account.write(str(home.relative_to(self.account.home) / f"{name}.log"), "")
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=home,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **as_user(self.account.name),
            )
        try:
            with lab.client() as client:
                client.wait_for_endpoint(name, 60, poll=0.1)
            yield process
        except Exception:
            print(log.read_text(errors="replace"))
            raise
        finally:
            end(process)
