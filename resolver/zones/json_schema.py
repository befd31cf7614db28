"""The JSON Schema (2020-12) of the zone files, out of the models that read them.

The models' validators turn shorthands into mappings before pydantic looks; the schema has to
allow what may be written, so the same shorthands are put back here.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from resolver.zones import records
from resolver.zones.assemble import META_TYPES
from resolver.zones.kinds import EVERY_OPTION, KINDS, OPTIONS, PARTS
from resolver.zones.model import (
    CHECK_KEYS,
    CheckSpec,
    Located,
    OwnerSpec,
    PlanSpec,
    ServiceKeys,
    SetSpec,
    ZoneFileSpec,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SOA = 6
_NULL = {"type": "null"}
# YAML 1.1 takes a plain `off` for false; editors may do either.
_OFF = [{"enum": ["off", False]}]


def zone_schema() -> dict[str, Any]:
    """What a zone file may be."""
    schema = _describe(ZoneFileSpec)
    parts = ("services", "records", "overrides", "soa")
    schema["dependentRequired"] = {part: ["zone"] for part in parts}
    return {"$schema": DIALECT, "title": "Sightline zone file", **schema}


def environments_schema() -> dict[str, Any]:
    """What `environments.yaml` may be."""
    return {"$schema": DIALECT, "title": "Sightline environments", **_describe(PlanSpec)}


def any_schema() -> dict[str, Any]:
    """What either may be: a file with `environments` or `domain` is judged as the plan."""
    plan, zone = environments_schema(), zone_schema()
    definitions = plan.pop("$defs") | zone.pop("$defs")
    for schema in (plan, zone):
        del schema["$schema"]
    return {
        "$schema": DIALECT,
        "title": "Sightline zone files",
        "type": "object",
        "if": {"anyOf": [{"required": ["environments"]}, {"required": ["domain"]}]},
        "then": plan,
        "else": zone,
        "$defs": definitions,
    }


def _describe(model: type[Located]) -> dict[str, Any]:
    return TypeAdapter(model).json_schema(schema_generator=_Generator)


def type_pattern() -> str:
    """The keys of record types: mnemonics in capitals, or TYPE and a number."""
    numbers = [n for n in range(65536) if n not in META_TYPES and n != SOA]
    words = [word for n in numbers if not (word := records.type_text(n)).startswith("TYPE")]
    return f"^({'|'.join(words)}|TYPE(0|[1-9][0-9]{{0,4}}))$"


class _Plain(GenerateJsonSchema):
    """pydantic's own, without titles and defaults."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # a title that repeats the key says nothing

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])  # defaults here mean that nothing was said


class _Generator(_Plain):
    """The same, with what the validators of the models do beforehand."""

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if inner.get("type") == "array":  # one_or_list
            return {"anyOf": [inner["items"], inner]}
        if schema["schema"]["type"] == "dict":  # one value for every key
            return {"anyOf": [inner["additionalProperties"], inner]}
        return inner

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        described = super().dataclass_schema(schema)
        model = schema["cls"]
        if not issubclass(model, Located):
            return described
        described.pop("title", None)
        properties: dict[str, Any] = described["properties"]
        described["patternProperties"] = {"^x-": {}}
        if issubclass(model, CheckSpec):
            del properties["options"], properties["written"]
            properties["kind"] = {"enum": list(OPTIONS)}
            properties |= _option_schemas(properties.pop(PARTS))
            described["allOf"] = [_options_of(kind) for kind in OPTIONS]
        if issubclass(model, OwnerSpec):
            sets = properties.pop("sets")
            described["patternProperties"][type_pattern()] = sets["additionalProperties"]
        if issubclass(model, ServiceKeys):
            properties["spillover"] = {"anyOf": [_factor(), *_OFF]}
            properties["ttl_from_health"] = {"enum": ["on", "off", True, False]}
        if model is not SetSpec:  # a set without values is an error, any other empty key is not
            for key, value in properties.items():
                properties[key] = _or_null(value)
        if model.SHORTHAND is None:
            return described
        about = described.pop("description", None)
        either = {"anyOf": [_not_null(properties[model.SHORTHAND]), described]}
        return {"description": about, **either} if about else either


def _option_schemas(parts: dict[str, Any]) -> dict[str, Any]:
    """What each option of a check may be, in any of the kinds that have it."""
    found: dict[str, list[dict[str, Any]]] = {option: [] for option in sorted(EVERY_OPTION)}
    for kind, options in OPTIONS.items():
        schemas = TypeAdapter(KINDS[kind]).json_schema(schema_generator=_Plain)["properties"]
        for option in options:
            schema = parts if option == PARTS else schemas[option]
            if schema not in found[option]:
                found[option].append(schema)
    return {
        option: {
            "description": f"of {', '.join(kind for kind in OPTIONS if option in OPTIONS[kind])}",
            **(schemas[0] if len(schemas) == 1 else {"anyOf": schemas}),
        }
        for option, schemas in found.items()
    }


def _options_of(kind: str) -> dict[str, Any]:
    """Where a kind is said, the options of other kinds are wrong."""
    keys = {"anyOf": [{"enum": [*CHECK_KEYS, *OPTIONS[kind]]}, {"pattern": "^x-"}]}
    said = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
    return {"if": said, "then": {"propertyNames": keys}}


def _factor() -> dict[str, Any]:
    return {"type": ["number", "string"], "minimum": 1, "maximum": 10, "pattern": r"^[0-9.]+$"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = schema.get("anyOf", [schema])
    if not schema or _NULL in choices:
        return schema
    about = {"description": schema["description"]} if "description" in schema else {}
    return {**about, "anyOf": [*choices, _NULL]}


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", [schema]) if choice != _NULL]
    return choices[0] if len(choices) == 1 else {"anyOf": choices}
