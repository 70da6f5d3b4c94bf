"""A script for radical.orbit 0.2.0's own client, run by its own Python; prints what it saw as JSON.

Arguments: the bridge's URL with the token in it, and the certificate to trust.
"""

import json
import sys
import threading

from radical.orbit import BridgeClient

TERMINAL = ("COMPLETED", "FAILED", "CANCELED")
saw = {}
states = {}
topologies = []
terminal, changed = threading.Condition(), threading.Event()


def on_status(endpoint, plugin, topic, data):
    with terminal:
        states.setdefault(data["job_id"], []).append(data["state"])
        terminal.notify_all()


def on_topology(endpoints):
    topologies.append(sorted(endpoints))
    changed.set()


def ended(job):
    with terminal:
        return terminal.wait_for(lambda: set(states.get(job["job_id"], ())) & set(TERMINAL), 20)


bridge = BridgeClient(url=sys.argv[1], cert=sys.argv[2])
saw["endpoints"] = bridge.list_endpoints()
endpoint = bridge.get_endpoint_client("hpc1")
saw["plugins"] = {name: info["namespace"] for name, info in endpoint.list_plugins().items()}
bridge.register_topology_callback(on_topology)
bridge.register_callback(endpoint_id="hpc1", plugin_name="psij", topic="job_status", callback=on_status)
saw["listener"] = bridge.wait_for_listener(20)

sysinfo = endpoint.get_plugin("sysinfo")
saw["homedir"], saw["role"] = sysinfo.homedir(), sysinfo.host_role()
saw["metrics"] = sorted(sysinfo.get_metrics())

psij = endpoint.get_plugin("psij")
spec = {"executable": "/bin/sh", "arguments": ["-c", "echo out; echo err >&2; exit 3"]}
failing = psij.submit_job({**spec, "attributes": {"duration": "60", "node_count": 1}})
saw["failed in time"] = bool(ended(failing))
saw["failed"] = psij.get_job_status(failing["job_id"])
saw["from offset"] = psij.get_job_status(failing["job_id"], stdout_offset=2)["stdout"]
sleeping = psij.submit_job({"executable": "/bin/sleep", "arguments": ["60"]})
saw["cancel"] = psij.cancel_job(sleeping["job_id"])
saw["cancelled in time"] = bool(ended(sleeping))
saw["jobs"] = sorted(job["job_id"] for job in psij.list_jobs()["jobs"])
saw["states"] = [states[failing["job_id"]], states[sleeping["job_id"]]]
saw["ids"] = sorted([failing["job_id"], sleeping["job_id"]])
try:
    psij.get_job_status("no-such-job")
except RuntimeError as error:
    saw["unknown job"] = str(error)
try:
    bridge.get_endpoint_client("hpc1").get_plugin("no_such_plugin")
except RuntimeError as error:
    saw["unknown plugin"] = str(error)
psij.close()
saw["topologies"] = list(topologies)

changed.clear()
print(json.dumps(saw), flush=True)
# The test ends the endpoint now; what the client is told of that is the last line.
changed.wait(20)
print(json.dumps(topologies[-1]), flush=True)
bridge.close()
