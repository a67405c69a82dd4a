"""The ordinary ladder: what a territoire has where its `remontees` say nothing. Data, like any other ladder."""

from relais.rules.configuration import Delai, Destinataire, Palier, TypeInstance

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
)
"""The ladder of a délai that `remontees` does not mention. `inscrire` names an instance, or a type of instance."""
