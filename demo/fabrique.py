#!/usr/bin/env python3
"""Draws the demo's map and photographs: `python demo/fabrique.py` reads `plan.yaml`, writes the same bytes each time.

The map: metres of the plan become WGS 84 degrees with 6 decimals (about 0.1 m); each emprise takes what those before it
left, so that the town is tiled without a plan being drawn to the centimetre.
The photographs: three drawings of 1280 × 960 pixels that a telephone could have taken, with the traces one leaves
(lying on its side, a GPS position, a comment), so that the demo can show them gone.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import yaml
from PIL import ExifTags, Image, ImageDraw, TiffImagePlugin
from shapely import LineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import polygonize, unary_union

Ligne = dict[str, Any]
XY = tuple[float, float]

ICI = Path(__file__).resolve().parent
ORIGINE = np.array([0.41, 48.105])
METRES_PAR_DEGRE = np.array([74_337.0, 111_200.0])
ECLAT_M2 = 40.0
"""A piece smaller than this is a splinter of the cutting, not somebody's ground."""

TAILLE = (960, 1280)
LISSAGE = 2
"""Drawn this many times larger, then reduced: Pillow's lines have stairs."""

ENTREE_B, RUE_DES_CHARMES = (0.41237, 48.10562), (0.41142, 48.10754)


# The map


def _arrondi(points: Sequence[XY]) -> list[XY]:
    """Chaikin's corner cutting, three times: a river does not turn at angles."""
    for _ in range(3):
        coupes = [
            (a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]))
            for a, b in pairwise(points)
            for part in (0.25, 0.75)
        ]
        points = [points[0], *coupes, points[-1]]
    return list(points)


def _axe(ligne: Ligne) -> LineString:
    return LineString(_arrondi(ligne["axe"]) if "courbe" in ligne else ligne["axe"])


def _dessin(ligne: Ligne) -> BaseGeometry:
    if "axe" in ligne:
        return _axe(ligne).buffer(ligne["largeur"] / 2, cap_style="flat", join_style="mitre")
    return Polygon(ligne["contour"])


def _morceaux(forme: BaseGeometry) -> list[Polygon]:
    polygones = [morceau for morceau in shapely.get_parts(forme) if isinstance(morceau, Polygon)]
    return sorted((p for p in polygones if p.area >= ECLAT_M2), key=lambda p: p.area, reverse=True)


def _terrains(lignes: Iterable[Ligne], commune: Polygon) -> dict[str, BaseGeometry]:
    """The ground of each emprise, in metres. A street keeps all its pieces, a plot only the largest one."""
    pris: BaseGeometry = Polygon()
    terrains: dict[str, BaseGeometry] = {}
    for ligne in lignes:
        if "comme" in ligne:
            terrains[ligne["code"]] = terrains[ligne["comme"]]
            continue
        forme = _dessin(ligne).intersection(commune)
        if "dessus" not in ligne:
            forme = forme.difference(pris)
            pris = pris.union(forme)
        morceaux = _morceaux(forme)
        terrains[ligne["code"]] = MultiPolygon(morceaux) if "axe" in ligne and morceaux[1:] else morceaux[0]
    return terrains


def _quartiers(plan: Ligne, commune: Polygon) -> dict[str, BaseGeometry]:
    axes = [_axe(ligne) for ligne in plan["emprises"] if ligne["code"] in plan["coupures"]]
    pieces = list(polygonize(unary_union([commune.exterior, *axes])))
    return {
        quartier["code"]: unary_union([p for p in pieces for point in quartier["points"] if p.contains(Point(point))])
        for quartier in plan["quartiers"]
    }


def _feature(forme: BaseGeometry, proprietes: Ligne) -> Ligne:
    degres = shapely.transform(forme, lambda xy: ORIGINE + xy / METRES_PAR_DEGRE)
    propre = shapely.orient_polygons(shapely.normalize(shapely.set_precision(degres, 1e-6)))
    geometrie = json.loads(shapely.to_geojson(propre), parse_float=lambda texte: round(float(texte), 6))
    return {"type": "Feature", "properties": proprietes, "geometry": geometrie}


def _ecrire(fichier: Path, features: Iterable[Ligne]) -> None:
    """One feature a line: the difference between two drawings can be read."""
    lignes = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
    texte = f'{{"type": "FeatureCollection", "features": [\n{lignes}\n]}}\n'
    fichier.write_text(texte, encoding="utf-8", newline="\n")


def dessiner_la_carte(plan: Ligne, dossier: Path) -> None:
    commune = Polygon(plan["commune"]["contour"])
    traces = {ligne["code"]: Polygon(ligne["contour"]).intersection(commune) for ligne in plan["contours"]}
    formes = {"commune": commune} | _quartiers(plan, commune) | traces
    noms = {"commune": plan["commune"]["nom"]} | {c["code"]: c["nom"] for c in plan["quartiers"] + plan["contours"]}
    (dossier / "contours").mkdir(parents=True, exist_ok=True)
    for code, forme in formes.items():
        _ecrire(dossier / "contours" / f"{code}.geojson", [_feature(forme, {"nom": noms[code]})])
    terrains = _terrains(plan["emprises"], commune)
    colonnes = ("code", "nom", "nature", "gestionnaire", "debut", "fin")
    _ecrire(
        dossier / "emprises.geojson",
        (
            _feature(terrains[ligne["code"]], {colonne: ligne[colonne] for colonne in colonnes if colonne in ligne})
            for ligne in plan["emprises"]
        ),
    )


