"""Request validation generated from botocore's own service model, so that the stand-in refuses what AWS refuses.

boto3 itself checks only types and required members; patterns, ranges, lengths and enumerations are checked by AWS.
The wording is that of AWS's services: "1 validation error detected: Value 'x' at 'y' failed to satisfy constraint: …".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from local_aws.errors import BadRequest, UnknownOperation

_TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "float": (int, float),
}


class Validator:
    """Checks the parameters of one service's operations against its model."""

    def __init__(self, service: str = "transcribe") -> None:
        self._model: ServiceModel = botocore.session.get_session().get_service_model(service)

    def check(self, operation: str, parameters: Mapping[str, Any]) -> None:
        """Raises BadRequest that names every violated constraint, UnknownOperation for a name AWS does not have."""
        if operation not in self._model.operation_names:
            raise UnknownOperation(f"{operation} is not an operation of Amazon Transcribe.")
        shape = self._model.operation_model(operation).input_shape
        problems = list(_problems(shape, parameters, "")) if shape else []
        if problems:
            plural = "s" if len(problems) > 1 else ""
            raise BadRequest(f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}")


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not _has_type(shape, value):
        yield _problem(value, path, f"Member must be of type {shape.type_name}")
        return
    yield from _own_problems(shape, value, path)
    if isinstance(shape, StructureShape):
        yield from _member_problems(shape, value, path)
    elif isinstance(shape, ListShape):
        for number, item in enumerate(value, 1):
            yield from _problems(shape.member, item, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, item, f"{path}.{key}.member")


def _has_type(shape: Shape, value: Any) -> bool:
    expected = _TYPES.get(shape.type_name, object)
    return isinstance(value, expected) and not (isinstance(value, bool) and shape.type_name in ("integer", "float"))


def _member_problems(shape: StructureShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        where = f"{path}.{_lower_first(name)}" if path else _lower_first(name)
        if value.get(name) is not None:
            yield from _problems(member, value[name], where)
        elif name in shape.required_members:
            yield _problem(None, where, "Member must not be null")


def _own_problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    rules = shape.metadata
    if "enum" in rules and value not in rules["enum"]:
        yield _problem(value, path, f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]")
    if "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        yield _problem(value, path, f"Member must satisfy regular expression pattern: {rules['pattern']}")
    measure, noun = (value, "value") if shape.type_name in ("integer", "float") else (_length(value), "length")
    if measure is None:
        return
    if "min" in rules and measure < rules["min"]:
        yield _problem(value, path, f"Member must have {noun} greater than or equal to {rules['min']}")
    if "max" in rules and measure > rules["max"]:
        yield _problem(value, path, f"Member must have {noun} less than or equal to {rules['max']}")


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, str | list | dict) else None


def _problem(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
