"""``make demo``: JupyterLab with the bridge inside and a local endpoint, and the first notebook.

With ``--headless`` the same server runs without a browser, the notebook runs in a kernel of that server, and
everything that was started is stopped again.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir
from server_kernel import ServerKernel

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "01_quickstart.ipynb"
START_TIME = 60.0
"""Seconds that the server may take to come up."""


def command(*more: str) -> list[str]:
    """Return the server's command line."""
    root = ["--allow-root"] if os.geteuid() == 0 else []
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--OrbitExtension.local_endpoint=on",
        f"--ServerApp.root_dir={NOTEBOOK.parent}",
        *root,
        *more,
    ]


def server_info(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for the server and its bridge, and return what the server's runtime file says."""
    folder = Path(jupyter_runtime_dir())
    # The server writes its own file before it listens; the bridge writes this one after.
    bridge, server = folder / f"orbit-{process.pid}.json", folder / f"jpserver-{process.pid}.json"
    until = time.monotonic() + START_TIME
    while not bridge.exists():
        if process.poll() is not None:
            raise RuntimeError(f"the Jupyter server ended at once, with status {process.returncode}")
        if time.monotonic() > until:
            raise RuntimeError(f"the Jupyter server and its bridge weren't up after {START_TIME:g} s")
        time.sleep(0.1)
    info: dict[str, Any] = json.loads(server.read_text())
    return info


def run_notebook(info: dict[str, Any]) -> str:
    """Run the notebook in a kernel of that server, print what it prints, and return that."""
    text = ""
    with ServerKernel(info["url"], info["token"]) as kernel:
        for cell in json.loads(NOTEBOOK.read_text())["cells"]:
            if cell["cell_type"] == "code":
                for output in kernel.execute("".join(cell["source"])):
                    shown = output.get("text") or output["data"].get("text/plain", "") + "\n"
                    print(shown, end="", flush=True)
                    text += shown
    return text


def headless() -> int:
    """Run the demo without a browser and return the exit status."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command(
                "--no-browser", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--ServerApp.port_retries=0"
            ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            info = server_info(process)
            print(f"JupyterLab with the bridge runs at {info['url']} (process {process.pid})")
            text = run_notebook(info)
            if "last state: COMPLETED" not in text:
                print("the job did not complete", file=sys.stderr)
                return 1
        except Exception as error:
            print(f"the demo failed: {error}", file=sys.stderr)
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
            return 1
        finally:
            stop(process)
    print("the demo is done; everything that it started has ended")
    return 0


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server; its kernels and its endpoint end with it."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Run the demo."""
    words = argparse.ArgumentParser(prog="make demo", description=__doc__.partition("\n")[0])
    words.add_argument("--headless", action="store_true", help="no browser: run the notebook, print, stop")
    given = words.parse_args()
    if given.headless:
        return headless()
    process = subprocess.Popen(command(f"--LabApp.default_url=/lab/tree/{NOTEBOOK.name}"))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # it is for the server, which asks whether to end
            continue


if __name__ == "__main__":
    sys.exit(main())