# The photographs


class Crayon:
    """Draws in the coordinates of the finished picture."""

    def __init__(self, haut: str, bas: str) -> None:
        """A background that goes from the colour `haut` to the colour `bas`."""
        grand = (TAILLE[0] * LISSAGE, TAILLE[1] * LISSAGE)
        degrade = Image.linear_gradient("L").resize(grand)
        self.image = Image.composite(Image.new("RGB", grand, bas), Image.new("RGB", grand, haut), degrade)
        self._trait = ImageDraw.Draw(self.image)

    def aplat(self, couleur: str, *points: XY, bord: str | None = None) -> None:
        self._trait.polygon([(x * LISSAGE, y * LISSAGE) for x, y in points], couleur, bord, 4 * LISSAGE)

    def rond(self, couleur: str, centre: XY, rayon: float) -> None:
        (x, y), r = centre, rayon
        self._trait.ellipse([v * LISSAGE for v in (x - r, y - r, x + r, y + r)], couleur)

    def ligne(self, couleur: str, epaisseur: int, *points: XY) -> None:
        self._trait.line([(x * LISSAGE, y * LISSAGE) for x, y in points], couleur, epaisseur * LISSAGE, "curve")


def _rectangle(x: float, y: float, largeur: float, hauteur: float) -> tuple[XY, ...]:
    return (x, y), (x + largeur, y), (x + largeur, y + hauteur), (x, y + hauteur)


def _entree() -> Crayon:
    """A block of flats' entrance: plaster, a glazed door under its porch, paving."""
    crayon = Crayon("#d9cfbd", "#b9ad98")
    for y in range(70, 860, 132):
        crayon.ligne("#c4b8a3", 2, (0, y), (960, y))
    for x in (60, 720):
        crayon.aplat("#51616d", *_rectangle(x, 130, 180, 230), bord="#f2efe8")
        crayon.ligne("#f2efe8", 6, (x + 90, 130), (x + 90, 360))
        crayon.aplat("#7d8f9b", (x + 12, 142), (x + 70, 142), (x + 12, 230))
    crayon.aplat("#7b7468", (300, 330), (680, 330), (720, 388), (260, 388))
    crayon.aplat("#3f5a4c", *_rectangle(350, 388, 280, 492), bord="#2c4036")
    for x in (374, 502):
        crayon.aplat("#88a0a0", *_rectangle(x, 420, 104, 300), bord="#2c4036")
        crayon.aplat("#a3b8b6", (x + 8, 428), (x + 80, 428), (x + 8, 600))
    crayon.aplat("#e8e2d4", *_rectangle(664, 520, 46, 100), bord="#8a8375")
    for y in range(536, 612, 18):
        crayon.rond("#6d675c", (687, y), 5)
    crayon.aplat("#8d8a84", (0, 880), (960, 880), (960, 1280), (0, 1280))
    for decalage, y in enumerate((880, 930, 1000, 1090, 1200)):
        crayon.ligne("#79766f", 3, (0, y), (960, y))
        for x in range(-200 + 60 * (decalage % 2), 1200, 120 + 26 * decalage):
            crayon.ligne("#79766f", 2, (x, y), (x - (480 - x) * 0.09, y + 60 + 12 * decalage))
    return crayon


def _fauteuil(crayon: Crayon, x: float, y: float, couleurs: tuple[str, str]) -> None:
    fonce, clair = couleurs
    crayon.aplat("#6f6c66", (x - 10, y + 236), (x + 270, y + 236), (x + 310, y + 262), (x - 30, y + 262))
    crayon.aplat(fonce, *_rectangle(x + 24, y, 200, 170))
    crayon.aplat(clair, *_rectangle(x + 40, y + 120, 170, 62))
    crayon.aplat(fonce, *_rectangle(x + 20, y + 176, 210, 64))
    for bras in (x, x + 204):
        crayon.aplat(clair, *_rectangle(bras, y + 84, 46, 160))
        crayon.rond(clair, (bras + 23, y + 86), 23)


def matelas() -> Crayon:
    crayon = _entree()
    crayon.aplat("#6f6c66", (60, 1010), (480, 1010), (540, 1050), (90, 1060))
    crayon.aplat("#c9c2b2", (96, 470), (128, 452), (180, 1010), (146, 1030))
    crayon.aplat("#efe9da", (128, 452), (420, 500), (474, 1040), (180, 1010), bord="#b3ab98")
    for n in range(1, 5):
        crayon.ligne("#d6cfbd", 4, (128 + 10 * n, 452 + 112 * n), (420 + 10 * n, 500 + 108 * n))
        for m in range(1, 4):
            crayon.rond("#c2baa6", (128 + 10 * n + 73 * m, 400 + 112 * n + 11 * m), 6)
    crayon.rond("#dccfae", (330, 840), 54)
    crayon.rond("#d3c298", (344, 852), 30)
    _fauteuil(crayon, 510, 830, ("#7a3b35", "#96504a"))
    _fauteuil(crayon, 640, 950, ("#4b4f63", "#666b82"))
    return crayon


