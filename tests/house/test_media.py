"""What is promised of a photo: seen upright, seen whole, and saying nothing but what it shows."""

import json
import math
import random
import statistics
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import blurhash
import pytest
from conftest import ROOT, SHARED
from PIL import Image, ImageCms, ImageDraw, ImageFile, ImageStat
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from relais.media import (
    AVEC_HEIC,
    ENCRE,
    FORMATS,
    PhotoRefusee,
    Variantes,
    masquer,
    preparer,
    refus_de_format,
    type_reel,
)

PHOTOS = SHARED / "photos"
heic_extra = pytest.mark.skipif(not AVEC_HEIC, reason="the extra «heic» is not installed")
phone_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the real phone photos are not beside the checkout")

# As in production, where the module asks for it at import; pytest starts every test from its own filters.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

SECRET = b"48.10562 N, Camille Exemple"
# JFIF header, quantisation and Huffman tables, frame, scan: what a picture needs. Anything else could say something.
PLAIN_SEGMENTS = {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}


def prepare(octets: bytes, folder: Path) -> Variantes:
    path = folder / "recue.jpg"
    path.write_bytes(octets)
    return preparer(path)


def refuse(octets: bytes, folder: Path) -> PhotoRefusee:
    with pytest.raises(PhotoRefusee) as caught:
        prepare(octets, folder)
    return caught.value


def outcome(octets: bytes, folder: Path) -> Variantes | PhotoRefusee:
    try:
        return prepare(octets, folder)
    except PhotoRefusee as refusal:
        return refusal


def encode(image: Image.Image, name: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def opened(octets: bytes) -> Image.Image:
    image = Image.open(BytesIO(octets), formats=["JPEG", "WEBP"])
    image.load()
    return image


def pixel(octets: bytes, place: tuple[int, int]) -> tuple[int, ...]:
    value = opened(octets).getpixel(place)
    assert isinstance(value, tuple)
    return tuple(int(part) for part in value)


def near(seen: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 6) -> bool:
    return all(abs(one - other) <= tolerance for one, other in zip(seen, wanted, strict=True))


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Every marker segment up to the scan, which must run to the last two bytes."""
    assert jpeg[:2] == b"\xff\xd8"
    place = 2
    while True:
        assert jpeg[place] == 0xFF
        marker, length = jpeg[place + 1], int.from_bytes(jpeg[place + 2 : place + 4])
        yield marker, jpeg[place + 4 : place + 2 + length]
        place += 2 + length
        if marker == 0xDA:
            break
    scan = jpeg[place:]
    assert [scan[at + 1] for at in range(len(scan) - 1) if scan[at] == 0xFF and scan[at + 1] != 0] == [0xD9]
    assert scan[-2:] == b"\xff\xd9"


def chunks(webp: bytes) -> Iterator[bytes]:
    """The name of every chunk of a WebP, which must end with the last."""
    assert webp[:4] + webp[8:12] == b"RIFFWEBP"
    assert int.from_bytes(webp[4:8], "little") == len(webp) - 8
    place = 12
    while place < len(webp):
        yield webp[place : place + 4]
        length = int.from_bytes(webp[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    assert place == len(webp)


def assert_clean(variantes: Variantes) -> None:
    seen = list(segments(variantes.image))
    assert {marker for marker, _ in seen} == PLAIN_SEGMENTS
    assert all(body.startswith(b"JFIF\0") and len(body) == 14 for marker, body in seen if marker == 0xE0)
    assert list(chunks(variantes.vignette)) == [b"VP8 "]
    for octets, side in ((variantes.image, 1600), (variantes.vignette, 400)):
        assert SECRET not in octets
        image = opened(octets)
        assert image.mode == "RGB"
        assert max(image.size) <= side
    assert opened(variantes.image).size == (variantes.largeur, variantes.hauteur)


def scene(size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture that no turn or mirror maps onto itself."""
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0] // 3, size[1] // 4), fill=(200, 30, 30))
    draw.rectangle((size[0] // 2, size[1] // 2, size[0] - 1, size[1] * 3 // 4), fill=(30, 60, 200))
    return image


def likeness(one: Image.Image, other: Image.Image) -> float:
    greys = [image.convert("L").resize((48, 48)).tobytes() for image in (one, other)]
    return statistics.correlation(*greys)


def talkative_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 6.0, 20.0), 3: "E", 4: (0.0, 24.0, 44.0)})
    return exif


