"""The ordinary ladder: what a territoire has where its `remontees` say nothing. Data, like any other ladder."""

from relais.rules.configuration import Configuration, Delai, Destinataire, Palier, TypeInstance

QUARTIER, VILLE, DG = TypeInstance.PILOTAGE_QUARTIER, TypeInstance.PILOTAGE_VILLE, TypeInstance.GUSP_DG
_ACTEUR, _PILOTES = (Destinataire.ACTEUR,), (Destinataire.PILOTES,)
_RETARD = (Destinataire.RESPONSABLE, Destinataire.PILOTES)

ECHELLE_ORDINAIRE: tuple[Palier, ...] = (
    Palier("relance", Delai.PRISE_EN_CHARGE, part=80, prevenir=_ACTEUR),
    Palier("retard", Delai.PRISE_EN_CHARGE, jours=0, prevenir=_RETARD),
    Palier("relance", Delai.REPONSE, part=80, prevenir=_ACTEUR),
    Palier("retard", Delai.REPONSE, jours=0, prevenir=_RETARD),
    Palier("pilotage_ville", Delai.REPONSE, jours=5, prevenir=_PILOTES, inscrire=VILLE),
    Palier("relance", Delai.TRAITEMENT, part=80, prevenir=_ACTEUR),
    Palier("retard", Delai.TRAITEMENT, jours=0, prevenir=_RETARD),
    Palier("pilotage_quartier", Delai.TRAITEMENT, jours=2, inscrire=QUARTIER),
    Palier("pilotage_ville", Delai.TRAITEMENT, jours=5, prevenir=_PILOTES, inscrire=VILLE),
    Palier("gusp_dg", Delai.TRAITEMENT, jours=8, prevenir=_PILOTES, inscrire=DG),
    # The pilotes alone: whether a machine writes to the direction générale is the town's to say, and `traitement`,
    # which runs meanwhile, leads there. A danger overdue is told at once, as for any délai.
    Palier("relance", Delai.ARBITRAGE, part=80, prevenir=_PILOTES),
    Palier("retard", Delai.ARBITRAGE, jours=0, prevenir=_PILOTES),
)
"""The ladder of a délai that `remontees` does not mention. `inscrire` names an instance, or a type of instance."""


def paliers(configuration: Configuration, delai: Delai) -> tuple[Palier, ...]:
    """The steps of that délai. A version adopted before the pilote had a délai of his own says nothing of it."""
    said = configuration.paliers(delai)
    if said or delai is not Delai.ARBITRAGE:
        return said
    return tuple(palier for palier in ECHELLE_ORDINAIRE if palier.delai is delai)
