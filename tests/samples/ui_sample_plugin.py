"""A plugin that is all page: each kind of field and of monitor, and task tables that are made up on demand."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec

from orbit_jupyter.plugin import (
    InvalidFieldError,
    Plugin,
    PluginSession,
    Request,
    UIConfig,
    UIField,
    UIForm,
    UIFormSubmit,
    UIMonitor,
    UINotifications,
    UIOption,
    route,
)

HOSTILE = "<img src=x onerror=alert(1)>"
"""Markup, in each text that this plugin has a say in."""

KINDS = UIForm(
    id="kinds",
    title="Every kind of field",
    layout="grid2",
    fields=[
        UIField(name="word", label="A word", placeholder="such as lattice", css_class="s-word", column=0),
        UIField(name="number", type="number", label="A number", default=3, column=0),
        UIField(name="note", type="textarea", label="A note", required=False, column=0),
        UIField(
            name="colour",
            type="select",
            label="A colour",
            options=["red", UIOption(value="blue", label="Blue as the sea")],
            default="blue",
            column=1,
        ),
        UIField(name="size", type="select", label="A size", options_endpoint="sizes", column=1),
        UIField(name="check", type="checkbox", label="Check it", default=True, column=1),
        UIField(name="secret", type="hidden", default="kept"),
        UIField(name="more", type="custom_attributes", label="More", column=1),
        UIField(name="file", type="file", label="A file", required=False, column=1),
    ],
    submit=UIFormSubmit(label="Send it", style="success", endpoint="echo/{sid}"),
)

ROWS = UIForm(
    id="rows",
    title="Make rows",
    fields=[UIField(name="count", type="number", label="Rows", default=10)],
    submit=UIFormSubmit(label="Make them", endpoint="make"),
)


class Count(msgspec.Struct):
    """How many."""

    count: int


class Kinds(msgspec.Struct):
    """What the form sends."""

    word: str
    number: int
    secret: str
    colour: Literal["red", "blue"]
    size: str
    check: bool
    note: str = ""
    more: dict[str, str] = {}
    file: bytes = b""


class UiSamplePlugin(Plugin):
    """Has a page, and makes up what it shows."""

    plugin_name = "ui_sample"
    version = "0.1.0"
    ui_config = UIConfig(
        title="Sample",
        icon="🧪",
        description="Each kind of field and of monitor.",
        refresh_button=True,
        auto_load="facts",
        forms=[KINDS, ROWS],
        monitors=[
            UIMonitor(id="tasks", title="Tasks", type="task_list", empty_text="No tasks yet.", auto_load="tasks"),
            UIMonitor(id="facts", title="Facts", type="metrics"),
            UIMonitor(id="hosts", title="Hosts", type="table", auto_load="hosts"),
            UIMonitor(id="waves", title="Waves", type="chart", auto_load="waves"),
            UIMonitor(id="whole", title="Raw", type="raw", css_class="s-raw"),
            UIMonitor(id="told", title="Told", type="log"),
        ],
        notifications=UINotifications(topic="task_status", id_field="uid", state_field="state"),
    )

    def __init__(self, app: Any, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self.tasks: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []

    @route.get("sizes")
    async def sizes(self) -> dict[str, Any]:
        """Return sizes, one of which nobody can have now."""
        return {
            "sizes": [
                {"name": "small", "available": True},
                {"name": "huge", "available": False, "reason": "sold out"},
                {"name": "middling", "available": True},
            ],
            "default": "middling",
        }

    @route.post("echo/{sid}")
    async def echo(self, session: PluginSession, body: Kinds, request: Request) -> dict[str, Any]:
        """Return what came; the word ``wrong`` is."""
        if body.word == "wrong":
            raise InvalidFieldError("word: that is wrong", field="word")
        said = {**msgspec.to_builtins(body), "key": request.idempotency_key}
        self.sent.append(said)
        return said

    @route.get("sent")
    async def list_sent(self) -> dict[str, Any]:
        """Return all that came."""
        return {"sent": self.sent}

    @route.post("make")
    async def make(self, body: Count) -> dict[str, int]:
        """Have so many tasks, none of the old."""
        self.tasks = [
            {"uid": f"task.{number:06}", "state": "RUNNING", "label": f"step {number}", "number": number}
            for number in range(body.count)
        ]
        return {"made": body.count}

    @route.get("tasks")
    async def list_tasks(self) -> dict[str, Any]:
        """Return the tasks."""
        return {"tasks": self.tasks}

    @route.post("change")
    async def change(self, body: dict[str, Any]) -> None:
        """Tell of a task."""
        self._dispatch_notify("task_status", body)

    @route.post("burst")
    async def burst(self, body: Count) -> dict[str, int]:
        """Change so many tasks at once, the newest first, and tell of each."""
        for task in reversed(self.tasks[-body.count :]):
            task["state"] = "DONE"
            self._dispatch_notify("task_status", {"uid": task["uid"], "state": "DONE"})
        return {"told": body.count}

    @route.post("hostile")
    async def hostile(self) -> None:
        """Have markup in each text, and tell it."""
        self.tasks = [{"uid": HOSTILE, "state": HOSTILE, "label": HOSTILE, HOSTILE: HOSTILE}]
        self._dispatch_notify("task_status", self.tasks[0])

    @route.get("facts")
    async def facts(self) -> dict[str, Any]:
        """Return numbers about nothing."""
        text = HOSTILE if self.tasks and self.tasks[0]["uid"] == HOSTILE else "calm"
        return {"weather": text, "cpu": {"percent": 40.0, "cores": 8}, "disks": [{"name": "/", "percent": 96.5}]}

    @route.get("hosts")
    async def hosts(self) -> dict[str, Any]:
        """Return a dict of dicts."""
        return {"node1": {"up": True, "load": 0.5, "note": self.tasks[:1]}, "node2": {"up": False, "load": 11.0}}

    @route.get("waves")
    async def waves(self) -> dict[str, Any]:
        """Return columns as `sysinfo` does."""
        now = int(time.time())
        times = list(range(now - 59, now + 1))
        columns = {
            "time": times,
            "busy": [second % 30 for second in times],
            "heat": [None, *(300 + second % 7 for second in times[1:])],
        }
        return {"interval": 1, "columns": columns, "units": {"busy": "%", "heat": "K"}}


class NotInstalled(Plugin):
    """Has a page of its own that nobody has installed beside the bridge."""

    plugin_name = "not_installed"
    ui_module = "/not/there.js"
