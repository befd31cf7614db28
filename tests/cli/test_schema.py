"""`sightline schema` prints what an editor takes."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from resolver.cli import main

ZONES = Path(__file__).parents[2] / "zones"


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ([], "environments.yaml"),
        ([], "prod/us-east-1.yaml"),
        (["--kind", "zone"], "prod/us-east-1.yaml"),
        (["--kind", "environments"], "environments.yaml"),
    ],
)
def test_the_schema_is_json_and_accepts_files_of_its_kind(
    words: list[str], file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", *words]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.validate(yaml.safe_load((ZONES / file).read_text()), schema)
