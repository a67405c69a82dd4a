"""What docs/application-mobile.md promises app developers is what the code does."""

import os
import re
import shutil
import subprocess

import pytest
from clients.contrat import contract, refusals
from conftest import ROOT

from api.problems import status_of

GUIDE = (ROOT / "docs" / "application-mobile.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (\d{3}) \| (oui|non) \| (.+) \|$", re.MULTILINE)
OF_THE_FRAMEWORK = {"adresse_inconnue": ("GET", "/v1/nulle-part"), "methode_inconnue": ("DELETE", "/v1/meta")}
"""Refusals that no class of ours utters, and what meets them."""


def test_every_refusal_is_in_the_guide_once_with_its_status_and_whether_to_try_again():
    rows = ROW.findall(GUIDE)
    told = {code: (int(status), again == "oui") for code, status, again, _ in rows if code not in OF_THE_FRAMEWORK}
    assert len(rows) == len({code for code, *_ in rows}) == len(told) + len(OF_THE_FRAMEWORK)
    assert told == {kind().code: (status_of(kind()), kind.retryable) for kind in refusals()}


def test_the_refusals_of_the_framework_are_told_as_they_are(api):
    told = {code: (int(status), again == "oui") for code, status, again, _ in ROW.findall(GUIDE)}
    for code, (method, path) in OF_THE_FRAMEWORK.items():
        refused = api(method, path, who=None)
        body = refused.json()
        assert (body["code"], refused.status_code, body["retryable"]) == (code, *told[code])


def test_the_offline_queue_is_told_in_sixty_lines():
    queue = re.search(r"```text\n(# fiche.*?)```", GUIDE, re.DOTALL)
    assert queue is not None
    assert 40 < len(queue[1].splitlines()) <= 60


def test_the_two_sendings_are_told_for_every_status_of_the_contract():
    section = GUIDE.partition("## Ce que répondent les deux `PUT`")[2].partition("\n## ")[0]
    told = {int(code) for cell in re.findall(r"^\| ([\d, ]+) \|", section, re.MULTILINE) for code in cell.split(", ")}
    for path in ("/v1/signalements/{id}", "/v1/signalements/{id}/photos/{photo_id}"):
        answers = contract()["paths"][path]["put"]["responses"]
        assert {int(status) for status in answers if status != "default"} <= told, path


def test_every_address_and_file_the_guide_names_exists():
    paths = {re.sub(r"\{\w+\}", "{}", path) for path in contract()["paths"]}
    for path in re.findall(r"(?:GET|POST|PUT) +(/v1/[\w/{}.-]+)", GUIDE):
        assert re.sub(r"\{\w+(?:\.\w+)?\}", "{}", path) in paths, path
    for link in re.findall(r"\]\(([\w./-]+)\)", GUIDE):
        assert (ROOT / "docs" / link).exists(), link


@pytest.mark.parametrize("target", ["contract", "clients"])
def test_without_node_nor_java_the_targets_say_so_and_succeed(target, tmp_path):
    for tool in ("make", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    bare = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"} | {"PATH": str(tmp_path)}
    done = subprocess.run(  # noqa: S603 - our own Makefile
        [tmp_path / "make", "--silent", target], cwd=ROOT, env=bare, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(rf"{target} : sauté, il faut (Node\.js|Java)", done.stdout)


def test_the_lists_of_tools_are_pinned_and_name_no_index():
    node = (ROOT / "openapi" / "package-lock.json").read_text()
    assert '"resolved"' not in node
    assert '"integrity"' in node
    generator = (ROOT / "openapi" / "requirements-clients.lock").read_text()
    assert "--hash=sha256:" in generator
    assert "://" not in generator
