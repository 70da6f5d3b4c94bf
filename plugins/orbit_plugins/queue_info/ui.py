"""The plugin's page. The first monitor is that of radical.orbit 0.2.0."""

from __future__ import annotations

from orbit_jupyter.plugin import UIConfig, UIMonitor, UINotifications

UI = UIConfig(
    icon="📋",
    title="Queue Info",
    description="Inspect batch partitions, jobs and allocations.",
    refresh_button=True,
    monitors=[
        UIMonitor(
            id="partitions",
            title="Partitions / Queues",
            type="table",
            css_class="queueinfo-content",
            empty_text="The batch system has no queues for you.",
            auto_load="get_info/{sid}",
        ),
        UIMonitor(
            id="jobs",
            title="My jobs",
            type="task_list",
            css_class="queueinfo-jobs",
            empty_text="None of your jobs is waiting or running.",
            auto_load="list_all_jobs/{sid}",
        ),
        UIMonitor(
            id="allocations",
            title="Allocations",
            type="table",
            css_class="queueinfo-allocations",
            empty_text="The batch system keeps no accounts for you.",
            auto_load="list_allocations/{sid}",
        ),
    ],
    notifications=UINotifications(topic="queue_state", id_field="queue", state_field="state"),
)
