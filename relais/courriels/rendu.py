"""Templates to text: the environment, its few filters, and a subject that fits."""

import re
import textwrap
from dataclasses import dataclass, fields
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from relais.courriels.contexte import Contexte

OBJET_MAX = 120
"""Characters of a subject: beyond, telephones and lists cut where they please."""

LARGEUR = 120
"""Characters of a line of text; addresses of links are never cut."""

MOIS = "(?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)"

_BLANCS = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")


@dataclass(frozen=True)
class Rendu:
    objet: str
    texte: str
    html: str


def une_ligne(text: str) -> str:
    """A stranger's text without line breaks nor control characters; French non-breaking spaces stay."""
    return _BLANCS.sub(" ", text).strip()


def insecables(text: str) -> str:
    """French spaces that no line may break: inside « », before : ; ? !, within « 18 h 12 » and « 7 avril »."""
    text = re.sub(r"« ", "«\u00a0", text)
    text = re.sub(r" (?=[»:;?!](?:[\s<.,)]|$))", "\u00a0", text)
    text = re.sub(rf"(\d|\der) (?={MOIS}\b)", "\\1\u00a0", text)
    return re.sub(r"(\d) h(?: (?=\d\d\b)|\b)", lambda found: found[0].replace(" ", "\u00a0"), text)


def retrait(text: str, espaces: int = 0) -> str:
    """Wrapped, the lines after the first set in by that many spaces."""
    return textwrap.fill(
        insecables(une_ligne(text)),
        LARGEUR,
        initial_indent=" " * espaces,
        subsequent_indent=" " * espaces,
        break_long_words=False,
        break_on_hyphens=False,
    )[espaces:]


@lru_cache(maxsize=1)
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("relais.courriels", "gabarits"),
        autoescape=select_autoescape(("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"retrait": retrait, "une_ligne": une_ligne}
    return made


def render(gabarit: str, contexte: Contexte) -> Rendu:
    said = {one.name: getattr(contexte, one.name) for one in fields(contexte)}
    subject = _objet(contexte, _part(f"{gabarit}.objet.txt", said))
    said |= {"objet": subject}
    lines = [line.rstrip(" ") for line in _part(f"{gabarit}.txt", said).split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
    return Rendu(subject, insecables(text), insecables(_part(f"{gabarit}.html", said)))


def _part(name: str, said: dict[str, object]) -> str:
    return environment().get_template(name).render(said)


def _objet(contexte: Contexte, news: str) -> str:
    """« [VSL-2026-00042] Dépôt sauvage, 12 rue des Érables : the news »: where it is too long, the place is cut."""
    if contexte.faits is None:
        return _coupe(f"[{contexte.configuration.code}] {une_ligne(news)}", OBJET_MAX)
    head, tail = f"[{contexte.faits.numero}] ", f" : {une_ligne(news)}"
    where = une_ligne(f"{contexte.faits.theme}, {contexte.faits.lieu_court}")
    return _coupe(head + _coupe(where, OBJET_MAX - len(head) - len(tail)) + tail, OBJET_MAX)


def _coupe(text: str, longueur: int) -> str:
    return text if len(text) <= longueur else text[: max(0, longueur - 1)].rstrip(" ,") + "…"
