"""What GDAL may be given to open: a whole file, that is what its name says.

Left to itself it opens any of its formats, whatever the suffix: one of them names other files to read, or addresses.
"""

import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile, ZipInfo

from relais.imports import Illisible

PAS_UN_SHAPEFILE = "n'est pas un shapefile lisible ; exportez-le à nouveau, avec ses compagnons (.shx, .dbf, .prj)"
PAS_UN_GEOPACKAGE = "n'est pas un GeoPackage lisible ; exportez-le à nouveau depuis votre logiciel de cartographie"
PAS_UN_ZIP = "n'est pas un shapefile zippé lisible ; mettez .shp, .shx, .dbf et .prj à la racine du .zip"

DEZIPPE_MAX = 1 << 30
"""Bytes of a layer once unzipped: all of it is then held in memory. A small file can say a thousand times its size."""

_COMPAGNONS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_SHAPEFILE = b"\x00\x00\x27\x0a"
_GEOPACKAGE = b"SQLite format 3\x00"
_ENTETE_SHP = 100


@contextmanager
def ouvrir(chemin: Path, couche: str | None) -> Iterator[tuple[Path, str | None]]:
    """What to open, and which layer of it; the shapefile of a .zip lies in a folder of its own until the end.

    Raises Illisible.
    """
    suffixe = chemin.suffix.lower()
    if suffixe == ".zip":
        with TemporaryDirectory(prefix="relais-") as dossier:
            shapefile = _dezipper(chemin, couche, Path(dossier))
            _verifier_shapefile(shapefile)
            yield shapefile, None
        return
    entier = chemin.absolute()
    if "!" in str(entier):  # what follows would be looked for inside what precedes
        raise Illisible(f"« {entier} » contient un « ! » ; renommez le fichier ou son dossier, sans ce signe")
    if suffixe == ".shp":
        _verifier_shapefile(entier)
    elif _debut(entier, len(_GEOPACKAGE)) != _GEOPACKAGE:
        raise Illisible(PAS_UN_GEOPACKAGE)
    yield entier, couche


def _verifier_shapefile(chemin: Path) -> None:
    entete = _debut(chemin, _ENTETE_SHP)
    if len(entete) < _ENTETE_SHP or not entete.startswith(_SHAPEFILE):
        raise Illisible(PAS_UN_SHAPEFILE)
    annonces = 2 * int.from_bytes(entete[24:28], "big")  # in words of 16 bits
    if annonces > chemin.stat().st_size:
        raise Illisible("est coupé avant sa fin ; recopiez le .shp en entier, ou exportez-le à nouveau")


def _debut(chemin: Path, octets: int) -> bytes:
    try:
        with chemin.open("rb") as fichier:
            return fichier.read(octets)
    except OSError as erreur:
        raise Illisible(f"ne se laisse pas lire ({erreur.strerror}) ; vérifiez les droits du fichier") from None


def _dezipper(chemin: Path, couche: str | None, dossier: Path) -> Path:
    """Its only shapefile, or that one, written in the folder under a name of ours."""
    try:
        with ZipFile(chemin) as archive:
            morceaux = _choisir(_shapefiles(archive), couche)
            if sum(morceau.file_size for morceau in morceaux.values()) > DEZIPPE_MAX:
                raise Illisible("pèse plus d'un gigaoctet une fois dézippé ; n'exportez que la couche de la commune")
            for suffixe, morceau in morceaux.items():
                with archive.open(morceau) as lu, (dossier / f"couche{suffixe}").open("wb") as ecrit:
                    shutil.copyfileobj(lu, ecrit)
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError):  # the last: a password, a rare compression
        raise Illisible(PAS_UN_ZIP) from None
    return dossier / "couche.shp"


def _shapefiles(archive: ZipFile) -> Mapping[str, Mapping[str, ZipInfo]]:
    """By name, then by suffix. A Mac lays beside each file a « ._ » of its own."""
    trouves: dict[str, dict[str, ZipInfo]] = {}
    for morceau in archive.infolist():
        nom = PurePosixPath(morceau.filename)
        if nom.suffix.lower() in _COMPAGNONS and not nom.name.startswith("._"):
            trouves.setdefault(str(nom.with_suffix("")), {})[nom.suffix.lower()] = morceau
    return {nom: morceaux for nom, morceaux in trouves.items() if ".shp" in morceaux}


def _choisir(shapefiles: Mapping[str, Mapping[str, ZipInfo]], couche: str | None) -> Mapping[str, ZipInfo]:
    if not shapefiles:
        raise Illisible(PAS_UN_ZIP)
    noms = ", ".join(shapefiles)
    if couche is None and len(shapefiles) > 1:
        raise Illisible(f"contient plusieurs couches ; choisissez par --couche : {noms}")
    if couche is not None and couche not in shapefiles:
        raise Illisible(f"n'a pas de couche « {couche} » ; au choix : {noms}")
    return shapefiles[couche or next(iter(shapefiles))]
