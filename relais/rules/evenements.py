"""What can happen, by its name: the journal's types, and those of them a webhook carries."""

from enum import StrEnum


class TypeEvenement(StrEnum):
    SIGNALEMENT_RECU = "signalement.recu"
    SIGNALEMENT_AFFECTE = "signalement.affecte"
    SIGNALEMENT_REAFFECTE = "signalement.reaffecte"
    SIGNALEMENT_CORRIGE = "signalement.corrige"
    SIGNALEMENT_PRIS_EN_CHARGE = "signalement.pris_en_charge"
    SIGNALEMENT_PROGRAMME = "signalement.programme"
    SIGNALEMENT_REPONDU = "signalement.repondu"
    SIGNALEMENT_MIS_EN_ATTENTE = "signalement.mis_en_attente"
    SIGNALEMENT_REPRIS = "signalement.repris"
    SIGNALEMENT_TRAITE = "signalement.traite"
    SIGNALEMENT_CLOS = "signalement.clos"
    SIGNALEMENT_ROUVERT = "signalement.rouvert"
    SIGNALEMENT_REORIENTE = "signalement.reoriente"
    SIGNALEMENT_RATTACHE = "signalement.rattache"
    SIGNALEMENT_DETACHE = "signalement.detache"
    SIGNALEMENT_RECURRENT = "signalement.recurrent"
    SIGNALEMENT_RETIRE = "signalement.retire"
    SIGNALEMENT_DROIT_COMMUN = "signalement.droit_commun"
    PHOTO_AJOUTEE = "photo.ajoutee"
    PHOTO_REFUSEE = "photo.refusee"
    ECHEANCE_APPROCHE = "echeance.approche"
    ECHEANCE_DEPASSEE = "echeance.depassee"
    ESCALADE_DECLENCHEE = "escalade.declenchee"
    INSTANCE_INSCRITE = "instance.inscrite"
    INSTANCE_MOBILISEE = "instance.mobilisee"
    INSTANCE_AJOURNEE = "instance.ajournee"
    INSTANCE_RETIREE = "instance.retiree"
    INSTANCE_TRANSMISE = "instance.transmise"
    WEBHOOK_TEST = "webhook.test"
    ETAPE_MANQUEE = "etape.manquee"  #: the day announced by a réponse is over, and nothing was done
    INSTANCE_RAPPELEE = "instance.rappelee"  #: the pilotes were reminded that a decision waits
    TRANSMISSION_ANNONCEE = "transmission.annoncee"  #: the grouped mail of what went up without a decision
    SIGNALEMENT_PUBLIE = "signalement.publie"  #: the pilote let anybody read it, and these photos of it
    SIGNALEMENT_DEPUBLIE = "signalement.depublie"
    PHOTO_MASQUEE = "photo.masquee"  #: parts of it are to be painted over
    SIGNALEMENT_REGROUPE = "signalement.regroupe"  #: another one was attached to it
    SIGNALEMENT_SEPARE = "signalement.separe"  #: and is not any more
    SIGNALEMENT_SUIVI = "signalement.suivi"  #: somebody asked to be told of its news
    SIGNALEMENT_PLUS_SUIVI = "signalement.plus_suivi"


INTERNES = frozenset(
    {
        TypeEvenement.ETAPE_MANQUEE,
        TypeEvenement.INSTANCE_RAPPELEE,
        TypeEvenement.TRANSMISSION_ANNONCEE,
        TypeEvenement.SIGNALEMENT_PUBLIE,
        TypeEvenement.SIGNALEMENT_DEPUBLIE,
        TypeEvenement.PHOTO_MASQUEE,
        TypeEvenement.SIGNALEMENT_REGROUPE,
        TypeEvenement.SIGNALEMENT_SEPARE,
        TypeEvenement.SIGNALEMENT_SUIVI,
        TypeEvenement.SIGNALEMENT_PLUS_SUIVI,
    }
)
"""What Relais says to itself: in the journal, in no webhook."""

CONTRAT = tuple(one for one in TypeEvenement if one not in INTERNES)
"""What a partner may listen to, now or once Relais does it: a name is never given another meaning."""
