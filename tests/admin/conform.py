"""Holds replies to the OpenAPI document; every reply that a test of the admin address gets is."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from resolver.admin.openapi import OPERATIONS, describe
from resolver.admin.problems import CONTENT_TYPE
from resolver.admin.routes import Found, find_route

DOCUMENT = describe()


@functools.cache
def validator(reference: str) -> Draft202012Validator:
    """Of a schema of the document."""
    whole = {"$ref": reference, "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def conform(method: str, path: str, status: int, headers: Mapping[str, str], text: str) -> None:
    """Fail when a reply is none of those that the document describes."""
    content = headers.get("Content-Type", "").partition(";")[0]
    found = find_route(method, path.partition("?")[0])
    if not isinstance(found, Found) or found.route.name not in OPERATIONS or status == 500:
        if status >= 400 and method != "HEAD":
            assert content == CONTENT_TYPE
            validator("#/components/schemas/Problem").validate(json.loads(text))
        return
    operations = [
        operation
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
        if operation["operationId"] == found.route.name
    ]
    responses: dict[str, Any] = operations[0]["responses"]
    assert str(status) in responses, f"{method} {path}: {status} is not described: {text[:300]}"
    contents = responses[str(status)].get("content")
    if contents is None or method == "HEAD":
        assert text == ""
        return
    if "openmetrics" in content:
        return
    assert content in contents, f"{method} {path}: {content}"
    reference = contents[content]["schema"].get("$ref")
    if reference is not None:
        validator(reference).validate(json.loads(text))
