"""Workers commit: each test has the demo's town in a database of its own."""

from collections.abc import Callable, Iterator

import pytest
from conftest import MARDI, Ville

from relais.db import make_engine


@pytest.fixture
def ville(clone: Callable[[], str]) -> Iterator[Ville]:
    engine = make_engine(clone())
    town = Ville(engine)
    town.at(MARDI)
    yield town
    engine.dispose()
