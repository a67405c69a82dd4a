"""Loading the fictional territoire, exactly as a town loads its own: by the importers."""

from datetime import datetime
from pathlib import Path

from relais.commands.horloge import is_demonstration, mark_demonstration
from relais.commands.personne import import_personnes
from relais.commands.territoire import get_territoire, import_configuration, import_emprises
from relais.db import Session
from relais.imports.emprises import lire_emprises
from relais.imports.personnes import lire_personnes
from relais.imports.territoire import lire_territoire

AUTEUR = "démonstration"


def demo_folder() -> Path:
    """In a wheel it travels inside the package; in a checkout it stands at the root."""
    packed = Path(__file__).parents[1] / "_demo"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "demo"


def load_demo(session: Session, *, debut: datetime | None = None) -> bool:
    """Make an empty installation a demonstration: territoire, map, people; False where it is one already.

    At the owner's door. Raises HorlogeFixe where a real territoire is served. `debut`: when its story begins; by
    default, now.
    """
    if is_demonstration(session):
        return False
    mark_demonstration(session, debut=debut)
    folder = demo_folder()
    configuration = lire_territoire(folder / "territoire.yaml").configuration
    ground = lire_emprises(folder / "emprises.geojson", folder / "correspondance.yaml", configuration.acteur.keys())
    import_configuration(session, configuration, auteur=AUTEUR, now=session.now)
    territoire = get_territoire(session, configuration.code)
    if territoire is None:
        raise LookupError(configuration.code)
    import_emprises(session, territoire, ground.emprises, auteur=AUTEUR, now=session.now)
    import_personnes(session, territoire, lire_personnes(folder / "personnes.csv"), now=session.now)
    return True