def png(size: tuple[int, int], data: bytes, depth: int = 1) -> bytes:
    """A grey PNG by hand: Pillow will not write what it would not read."""
    header = struct.pack(">IIBBBBB", *size, depth, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def with_frame_size(jpeg: bytes, size: tuple[int, int]) -> bytes:
    """The same JPEG claiming another size."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", size[1], size[0]) + jpeg[place + 4 :]


def with_canvas(webp: bytes, size: tuple[int, int]) -> bytes:
    """The same animated WebP claiming another size."""
    place = webp.index(b"VP8X") + 12
    claimed = b"".join(struct.pack("<I", side - 1)[:3] for side in size)
    return webp[:place] + claimed + webp[place + 6 :]


def first_picture(octets: bytes) -> int:
    """Where the first picture of a JPEG ends, whatever a phone wrote behind; the whole of any other file."""
    if not octets.startswith(b"\xff\xd8"):
        return len(octets)
    place = 2
    while (marker := octets[place + 1]) != 0xDA:
        assert octets[place] == 0xFF, marker
        place += 2 + int.from_bytes(octets[place + 2 : place + 4])
    return octets.index(b"\xff\xd9", place) + 2


def without_heic(path: Path) -> dict[str, Any]:
    """What a Relais installed without the extra says of a photo."""
    script = (
        "import json, sys; sys.modules['pillow_heif'] = None\n"
        "from pathlib import Path; from relais import media\n"
        "try: media.preparer(Path(sys.argv[1]))\n"
        "except media.PhotoRefusee as no:\n"
        "    print(json.dumps({'motif': no.motif, 'detail': no.detail, 'formats': sorted(media.FORMATS)}))"
    )
    told = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script, path], cwd=ROOT, check=True, capture_output=True, timeout=60
    )
    return dict(json.loads(told.stdout))


def gps(lat: object, lon: object, references: str = "NE", also: Mapping[int, object] = {}) -> Image.Exif:
    exif = Image.Exif()
    said = {1: references[0], 2: lat, 3: references[1], 4: lon, **also}
    exif.get_ifd(0x8825).update({tag: value for tag, value in said.items() if value is not None})
    return exif


# Real phones.


@phone_photos
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("HMD_Nokia_8.3_5G.jpg", (1600, 686)),
        ("iphone_hdr_YES.jpg", (1600, 1200)),
        ("jolla.jpg", (1600, 1200)),
        ("DSCN0010.jpg", (640, 480)),
        ("landscape_1.jpg", (600, 450)),
        ("landscape_5.jpg", (600, 450)),
        ("landscape_6.jpg", (600, 450)),
        ("landscape_8.jpg", (600, 450)),
    ],
)
def test_a_phone_photo_comes_out_clean_and_never_enlarged(name: str, size: tuple[int, int]) -> None:
    variantes = preparer(PHOTOS / name)
    assert_clean(variantes)
    assert (variantes.largeur, variantes.hauteur) == size
    assert max(opened(variantes.vignette).size) == 400
    with Image.open(PHOTOS / name) as original:
        original.draft("L", (400, 400))
        upright = {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}
        turn = upright.get(original.getexif().get(0x0112, 1))
        expected = original.transpose(turn) if turn is not None else original
        assert likeness(opened(variantes.image), expected) >= 0.98


@phone_photos
@pytest.mark.parametrize("orientation", [5, 6, 8])
def test_a_photo_taken_sideways_is_seen_upright(orientation: int) -> None:
    reference = preparer(PHOTOS / "landscape_1.jpg")
    turned = preparer(PHOTOS / f"landscape_{orientation}.jpg")
    for one, other in ((reference.image, turned.image), (reference.vignette, turned.vignette)):
        assert opened(one).size == opened(other).size
        assert likeness(opened(one), opened(other)) >= 0.95


@phone_photos
@heic_extra
def test_an_iphone_heic_is_printed_with_the_extra() -> None:
    octets = (PHOTOS / "IMG_5195.HEIC").read_bytes()
    assert type_reel(octets[:12]) in FORMATS
    variantes = preparer(PHOTOS / "IMG_5195.HEIC")
    assert_clean(variantes)
    assert max(variantes.largeur, variantes.hauteur) == 1600


@phone_photos
def test_an_iphone_heic_is_refused_by_its_name_without_the_extra() -> None:
    told = without_heic(PHOTOS / "IMG_5195.HEIC")
    assert told["motif"] == "format"
    assert "HEIC" in told["detail"]
    assert "Le plus compatible" in told["detail"]
    assert told["formats"] == ["image/jpeg", "image/png", "image/webp"]


@phone_photos
def test_a_damaged_photo_that_decodes_to_its_end_is_served_clean() -> None:
    """Its scan is shifted and ends in grey: the decoder goes on, and a person can still tell what is shown."""
    variantes = preparer(PHOTOS / "corrupted.jpg")
    assert_clean(variantes)
    assert (variantes.largeur, variantes.hauteur) == (1600, 1200)


@phone_photos
@pytest.mark.parametrize(
    "name",
    [
        "DSCN0010.jpg",
        "HMD_Nokia_8.3_5G.jpg",
        pytest.param("IMG_5195.HEIC", marks=heic_extra),
        "iphone_hdr_YES.jpg",
        "jolla.jpg",
        "landscape_1.jpg",
        "landscape_6.jpg",
    ],
)
def test_a_real_photo_cut_anywhere_is_refused(name: str, tmp_path: Path) -> None:
    whole = (PHOTOS / name).read_bytes()
    end = first_picture(whole)
    for cut in (20, end // 10, end // 3, end // 2, end * 9 // 10, end * 99 // 100, end - 1000):
        assert refuse(whole[:cut], tmp_path).motif in {"format", "illisible"}, cut


@phone_photos
@pytest.mark.parametrize(
    ("name", "lon", "lat"),
    [
        ("DSCN0010.jpg", 11.8851, 43.4674),
        ("HMD_Nokia_8.3_5G.jpg", 24.9068, 60.1467),
        ("jolla.jpg", None, None),
    ],
)
def test_the_place_of_a_real_photo_is_read_and_never_printed(name: str, lon: float | None, lat: float | None) -> None:
    variantes = preparer(PHOTOS / name)
    assert variantes.position == (None if lon is None else pytest.approx({"lon": lon, "lat": lat}, abs=1e-3))
    assert_clean(variantes)


# What a photo must not say.


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(orientation: int, tmp_path: Path) -> None:
    lay_down = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene().transpose(lay_down[orientation]) if orientation > 1 else scene()
    variantes = prepare(encode(stored, "JPEG", exif=talkative_exif(orientation)), tmp_path)
    assert (variantes.largeur, variantes.hauteur) == (320, 240)
    assert likeness(opened(variantes.image), scene()) >= 0.99
    assert_clean(variantes)


def test_position_names_and_comments_are_gone_whatever_carries_them(tmp_path: Path) -> None:
    text = PngInfo()
    text.add_text("Comment", SECRET.decode())
    text.add_itxt("XML:com.adobe.xmp", f"<x>{SECRET.decode()}</x>")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x>" + SECRET + b"</x>"
    carriers = [
        encode(scene(), "JPEG", exif=talkative_exif(), comment=SECRET, icc_profile=profile, xmp=xmp),
        encode(scene(), "PNG", exif=talkative_exif(), pnginfo=text, icc_profile=profile),
        encode(scene(), "WEBP", exif=talkative_exif(), icc_profile=profile, xmp=xmp),
        encode(scene(), "JPEG") + b"PK\x03\x04<script>" + SECRET,
    ]
    for octets in carriers:
        assert SECRET in octets
        assert_clean(prepare(octets, tmp_path))


def test_broken_exif_beside_good_pixels_does_not_lose_the_photo(tmp_path: Path) -> None:
    lost_index, no_tiff = b"MM\0*\xff\xff\xff\xff" + SECRET, SECRET
    word_for_a_number = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHI4sI", 0x0112, 2, 4, b"top\0", 0)
    for exif in (lost_index, no_tiff, word_for_a_number):
        variantes = prepare(encode(scene(), "JPEG", exif=b"Exif\0\0" + exif), tmp_path)
        assert_clean(variantes)
        assert likeness(opened(variantes.image), scene()) >= 0.99


def test_a_phone_multi_picture_gives_its_first_picture(tmp_path: Path) -> None:
    octets = encode(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (320, 240), "black")])
    with Image.open(BytesIO(octets)) as image:
        assert image.format == "MPO"
    variantes = prepare(octets, tmp_path)
    assert_clean(variantes)
    assert likeness(opened(variantes.image), scene()) >= 0.99


def test_a_multi_picture_with_a_broken_index_gives_its_first_picture(tmp_path: Path) -> None:
    octets = encode(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (320, 240), "black")])
    index = octets.index(b"MPF\0") + 4
    for damage in (b"XXXX", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\0\0"):
        variantes = prepare(octets[:index] + damage + octets[index + len(damage) :], tmp_path)
        assert_clean(variantes)
        assert likeness(opened(variantes.image), scene()) >= 0.99


# Where it was taken, and what an app shows while the picture comes.


def test_the_place_is_read_from_every_format_that_carries_it(tmp_path: Path) -> None:
    for name in ("JPEG", "PNG", "WEBP"):
        variantes = prepare(encode(scene(), name, exif=talkative_exif()), tmp_path)
        assert variantes.position == {"lon": 0.412222, "lat": 48.105556}
        assert_clean(variantes)


def test_a_place_south_and_west_is_signed(tmp_path: Path) -> None:
    exif = gps((20.0, 52.0, 48.0), (149.0, 30.0, 0.0), "SW")
    assert prepare(encode(scene(), "JPEG", exif=exif), tmp_path).position == {"lon": -149.5, "lat": -20.88}


@pytest.mark.parametrize(
    "exif",
    [
        gps((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        gps((91.0, 0.0, 0.0), (0.0, 24.0, 0.0)),
        gps((48.0, 6.0, 0.0), (181.0, 0.0, 0.0)),
        gps((48.0, 6.0, 0.0), None),
        gps((48.0, 6.0, 0.0), (0.0, 24.0, 0.0), "N?"),
        gps((48.0,), (0.0,)),
        gps((48.0, 6.0, IFDRational(0, 0)), (0.0, 24.0, 44.0)),
        gps((48.0, 6.0, 20.0), (0.0, 24.0, 44.0), also={9: "V"}),
    ],
    ids=["zero", "north of the pole", "beyond 180", "half", "no hemisphere", "short", "0/0", "no fix"],
)
def test_a_place_that_means_nothing_is_none(exif: Image.Exif, tmp_path: Path) -> None:
    variantes = prepare(encode(scene(), "JPEG", exif=exif), tmp_path)
    assert variantes.position is None
    assert likeness(opened(variantes.image), scene()) >= 0.99


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (3200, 20), (1, 1)], ids=str)
def test_the_blurhash_looks_like_the_photo(size: tuple[int, int], tmp_path: Path) -> None:
    picture = scene(size) if min(size) > 1 else Image.new("RGB", size, "teal")
    seen = prepare(encode(picture, "PNG"), tmp_path).blurhash
    wide, high = blurhash.components(seen)
    assert (wide >= high) is (size[0] >= size[1])
    drawn = Image.new("RGB", (48, 48))
    drawn.putdata([tuple(one) for line in blurhash.decode(seen, 48, 48) for one in line])
    means = [sum(ImageStat.Stat(image.convert("RGB")).mean) / 3 for image in (drawn, picture)]
    assert means[0] == pytest.approx(means[1], abs=25)
    if size[0] in {240, 320}:
        assert likeness(drawn, picture) >= 0.75


# Painting over what must not be seen.


def a_print(folder: Path, size: tuple[int, int] = (800, 600)) -> Path:
    """A print of ours, on disk."""
    path = folder / "tirage.jpg"
    path.write_bytes(prepare(encode(Image.effect_noise(size, 90).convert("RGB"), "PNG"), folder).image)
    return path


@pytest.mark.parametrize(
    "rectangle",
    [
        {"x": 0.25, "y": 0.5, "largeur": 0.25, "hauteur": 0.25},
        {"x": 0.0, "y": 0.0, "largeur": 1.0, "hauteur": 1.0},
        {"x": 0.9, "y": 0.9, "largeur": 0.1, "hauteur": 0.1},
        {"x": 0.3337, "y": 0.1234, "largeur": 0.0001, "hauteur": 0.0001},
    ],
    ids=["inside", "all of it", "corner", "less than a pixel"],
)
def test_what_is_painted_over_is_gone_to_its_edges_in_every_variant(
    rectangle: dict[str, float], tmp_path: Path
) -> None:
    path = a_print(tmp_path)
    painted = masquer(path, [rectangle])
    assert_clean(painted)
    assert (painted.largeur, painted.hauteur) == (800, 600)
    assert painted.position is None
    for octets in (painted.image, painted.vignette):
        image = opened(octets)
        inside = (
            math.floor(rectangle["x"] * image.width),
            math.floor(rectangle["y"] * image.height),
            math.ceil((rectangle["x"] + rectangle["largeur"]) * image.width),
            math.ceil((rectangle["y"] + rectangle["hauteur"]) * image.height),
        )
        if inside[2] - inside[0] > 8:
            # Encoded after painting: what is left of the paint's edge is the encoder's, and bounded by its blocks.
            core = image.crop((inside[0] + 8, inside[1] + 8, inside[2] - 8, inside[3] - 8))
            assert all(low >= ENCRE[0] and high <= ENCRE[0] + 12 for low, high in core.getextrema())
        elif octets is painted.image:
            assert near(pixel(octets, inside[:2]), ENCRE, 40)
    assert painted.blurhash != prepare(path.read_bytes(), tmp_path).blurhash or rectangle["largeur"] < 0.01


def test_two_photos_that_differ_under_the_paint_alone_are_the_same_once_painted(tmp_path: Path) -> None:
    """Nothing of what was there reaches the painted print, its thumbnail or its blurhash."""
    secret, other = (Image.new("RGB", (800, 600), "tan") for _ in range(2))
    secret.paste(scene((160, 160)), (320, 240))
    rectangle = {"x": 0.38, "y": 0.38, "largeur": 0.24, "hauteur": 0.3}
    prints = []
    for image in (secret, other):
        path = tmp_path / "tirage.jpg"
        path.write_bytes(prepare(encode(image, "PNG"), tmp_path).image)
        prints.append(masquer(path, [rectangle]))
    assert prints[0] == prints[1]


def test_painting_twice_keeps_the_first_paint(tmp_path: Path) -> None:
    path = a_print(tmp_path)
    path.write_bytes(masquer(path, [{"x": 0.1, "y": 0.1, "largeur": 0.2, "hauteur": 0.2}]).image)
    again = masquer(path, [{"x": 0.6, "y": 0.6, "largeur": 0.2, "hauteur": 0.2}])
    for place in ((160, 120), (560, 420)):
        assert near(pixel(again.image, place), ENCRE)


def test_a_print_that_the_disk_damaged_is_refused(tmp_path: Path) -> None:
    path = a_print(tmp_path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(PhotoRefusee, match="abîmée"):
        masquer(path, [])


# Every kind of picture that the formats allow.


def test_a_single_pixel_stays_a_single_pixel(tmp_path: Path) -> None:
    for name in ("JPEG", "PNG", "WEBP"):
        variantes = prepare(encode(Image.new("RGB", (1, 1), "white"), name), tmp_path)
        assert_clean(variantes)
        assert (variantes.largeur, variantes.hauteur) == (1, 1)
        assert opened(variantes.vignette).size == (1, 1)


def test_a_thread_of_pixels_keeps_one_pixel_of_width(tmp_path: Path) -> None:
    variantes = prepare(encode(Image.new("L", (2, 9000), 128), "PNG"), tmp_path)
    assert (variantes.largeur, variantes.hauteur) == (1, 1600)
    assert_clean(variantes)


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (1601, 1200), (5000, 600)])
def test_a_large_photo_is_shrunk_in_its_proportions(size: tuple[int, int], tmp_path: Path) -> None:
    for name in ("JPEG", "WEBP") if size == (1601, 1200) else ("JPEG",):
        variantes = prepare(encode(scene(size), name), tmp_path)
        assert max(variantes.largeur, variantes.hauteur) == 1600
        assert variantes.largeur / variantes.hauteur == pytest.approx(size[0] / size[1], rel=0.005)
        assert likeness(opened(variantes.image), scene(size)) >= 0.99
        assert_clean(variantes)


def test_colours_survive_from_every_mode(tmp_path: Path) -> None:
    for mode, name in (("RGB", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP")):
        variantes = prepare(encode(Image.new("RGB", (16, 16), (200, 30, 30)).convert(mode), name), tmp_path)
        assert near(pixel(variantes.image, (8, 8)), (200, 30, 30)), (mode, name)
        assert_clean(variantes)


def test_greys_survive_from_one_bit_to_sixteen(tmp_path: Path) -> None:
    sixteen = Image.frombytes("I;16", (16, 16), struct.pack("<H", 100 * 257) * 256)
    for image, grey in (
        (Image.new("1", (16, 16), 1), 255),
        (Image.new("L", (16, 16), 100), 100),
        (Image.new("LA", (16, 16), (100, 255)), 100),
        (sixteen, 100),
    ):
        variantes = prepare(encode(image, "PNG"), tmp_path)
        assert near(pixel(variantes.image, (8, 8)), (grey, grey, grey), 2), image.mode
        assert_clean(variantes)


def test_transparency_becomes_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (32, 16), (0, 0, 0, 0))
    clear.paste((200, 30, 30, 255), (0, 0, 16, 16))
    palette = Image.new("P", (32, 16), 1)
    palette.putpalette([200, 30, 30, 0, 0, 0])
    palette.paste(0, (0, 0, 16, 16))
    for octets in (
        encode(clear, "PNG"),
        encode(clear, "WEBP", lossless=True),
        encode(palette, "PNG", transparency=1),
        encode(clear.convert("LA"), "PNG"),
    ):
        variantes = prepare(octets, tmp_path)
        assert near(pixel(variantes.image, (28, 8)), (255, 255, 255))
        assert not near(pixel(variantes.image, (4, 8)), (255, 255, 255))
        assert_clean(variantes)


@pytest.mark.parametrize("name", ["PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(name: str, tmp_path: Path) -> None:
    later = [Image.new("RGB", (320, 240), colour) for colour in ("black", "white")]
    octets = encode(scene(), name, save_all=True, append_images=later)
    with Image.open(BytesIO(octets)) as image:
        assert getattr(image, "n_frames", 1) == 3
    variantes = prepare(octets, tmp_path)
    assert likeness(opened(variantes.image), scene()) >= 0.99
    assert_clean(variantes)


def test_a_colour_profile_is_applied_before_it_is_dropped(tmp_path: Path) -> None:
    swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The red and blue primaries exchanged: a profile that visibly does something.
    red, blue = swapped.index(b"rXYZ"), swapped.index(b"bXYZ")
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    image = Image.new("RGB", (16, 16), (200, 30, 30))
    for profile, seen in ((bytes(swapped), (30, 30, 200)), (lab, (200, 30, 30)), (b"not a profile", (200, 30, 30))):
        variantes = prepare(encode(image, "JPEG", icc_profile=profile), tmp_path)
        assert near(pixel(variantes.image, (8, 8)), seen), profile[:16]
        assert_clean(variantes)


# Refusals.


def test_an_empty_file_is_refused_as_empty(tmp_path: Path) -> None:
    assert refuse(b"", tmp_path).motif == "vide"


@pytest.mark.parametrize(
    "octets", [b"Bonjour, ceci est un texte.", b"GIF89a" + bytes(50), b"%PDF-1.7", b"BM" + bytes(60), b"\xff", b"RIFF"]
)
def test_another_kind_of_file_is_refused_whatever_its_name(octets: bytes, tmp_path: Path) -> None:
    refusal = refuse(octets, tmp_path)
    assert refusal.motif == "format"
    assert "Le plus compatible" not in refusal.detail
    assert "JPEG" in refusal.detail


def test_the_type_is_told_from_twelve_bytes() -> None:
    seen = {type_reel(encode(scene(), name)[:12]) for name in ("JPEG", "PNG", "WEBP", "MPO")}
    assert seen == FORMATS - {"image/heic", "image/heif"}
    assert type_reel(b"") is None
    assert type_reel(encode(scene(), "GIF")) is None
    assert type_reel(b"RIFF\0\0\0\0WAVE") is None


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"hevc"])
def test_every_brand_of_heic_is_named(brand: bytes) -> None:
    debut = b"\0\0\0\x18ftyp" + brand + bytes(12)
    assert (type_reel(debut) in FORMATS) is AVEC_HEIC
    assert "Le plus compatible" in refus_de_format(debut)


@pytest.mark.parametrize(("name", "progressive"), [("JPEG", False), ("JPEG", True), ("PNG", False), ("WEBP", False)])
def test_half_a_photo_is_not_a_photo(name: str, progressive: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    whole = encode(scene((2400, 1800)), name, **({"progressive": True} if progressive else {}))
    prepare(whole, tmp_path)
    for share in (0.1, 0.5, 0.9):
        assert refuse(whole[: int(len(whole) * share)], tmp_path).motif == "illisible"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_a_small_file_of_400_megapixels_is_refused_on_its_header(tmp_path: Path) -> None:
    bomb = png((20_000, 20_000), zlib.compress(bytes(20_000 * 2501), 9))
    assert len(bomb) < 60_000
    assert refuse(bomb, tmp_path).motif == "trop_grande"


def test_the_limit_of_pixels_depends_on_what_decoding_costs(tmp_path: Path) -> None:
    """The pixels are missing everywhere: whoever gets past the header is refused as unreadable instead."""
    plain, progressive, webp = (
        encode(scene(), "JPEG"),
        encode(scene(), "JPEG", progressive=True).replace(b"\xff\xc2", b"\xff\xc0", 1),
        encode(scene(), "WEBP", save_all=True, append_images=[scene().rotate(90)]),
    )
    verdicts = {
        "PNG of 49 MP": refuse(png((7000, 7000), b""), tmp_path).motif,
        "PNG of 64 MP": refuse(png((8000, 8000), b""), tmp_path).motif,
        "PNG of 130 MP": refuse(png((13_000, 10_000), b""), tmp_path).motif,
        "WebP of 31 MP": refuse(with_canvas(webp, (6200, 5000)), tmp_path).motif,
        "WebP of 64 MP": refuse(with_canvas(webp, (8000, 8000)), tmp_path).motif,
        "JPEG of 108 MP": refuse(with_frame_size(plain, (12_000, 9000))[:-200], tmp_path).motif,
        "JPEG of 130 MP": refuse(with_frame_size(plain, (13_000, 10_000)), tmp_path).motif,
        "JPEG of 400 MP": refuse(with_frame_size(plain, (20_000, 20_000)), tmp_path).motif,
        "JPEG of 64 MP, ten scans": refuse(with_frame_size(progressive, (8000, 8000)), tmp_path).motif,
    }
    assert {name for name, motif in verdicts.items() if motif == "illisible"} == {"PNG of 49 MP", "JPEG of 108 MP"}
    assert {name for name, motif in verdicts.items() if motif == "trop_grande"} == verdicts.keys() - {
        "PNG of 49 MP",
        "JPEG of 108 MP",
    }


def test_a_jpeg_that_sweeps_its_picture_without_end_is_refused_undecoded(tmp_path: Path) -> None:
    whole = encode(scene(), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    assert refuse(whole[:last] + whole[last:-2] * 100 + b"\xff\xd9", tmp_path).motif == "illisible"
    prepare(whole[:last] + whole[last:-2] * 20 + b"\xff\xd9", tmp_path)


def test_scans_hidden_in_a_preview_or_behind_the_picture_are_not_counted(tmp_path: Path) -> None:
    preview = b"\xff\xd8" + b"\xff\xda\0\2" * 500
    octets = encode(scene(), "JPEG", comment=preview) + preview
    assert_clean(prepare(octets, tmp_path))


@pytest.mark.parametrize("outer", ["JPEG", "PNG", "WEBP"])
def test_a_file_that_is_also_something_else_gives_the_picture_alone(outer: str, tmp_path: Path) -> None:
    """A web page, an archive or another picture behind a good one: none of it is in what is served."""
    for hidden in (b"<html><script>alert(1)</script>", b"PK\x03\x04" + SECRET, encode(scene((64, 64)), "GIF") + SECRET):
        variantes = prepare(encode(scene(), outer) + hidden, tmp_path)
        assert_clean(variantes)
        assert b"<script>" not in variantes.image + variantes.vignette
        assert likeness(opened(variantes.image), scene()) >= 0.99


def test_a_picture_under_another_name_is_what_its_bytes_are(tmp_path: Path) -> None:
    for name in ("PNG", "WEBP"):  # `prepare` calls every file .jpg
        assert likeness(opened(prepare(encode(scene(), name), tmp_path).image), scene()) >= 0.98
    assert refuse(b"\xff\xd8\xff" + encode(scene(), "PNG"), tmp_path).motif == "illisible"


def test_a_failing_disk_is_not_blamed_on_the_photo(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        preparer(tmp_path / "absente.jpg")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_damaged_bytes_end_in_a_clean_photo_or_a_refusal(name: str, tmp_path: Path) -> None:
    dice = random.Random(2026)  # noqa: S311 - repeatable, not secret
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    whole = encode(scene((96, 64)), name, exif=talkative_exif(6), icc_profile=profile)
    outcomes = []
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 12)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        outcomes.append(outcome(bytes(damaged), tmp_path))
    served = [end for end in outcomes if isinstance(end, Variantes)]
    refused = [end for end in outcomes if isinstance(end, PhotoRefusee)]
    assert served
    assert refused
    for variantes in served:
        assert_clean(variantes)
    assert {refusal.motif for refusal in refused} <= {"format", "illisible", "trop_grande"}
    assert all(refusal.detail.endswith(".") for refusal in refused)
