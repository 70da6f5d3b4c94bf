"""From decoded bodies to typed values; a wrong field is named. And the description of a plugin's page."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orbit_jupyter.plugin import (
    InvalidFieldError,
    UIConfig,
    UIField,
    UIForm,
    UIFormSubmit,
    UIMonitor,
    UINotifications,
    UIOption,
    parse,
    parse_int,
    ui_config_to_dict,
)


class Attributes(msgspec.Struct, forbid_unknown_fields=True):
    duration: float = 60.0
    queue: str | None = None


class Spec(msgspec.Struct, forbid_unknown_fields=True):
    executable: str
    arguments: list[str] = []
    attributes: Attributes = msgspec.field(default_factory=Attributes)
    environment: dict[str, str] = {}


def test_value_that_fits_is_returned_typed() -> None:
    spec = parse({"executable": "/bin/date", "attributes": {"duration": 5}}, Spec)
    assert spec == Spec("/bin/date", attributes=Attributes(5.0))


@pytest.mark.parametrize(
    ("value", "what", "field", "text"),
    [
        ({}, "", "executable", "executable: is missing"),
        ({}, "job_spec", "job_spec.executable", "job_spec.executable: is missing"),
        ({"executable": 7}, "", "executable", "executable: Expected `str`, got `int`"),
        ({"executable": None}, "", "executable", "Expected `str`, got `null`"),
        ({"executable": "x", "exe": 1}, "", "exe", "exe: is no field of this"),
        ({"executable": "x", "arguments": ["a", 7]}, "", "arguments[1]", "Expected `str`, got `int`"),
        ({"executable": "x", "arguments": ["a", 7]}, "job_spec", "job_spec.arguments[1]", "got `int`"),
        ({"executable": "x", "attributes": {"duration": "1h"}}, "", "attributes.duration", "got `str`"),
        (
            {"executable": "x", "attributes": {"wall": 1}},
            "job_spec",
            "job_spec.attributes.wall",
            "no field of this",
        ),
        ({"executable": "x", "attributes": []}, "", "attributes", "Expected `object`, got `array`"),
        ({"executable": "x", "environment": {"A": 1}}, "", "environment[...]", "got `int`"),
        ([], "job_spec", "job_spec", "job_spec: Expected `object`, got `array`"),
    ],
)
def test_wrong_field_is_named_by_its_dotted_path(value: object, what: str, field: str, text: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        parse(value, Spec, what)
    assert caught.value.field == field
    assert caught.value.message.startswith(f"{field}: ")
    assert text in caught.value.message
    assert caught.value.status == 422


@pytest.mark.parametrize("value", ["text", None, 7, []])
def test_body_that_is_no_object_has_no_field_to_name(value: object) -> None:
    with pytest.raises(InvalidFieldError, match="body: Expected `object`") as caught:
        parse(value, Spec)
    assert caught.value.field is None


def test_item_of_a_list_body_is_named_by_its_index() -> None:
    with pytest.raises(InvalidFieldError) as caught:
        parse([{"executable": "x"}, {}], list[Spec], "jobs")
    assert caught.value.field == "jobs[1].executable"


@pytest.mark.parametrize(("value", "number"), [(None, 5), ("", 5), ("7", 7), (7, 7), ("0", 0), (" 3 ", 3)])
def test_number_of_a_query_is_read(value: object, number: int) -> None:
    assert parse_int(value, "offset", default=5) == number


@pytest.mark.parametrize("value", ["x", "1.5", "-1", -1, [], "0x10"])
def test_number_of_a_query_that_is_none_or_too_low_is_named(value: object) -> None:
    with pytest.raises(InvalidFieldError, match=r"^offset: ") as caught:
        parse_int(value, "offset")
    assert caught.value.field == "offset"


# -- ui_config ----------------------------------------------------------------------------------------------------

WORKFLOW = {
    "title": "XGFabric Workflow",
    "icon": "🌊",
    "description": "CFDaAI workflow orchestrator for HPC clusters.",
    "custom_template": True,
}
JOBS = {
    "title": "Jobs",
    "icon": "🚀",
    "refresh_button": True,
    "forms": [
        {
            "id": "submit",
            "title": "Submit",
            "layout": "grid2",
            "fields": [
                {"name": "exec", "type": "text", "label": "Executable", "default": "/bin/date", "column": 0},
                {"name": "executor", "type": "select", "options": ["local", {"value": "slurm", "label": "Slurm"}]},
                {"name": "nodes", "type": "number", "default": 1, "required": False},
                {"name": "attrs", "type": "custom_attributes", "css_class": "wide"},
            ],
            "submit": {"label": "Go", "style": "success", "endpoint": "submit/{sid}"},
        }
    ],
    "monitors": [
        {"id": "jobs", "title": "Jobs", "type": "task_list", "empty_text": "none", "auto_load": "list_jobs/{sid}"}
    ],
    "notifications": {"topic": "job_status", "id_field": "job_id", "state_field": "state"},
}


@pytest.mark.parametrize("config", [WORKFLOW, JOBS])
def test_dict_as_the_seed_has_it_fits(config: dict[str, Any]) -> None:
    plain = ui_config_to_dict(config)
    assert ui_config_to_dict(plain) == plain
    assert (plain["title"], plain["icon"]) == (config["title"], config["icon"])


def test_classes_and_dicts_describe_the_same_page() -> None:
    config = UIConfig(
        title="Jobs",
        icon="🚀",
        refresh_button=True,
        forms=[
            UIForm(
                id="submit",
                title="Submit",
                layout="grid2",
                fields=[
                    UIField("exec", label="Executable", default="/bin/date", column=0),
                    UIField("executor", "select", options=["local", UIOption("slurm", "Slurm")]),
                    UIField("nodes", "number", default=1, required=False),
                    UIField("attrs", "custom_attributes", css_class="wide"),
                ],
                submit=UIFormSubmit("Go", "success"),
            )
        ],
        monitors=[UIMonitor("jobs", "Jobs", "task_list", empty_text="none", auto_load="list_jobs/{sid}")],
        notifications=UINotifications("job_status", id_field="job_id"),
    )
    assert msgspec.convert(ui_config_to_dict(config), UIConfig) == msgspec.convert(JOBS, UIConfig) == config


def test_what_is_left_at_its_default_is_left_out() -> None:
    assert ui_config_to_dict({"title": "T", "forms": [], "auto_load": ""}) == {"title": "T"}
    assert ui_config_to_dict(None) == {}


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "`title`"),
        ({"title": 7}, "$.title"),
        ({"title": "T", "colour": "red"}, "`colour`"),
        ({"title": "T", "forms": [{"id": "f", "fields": [{"name": "x", "type": "slider"}]}]}, "fields[0].type"),
        ({"title": "T", "forms": [{"title": "no id"}]}, "`id`"),
        ({"title": "T", "monitors": [{"id": "m", "type": "3d"}]}, "monitors[0].type"),
        ({"title": "T", "notifications": {}}, "`topic`"),
        ([], "got `array`"),
    ],
)
def test_page_that_does_not_fit_is_refused_and_the_place_is_named(config: Any, text: str) -> None:
    with pytest.raises(InvalidFieldError, match=r"^ui_config: ") as caught:
        ui_config_to_dict(config)
    assert text in caught.value.message
    assert caught.value.field == "ui_config"