def lampadaire() -> Crayon:
    crayon = Crayon("#3d4a66", "#c08a6a")
    for x, haut, largeur in ((0, 560, 210), (210, 640, 170), (640, 520, 200), (840, 610, 120)):
        crayon.aplat("#2f3442", *_rectangle(x, haut, largeur, 1000 - haut))
        for fenetre in range(haut + 40, 940, 80):
            crayon.aplat("#e6bf72" if (fenetre + x) % 3 == 0 else "#434a5c", *_rectangle(x + 40, fenetre, 34, 40))
            crayon.aplat("#e6bf72" if (fenetre + x) % 5 == 0 else "#434a5c", *_rectangle(x + 100, fenetre, 34, 40))
    crayon.aplat("#4d4b4a", (0, 1000), (960, 980), (960, 1280), (0, 1280))
    crayon.aplat("#6a6662", (0, 1000), (960, 980), (960, 1016), (0, 1050))
    crayon.ligne("#1f2326", 26, (470, 1130), (470, 420))
    crayon.ligne("#1f2326", 18, (470, 430), (476, 330), (540, 270), (640, 262))
    crayon.ligne("#1f2326", 18, (640, 262), (700, 330))
    crayon.aplat("#2a2f33", (668, 318), (736, 292), (792, 412), (716, 440), bord="#15181a")
    crayon.aplat("#8b9094", (716, 440), (792, 412), (776, 446), (752, 432), (740, 462), (730, 444))
    crayon.ligne("#b4542f", 5, (700, 330), (688, 400), (704, 470), (694, 540))
    crayon.ligne("#3a6ea8", 5, (704, 334), (712, 410), (700, 486))
    crayon.aplat("#2a2f33", *_rectangle(440, 1000, 60, 130))
    crayon.aplat("#0f1112", *_rectangle(452, 1020, 36, 84), bord="#55595c")
    for x, y in ((690, 1120), (730, 1150), (764, 1106), (656, 1168), (806, 1142)):
        crayon.aplat("#b9c4c9", (x, y), (x + 26, y + 6), (x + 12, y + 22))
    return crayon


def _sexagesimal(degres: float) -> tuple[TiffImagePlugin.IFDRational, ...]:
    minutes = degres * 60 % 60
    valeurs = ((int(degres), 1), (int(minutes), 1), (round(minutes % 1 * 60 * 100), 100))
    return tuple(TiffImagePlugin.IFDRational(*valeur) for valeur in valeurs)


def _photographier(crayon: Crayon, fichier: Path, *, ou: XY, quand: str, legende: str) -> None:
    """As a telephone held upright writes it: the pixels on their side, the rest in the metadata."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Atelier Relais", "Crayon"
    exif[ExifTags.Base.DateTime] = quand
    exif[ExifTags.IFD.GPSInfo] = {
        ExifTags.GPS.GPSLatitudeRef: "N",
        ExifTags.GPS.GPSLatitude: _sexagesimal(ou[1]),
        ExifTags.GPS.GPSLongitudeRef: "E",
        ExifTags.GPS.GPSLongitude: _sexagesimal(ou[0]),
    }
    couchee = crayon.image.resize(TAILLE, Image.Resampling.LANCZOS).transpose(Image.Transpose.ROTATE_90)
    couchee.save(fichier, "JPEG", quality=74, exif=exif, comment=legende.encode())


PHOTOS: dict[str, tuple[Callable[[], Crayon], XY, str, str]] = {
    "matelas.jpg": (matelas, ENTREE_B, "2026:03:31 18:11:40", "Matelas et deux fauteuils, 12 rue des Érables"),
    "lampadaire.jpg": (lampadaire, RUE_DES_CHARMES, "2026:03:31 19:58:05", "Lampadaire cassé, rue des Charmes"),
    "apres.jpg": (_entree, ENTREE_B, "2026:04:17 15:28:12", "Entrée B après enlèvement, 12 rue des Érables"),
}


def fabriquer(dossier: Path) -> None:
    """Write `contours/`, `emprises.geojson` and `photos/*.jpg` under `dossier`."""
    dessiner_la_carte(yaml.safe_load((ICI / "plan.yaml").read_text(encoding="utf-8")), dossier)
    (dossier / "photos").mkdir(parents=True, exist_ok=True)
    for nom, (dessin, ou, quand, legende) in PHOTOS.items():
        _photographier(dessin(), dossier / "photos" / nom, ou=ou, quand=quand, legende=legende)


if __name__ == "__main__":
    fabriquer(Path(sys.argv[1]) if sys.argv[1:] else ICI)
