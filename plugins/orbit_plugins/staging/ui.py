"""The plugin's page."""

from __future__ import annotations

from orbit_jupyter.plugin import UIConfig, UIField, UIForm, UIFormSubmit, UIMonitor, UINotifications

from .transfers import TOPIC

_BROWSE = UIForm(
    id="browse",
    title="📂 Browse",
    fields=[UIField(name="path", label="Folder", css_class="stg-path", default="~", placeholder="~/data")],
    submit=UIFormSubmit(label="Browse", style="primary", endpoint="list/{sid}"),
)

_UPLOAD = UIForm(
    id="upload",
    title="📤 Upload",
    fields=[
        UIField(name="content", type="file", label="File", css_class="stg-file"),
        UIField(name="filename", label="To", css_class="stg-target", placeholder="~/data/input.csv"),
        UIField(name="overwrite", type="checkbox", label="Overwrite", css_class="stg-overwrite", required=False),
    ],
    submit=UIFormSubmit(label="📤 Upload", style="success", endpoint="put/{sid}"),
)

_DOWNLOAD = UIForm(
    id="download",
    title="📥 Download",
    fields=[UIField(name="filename", label="File", css_class="stg-source", placeholder="~/data/result.csv")],
    submit=UIFormSubmit(label="📥 Download", style="primary", endpoint="get/{sid}"),
)

UI = UIConfig(
    title="Files",
    icon="📁",
    description="Browse the endpoint's folders, send files there and fetch them.",
    forms=[_BROWSE, _UPLOAD, _DOWNLOAD],
    monitors=[
        UIMonitor(
            id="transfers",
            title="📊 Transfers",
            type="task_list",
            css_class="stg-transfers",
            empty_text="Nothing has been transferred yet.",
            auto_load="transfers/{sid}",
        )
    ],
    notifications=UINotifications(topic=TOPIC, id_field="id", state_field="state"),
)
