"""What the contract's tests share: the committed file, and every refusal there is."""

import json
import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import api as door
import relais
from relais.errors import RelaisError

FILE = Path(__file__).parents[2] / "openapi" / "relais.json"


@cache
def contract() -> dict[str, Any]:
    return json.loads(FILE.read_text())


def refusals() -> list[type[RelaisError]]:
    """Every one the house or the door can utter, wherever it is declared."""
    for package in (relais, door):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    found, todo = [], [RelaisError]
    while todo:
        found += (todo := [kind for parent in todo for kind in parent.__subclasses__()])
    return found
