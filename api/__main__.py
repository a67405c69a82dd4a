"""`python -m api`: write the contract, openapi/relais.json."""

from pathlib import Path

from api.app import build_app
from api.contract import text_of

FILE = Path(__file__).parents[1] / "openapi" / "relais.json"

if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text_of(build_app(None)))
