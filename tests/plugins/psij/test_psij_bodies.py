"""What the description of a submit says of its body, held against what is read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orbit_plugins.psij.bodies import JobAttributes, JobSpec, Submission
from orbit_plugins.psij.spec import Attributes, parse_spec
from orbit_plugins.psij.spec import JobSpec as ReadSpec


def types(struct: type[msgspec.Struct], *but: str) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct) if field.name not in but}


@pytest.mark.parametrize(
    ("read", "described", "but"),
    [
        (ReadSpec, JobSpec, ("executable", "attributes", "stdin", "stdout", "stderr")),
        (Attributes, JobAttributes, ("duration",)),
    ],
)
def test_each_field_that_is_read_is_described_and_may_be_null(
    read: type[msgspec.Struct], described: type[msgspec.Struct], but: tuple[str, ...]
) -> None:
    assert {name: kind | None for name, kind in types(read, *but).items()} == types(described, *but)
    assert types(described).keys() - types(read).keys() <= set(but)
    assert types(read).keys() <= types(described).keys()


@pytest.mark.parametrize(
    "fields",
    [
        dict.fromkeys((field.name for field in msgspec.structs.fields(JobSpec) if not field.required), None),
        {"attributes": dict.fromkeys(types(JobAttributes), None)},
        {"stdin": "a", "stdout": "b", "stderr": "c"},
        {"attributes": {"slurm.constraint": "V100", "duration": " 1:00:00 "}},
        {"attributes": {"duration": "600"}, "resources": {"node_count": None, "memory": 1 << 50}},
        {"environment": {"A": 1, "B": "x"}, "custom_attributes": {"pbs.l": None, "slurm.x": 1.5}},
    ],
)
def test_what_is_read_fits_the_description(fields: dict[str, Any]) -> None:
    spec = {"executable": "/bin/true", **fields}
    parse_spec(spec)
    msgspec.convert({"job_spec": spec}, Submission)
