"""How a plugin describes its page: forms, monitors and notifications, without a line of JavaScript.

Names and defaults are those of radical.orbit 0.2.0, so that a plugin's dict from there fits.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from orbit_jupyter.protocol import InvalidFieldError

FieldType = Literal["text", "select", "number", "textarea", "checkbox", "hidden", "custom_attributes", "file"]
MonitorType = Literal["task_list", "metrics", "table", "raw", "chart", "log"]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class UIOption(_Part, frozen=True):
    """One choice of a select."""

    value: str
    label: str = ""


class UIField(_Part, frozen=True):
    """One input of a form. `options_endpoint` is a route of the plugin that lists the choices."""

    name: str
    type: FieldType = "text"
    label: str = ""
    css_class: str = ""
    default: str | int | float | bool = ""
    placeholder: str = ""
    required: bool = True
    options: list[str | UIOption] = []
    options_endpoint: str = ""
    options_value_field: str = "name"
    options_label_field: str = "name"
    column: int | None = None


class UIFormSubmit(_Part, frozen=True):
    """The button of a form and the route that it posts to."""

    label: str = "Submit"
    style: Literal["success", "primary", "secondary", "danger"] = "primary"
    endpoint: str = "submit/{sid}"


class UIForm(_Part, frozen=True):
    """A form."""

    id: str
    title: str = ""
    layout: Literal["single", "grid2", "grid3"] = "single"
    fields: list[UIField] = []
    submit: UIFormSubmit = UIFormSubmit()


class UIMonitor(_Part, frozen=True):
    """Something that shows what goes on; `auto_load` is the route that fills it."""

    id: str
    title: str = ""
    type: MonitorType = "raw"
    css_class: str = ""
    empty_text: str = ""
    auto_load: str = ""


class UINotifications(_Part, frozen=True):
    """Which events change a monitor's rows."""

    topic: str
    id_field: str = "uid"
    state_field: str = "state"


class UIConfig(_Part, frozen=True):
    """A plugin's page."""

    title: str
    icon: str = "🔌"
    description: str = ""
    refresh_button: bool = False
    auto_load: str = ""
    forms: list[UIForm] = []
    monitors: list[UIMonitor] = []
    notifications: UINotifications | None = None
    stub_message: str = ""
    custom_template: bool = False


def ui_config_to_dict(config: UIConfig | dict[str, Any] | None) -> dict[str, Any]:
    """Return a page description as plain JSON, checked.

    Raises
    ------
    InvalidFieldError
        If a dict doesn't fit the schema; the field is named.
    """
    if config is None:
        return {}
    if not isinstance(config, UIConfig):
        try:
            config = msgspec.convert(config, UIConfig)
        except msgspec.ValidationError as error:
            raise InvalidFieldError(f"ui_config: {error}", field="ui_config") from None
    plain: dict[str, Any] = msgspec.to_builtins(config)
    return plain
