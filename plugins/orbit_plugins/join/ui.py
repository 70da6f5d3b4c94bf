"""The plugin's page, for front ends that have no better one."""

from __future__ import annotations

from orbit_jupyter.plugin import UIConfig, UIMonitor, UINotifications

UI = UIConfig(
    icon="🔗",
    title="Join a cluster",
    description="Have a cluster's login node join the bridge over ssh. In a cell: %orbit join user@host",
    refresh_button=True,
    monitors=[
        UIMonitor(
            id="joins",
            title="Joins",
            type="task_list",
            empty_text="No cluster has been joined from here yet.",
            auto_load="joins/{sid}",
        )
    ],
    notifications=UINotifications(topic="join_step", id_field="join_id", state_field="state"),
)
