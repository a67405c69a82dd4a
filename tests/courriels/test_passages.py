"""The next collection, in the mails of whoever signals and of whoever is to act."""

from collections.abc import Iterator

import pytest
from commands.factories import DEPOT_SAUVAGE, ENCOMBRANTS, deposit
from sqlalchemy import select

from relais.courriels import rendre
from relais.tables.envoi import Canal, Envoi

ANNONCE = "Prochain passage dans ce secteur, encombrants : jeudi 23 avril, à partir de 6 h (Lisse Agglo)."


@pytest.fixture
def mailed(ville, keys):
    """gabarit → (text, HTML) of the mails promised, spaces made plain."""

    def read() -> Iterator[tuple[str, tuple[str, str]]]:
        with ville.worker() as session, session.begin():
            for envoi in session.scalars(select(Envoi).where(Envoi.canal == Canal.COURRIEL)).all():
                mail = rendre(
                    session, envoi, keys=keys, url="https://relais.vaucelles.test", expediteur="x@vaucelles.test"
                )
                yield (
                    envoi.gabarit,
                    tuple(" ".join(part.replace("\u00a0", " ").split()) for part in (mail.texte, mail.html)),
                )

    return lambda: dict(read())


@pytest.mark.parametrize("gabarit", ["accuse", "affectation"])
def test_the_mails_of_a_bulky_waste_signalement_quote_the_next_collection(ville, mailed, gabarit):
    deposit(ville, theme=ENCOMBRANTS)
    for part in mailed()[gabarit]:
        assert ANNONCE in part


@pytest.mark.parametrize("gabarit", ["accuse", "affectation"])
def test_the_mails_of_the_others_say_nothing_of_it(ville, mailed, gabarit):
    deposit(ville, theme=DEPOT_SAUVAGE)
    for part in mailed()[gabarit]:
        assert "Prochain passage" not in part
