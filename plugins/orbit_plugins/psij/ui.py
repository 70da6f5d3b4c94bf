"""The plugin's page. Field names are those of radical.orbit 0.2.0."""

from __future__ import annotations

from orbit_jupyter.plugin import UIConfig, UIField, UIForm, UIFormSubmit, UIMonitor, UINotifications

_SUBMIT = UIForm(
    id="submit",
    title="📝 Submit Job",
    layout="grid2",
    fields=[
        UIField(name="exec", label="Executable", css_class="p-exec", placeholder="/bin/hostname", column=0),
        UIField(
            name="args",
            label="Arguments (space-separated)",
            css_class="p-args",
            placeholder="optional",
            required=False,
            column=0,
        ),
        UIField(
            name="executor",
            type="select",
            label="Executor",
            css_class="p-executor",
            options_endpoint="executors",
            default="local",
            column=0,
        ),
        UIField(
            name="queue",
            label="Queue / Partition",
            css_class="p-queue",
            placeholder="optional",
            required=False,
            column=1,
        ),
        UIField(
            name="account",
            label="Account / Project",
            css_class="p-account",
            placeholder="optional",
            required=False,
            column=1,
        ),
        UIField(
            name="duration",
            label="Duration (seconds or HH:MM:SS)",
            css_class="p-duration",
            placeholder="e.g. 600",
            required=False,
            column=1,
        ),
        UIField(
            name="node_count",
            type="number",
            label="Number of Nodes",
            css_class="p-node-count",
            placeholder="e.g. 1",
            required=False,
            column=1,
        ),
        UIField(
            name="custom",
            type="custom_attributes",
            label="🔧 Custom Attributes",
            css_class="p-custom-attr",
            required=False,
            column=1,
        ),
    ],
    submit=UIFormSubmit(label="🚀 Submit Job", style="success"),
)

UI = UIConfig(
    title="PsiJ Jobs",
    icon="🚀",
    description="Submit and monitor HPC batch jobs via PsiJ.",
    forms=[_SUBMIT],
    monitors=[
        UIMonitor(
            id="jobs",
            title="📊 Job Monitor",
            type="task_list",
            css_class="psij-output",
            empty_text="No jobs submitted yet.",
            auto_load="list_jobs/{sid}",
        )
    ],
    notifications=UINotifications(topic="job_status", id_field="job_id", state_field="state"),
)
