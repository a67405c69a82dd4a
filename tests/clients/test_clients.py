"""The clients that app developers generate: made, compiled, and used against a whole Relais that runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clients.contrat import contract
from conftest import DEMO, ROOT
from house.test_cli import data, up  # noqa: F401 - the fixtures of a `relais up --demo`

pytestmark = pytest.mark.slow

CLIENTS = ROOT / "build" / "clients"
TOOLS = ROOT / "openapi" / "node_modules" / ".bin"
PATIENCE = 300
"""Seconds for a tool: the first time it is also installed."""

KOTLIN = {
    ("string", None): "kotlin.String",
    ("string", "uuid"): "java.util.UUID",
    ("string", "date"): "java.time.LocalDate",
    ("string", "date-time"): "java.time.OffsetDateTime",
    ("boolean", None): "kotlin.Boolean",
    ("integer", None): "kotlin.Int",
    ("number", None): "java.math.BigDecimal",
}
"""What a scalar of the contract must become. Others are looked at for their nullability alone."""

PROPERTY = re.compile(r'@Json\(name = "(\w+)"\)\s+val \S+: (.+?)(?: = .+?)?,?$', re.MULTILINE)


def run(*line: object, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own tools
        [*map(str, line)], cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False,
        timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needs(*tools: str) -> None:
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"{', '.join(missing)} is not installed here")


@pytest.fixture(scope="module")
def clients() -> Path:
    needs("java")
    run("make", "clients", f"PYTHON={sys.executable}")
    return CLIENTS


def test_redocly_and_spectral_find_nothing_to_say_of_the_contract():
    needs("npm")
    run("make", "contract")


def test_the_typescript_client_lives_a_day_of_an_app_against_a_server_that_runs(clients, up, tmp_path):  # noqa: F811
    needs("npm")
    app = clients / "essai"
    shutil.rmtree(app, ignore_errors=True)
    run(TOOLS / "tsc", "--project", "tests/clients")
    shutil.copy(ROOT / "tests" / "clients" / "package.json", app)
    (app / "node_modules").mkdir()
    (app / "node_modules" / "relais-client").symlink_to(clients / "typescript")
    run(
        "node", app / "parcours.js",
        RELAIS_URL=f"http://127.0.0.1:{up.port}", RELAIS_FILE=str(tmp_path / "file.json"),
        RELAIS_PHOTO=str(DEMO / "photos" / "matelas.jpg"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def schemas() -> dict[str, dict]:
    return contract()["components"]["schemas"]


def source(clients: Path, name: str) -> str:
    return (clients / "kotlin/src/main/kotlin/fr/relais/client/models" / f"{name}.kt").read_text()


def test_the_kotlin_client_has_every_field_and_lets_only_the_optional_be_null(clients, schemas):
    seen = 0
    for name, schema in schemas.items():
        if not schema.get("properties"):
            continue
        fields = dict(PROPERTY.findall(source(clients, name)))
        assert fields.keys() == schema["properties"].keys(), name
        for field, kind in fields.items():
            assert kind.endswith("?") == (field not in schema.get("required", [])), (name, field, kind)
            said = schema["properties"][field]
            expected = KOTLIN.get((said.get("type"), said.get("format")))
            if expected and "enum" not in said and "const" not in said:
                assert kind.removesuffix("?") == expected, (name, field)
            seen += 1
    assert seen > 200


def test_the_kotlin_client_loses_no_answer_to_a_question_and_survives_a_value_it_does_not_know(clients, schemas):
    for name in ("SignalementIn", "SignalementOut"):
        assert dict(PROPERTY.findall(source(clients, name)))["questions"] == (
            "kotlin.collections.Map<kotlin.String, kotlin.Any>?"
        )
    enums = [name for name, schema in schemas.items() if "enum" in schema]
    assert len(enums) > 10
    for name in enums:
        assert "unknown_default_open_api" in source(clients, name), name
