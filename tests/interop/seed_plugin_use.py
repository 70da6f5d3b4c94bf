"""A script as people write them for radical.orbit 0.2.0, which uses the plugin; prints what it saw as JSON.

Arguments: the bridge's URL, and the certificate to trust.
"""

import json
import re
import sys
import threading

import seed_plugin  # that release finds a plugin's client class where its module was imported
from radical.orbit import BridgeClient

saw = {}
events = []
more = threading.Condition()


def on_event(endpoint, plugin, topic, data):
    with more:
        events.append([endpoint, plugin, topic, data])
        more.notify_all()


def wait_for(topic, **fields):
    def came():
        return [data for _, _, said, data in events if said == topic and fields.items() <= data.items()]

    with more:
        return more.wait_for(came, 20)


def refused(call, *arguments):
    try:
        call(*arguments)
    except RuntimeError as error:
        return re.sub(r"session\.\w+", "SID", str(error))
    return None


bridge = BridgeClient(url=sys.argv[1], cert=sys.argv[2])
endpoint = bridge.get_endpoint_client("hpc1")
listed = endpoint.list_plugins()["kettle"]
saw["listed"] = {key: listed[key] for key in ("type", "namespace", "version", "enabled")}
page, form = listed["ui_config"], listed["ui_config"]["forms"][0]
saw["page"] = [page["icon"], page["title"], page["description"], page["refresh_button"]]
saw["form"] = [form["id"], form["layout"], form["submit"]["label"], form["submit"].get("endpoint", "submit/{sid}")]
saw["field"] = {key: form["fields"][0][key] for key in ("name", "type", "label", "default", "column")}
saw["monitor"] = {key: page["monitors"][0][key] for key in ("id", "title", "type", "empty_text")}
saw["notifications"] = [page["notifications"]["topic"], page["notifications"]["id_field"]]

bridge.register_callback(endpoint_id="hpc1", plugin_name="kettle", callback=on_event)
saw["listens"] = bridge.wait_for_listener(20)
kettle = endpoint.get_plugin("kettle", litres=0.5)
saw["class"] = isinstance(kettle, seed_plugin.KettleClient)
saw["sid"] = kettle.sid.startswith("session.")
own = []
kettle.register_notification_callback(lambda *event: own.append(event), topic="boil")
saw["boil"] = kettle.boil(2)
saw["told in time"] = bool(wait_for("boil", state="BOILED"))
saw["told"] = [[*event[:3], event[3]["boil"], event[3]["state"]] for event in events]
saw["told of this session"] = {event[3]["sid"] for event in events} == {kettle.sid}
saw["status"] = kettle.status(0)
saw["stove"] = kettle.stove()
saw["rang"] = [kettle.ring(), bool(wait_for("rang", bell="ring ring"))]
saw["own callback"] = [[event[2], event[3]["state"]] for event in own]

saw["too many"] = refused(kettle.boil, 3)
saw["unknown"] = refused(kettle.status, 7)
saw["wrong"] = refused(kettle.status, "many")
saw["not filled"] = refused(lambda: endpoint.get_plugin("kettle", litres=-1))
http, prefix = endpoint.http, listed["namespace"]
for name, answer in {
    "no cups": http.post(f"{prefix}/boil/{kettle.sid}"),
    "no session": http.post(f"{prefix}/boil/session.none", json={"cups": 1}),
    "no route": http.get(f"{prefix}/pour"),
}.items():
    saw[name] = [answer.status_code, answer.json()["detail"]]
second = endpoint.get_plugin("kettle")
saw["nothing boiled"] = http.get(f"{prefix}/boils/{second.sid}").text
saw["neighbours"] = {name: at for name, at in http.get(f"{prefix}/neighbours").json().items() if name != "bridge"}
before = http.get(f"{prefix}/list_sessions").json()["sessions"]
sid = second.sid
second.close()
saw["closed"] = [sid in before, bool(wait_for("closed", sid=sid)), second.sid]
saw["without a session"] = refused(second.boil, 1)
saw["version"] = http.get(f"{prefix}/version").json()
saw["ui_config"] = http.get(f"{prefix}/ui_config").json()["ui"]["title"]
saw["health"] = http.get(f"{prefix}/health").json()["status"]
kettle.close()
bridge.close()
print(json.dumps(saw), flush=True)
