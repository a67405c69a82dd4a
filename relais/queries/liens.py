"""What ties signalements to people and to each other: who follows, what speaks for what, what came back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, exists, func, select
from sqlalchemy.orm import aliased

from relais.db import Session
from relais.rules.evenements import TypeEvenement
from relais.tables.evenement import Evenement
from relais.tables.signalement import Abonnement, Signalement
from relais.tables.territoire import Version


@dataclass(frozen=True)
class Liens:
    """Of a doublon, `suivi` and `suivants` are those of the one that speaks for it.

    `suivi`: this reader follows it. `suivants`: how many are told of its news, its author included. `doublons`: those
    attached to it; `declarants`: how many people signalled it in all. `recurrence`: what the creation said of it.
    `possibles`: known at the creation alone.
    """

    suivi: bool = False
    suivants: int = 1
    doublons: int = 0
    declarants: int = 1
    recurrence: dict[str, Any] | None = None
    possibles: int = 0


@dataclass(frozen=True)
class Attaches:
    """By signalement its Liens and, of a doublon, its principal; by number the digests of their versions."""

    liens: Mapping[UUID, Liens]
    principaux: Mapping[UUID, Signalement]
    empreintes: Mapping[int, str] = field(default_factory=dict)


# Written once: to build it at each reading costs twice what it does. The digests come with it, for they would be a
# statement of their own wherever a signalement is older than the version in force.
_PRINCIPAL = aliased(Signalement)
_DOUBLON = aliased(Signalement)
_NEE, _NE = aliased(Version), aliased(Version)
_suivi = func.coalesce(Signalement.doublon_de, Signalement.id)
_auteur = func.coalesce(_PRINCIPAL.auteur_id, Signalement.auteur_id)
_abonnes = (Abonnement.territoire_id == Signalement.territoire_id) & (Abonnement.signalement_id == _suivi)
_attaches = (_DOUBLON.territoire_id == Signalement.territoire_id) & (_DOUBLON.doublon_de == Signalement.id)
_LIENS = (
    select(
        Signalement.id,
        (_auteur == bindparam("lecteur", type_=Uuid)).label("auteur"),
        exists().where(_abonnes, Abonnement.personne_id == bindparam("lecteur", type_=Uuid)).label("abonne"),
        select(func.count()).where(_abonnes, Abonnement.personne_id != _auteur).scalar_subquery().label("abonnes"),
        select(func.count()).where(_attaches).scalar_subquery().label("doublons"),
        select(func.count(_DOUBLON.auteur_id.distinct()))
        .where(_attaches, _DOUBLON.auteur_id != Signalement.auteur_id)
        .scalar_subquery()
        .label("autres"),
        select(Evenement.donnees)
        .where(
            Evenement.territoire_id == Signalement.territoire_id,
            Evenement.signalement_id == Signalement.id,
            Signalement.recurrence_de.is_not(None),
            Evenement.type == TypeEvenement.SIGNALEMENT_RECURRENT,
        )
        .limit(1)
        .scalar_subquery()
        .label("recurrence"),
        _NEE.numero,
        _NEE.empreinte,
        _NE.numero.label("du_principal"),
        _NE.empreinte.label("empreinte_du_principal"),
        _PRINCIPAL,
    )
    .join(_NEE, (_NEE.territoire_id == Signalement.territoire_id) & (_NEE.numero == Signalement.version))
    .outerjoin(
        _PRINCIPAL,
        (_PRINCIPAL.territoire_id == Signalement.territoire_id) & (_PRINCIPAL.id == Signalement.doublon_de),
    )
    .outerjoin(_NE, (_NE.territoire_id == _PRINCIPAL.territoire_id) & (_NE.numero == _PRINCIPAL.version))
    .where(
        Signalement.territoire_id == bindparam("territoire"),
        Signalement.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
    )
    .execution_options(populate_existing=True)
)


def attaches(session: Session, ids: Sequence[UUID]) -> Attaches:
    """One statement, whatever the number."""
    reader = session.reader
    asked = {"territoire": session.territoire, "ids": ids, "lecteur": reader.id if reader else None}
    rows = session.execute(_LIENS, asked).all()
    digests = {row.numero: row.empreinte for row in rows}
    digests |= {row.du_principal: row.empreinte_du_principal for row in rows if row.du_principal is not None}
    return Attaches(
        {
            row.id: Liens(
                suivi=bool(row.auteur or row.abonne),
                suivants=1 + row.abonnes,
                doublons=row.doublons,
                declarants=1 + row.autres,
                recurrence=row.recurrence,
            )
            for row in rows
        },
        {row.id: row[-1] for row in rows if row[-1] is not None},
        digests,
    )
