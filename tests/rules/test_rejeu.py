"""A decision against another: what of it changes, and for whom."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from relais.rules.configuration import Competent
from relais.rules.rejeu import Aspect, Decision, Recu, Rejeu, decide_alors
from relais.rules.sejours import Fait

AVANT = Decision("voirie", informes=frozenset({"agglo"}), zones=frozenset({"centre"}))
AILLEURS = Decision(None, reoriente=True, competent=Competent("Accueil de la mairie", "02 61 91 00 00"))
RECU = Recu("VSL-2026-00001", "voirie.trou", date(2026, 3, 31), 0.41, 48.1, None, "voirie")


@pytest.mark.parametrize(
    ("avant", "change", "aspects"),
    [
        (AVANT, {"regle": "r2", "emprise": "e2", "explication": "Autrement dit."}, ()),
        (AVANT, {"acteur": "proprete"}, (Aspect.RESPONSABLE,)),
        (AVANT, {"acteur": None}, (Aspect.RESPONSABLE,)),
        (AVANT, {"informes": frozenset()}, (Aspect.INFORMES,)),
        (AVANT, {"zones": frozenset({"centre", "qpv"})}, (Aspect.ZONES,)),
        (AILLEURS, {"reoriente": False, "competent": None}, (Aspect.RESPONSABLE, Aspect.COMPETENT)),
        (AILLEURS, {"competent": Competent("Lisse Agglo")}, (Aspect.COMPETENT,)),
        (AILLEURS, {"competent": Competent("Accueil de la mairie", "02 61 91 00 01")}, (Aspect.COMPETENT,)),
    ],
)
def test_what_changes_of_a_decision_is_named(avant, change, aspects):
    one = Rejeu(RECU, avant, replace(avant, **change))
    assert one.aspects == aspects
    assert one.change is (Aspect.RESPONSABLE in aspects)


def test_the_journal_accuses_nobody_of_a_competent_that_it_never_kept():
    then = decide_alors([Fait(datetime(2026, 3, 31, tzinfo=UTC), "signalement.reoriente", {})], (), ())
    assert Rejeu(RECU, then, AILLEURS).aspects == ()
