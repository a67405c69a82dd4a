"""When somebody is open: public holidays of every French territory, own closures, and both nights of clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from relais.rules.calendrier import FERIES, Calendrier, Plage, epoch_minute

PARIS = "Europe/Paris"
MATIN, APRES_MIDI = Plage(540, 720), Plage(840, 1020)
BUREAU = ((MATIN, APRES_MIDI),) * 5 + ((), ())
TOUS_LES_JOURS = ((MATIN,),) * 7
PRINTEMPS, AUTOMNE = date(2026, 3, 29), date(2026, 10, 25)

NATIONAUX_2026 = {
    date(2026, mois, jour)
    for mois, jour in ((1, 1), (4, 6), (5, 1), (5, 8), (5, 14), (5, 25), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
}
PROPRES_2026 = {  # what each territory adds to the eleven national days: (month, day)
    "metropole": set(),
    "alsace-moselle": {(4, 3), (12, 26)},
    "guadeloupe": {(3, 12), (4, 3), (5, 27), (7, 21)},
    "martinique": {(5, 22), (7, 21)},
    "guyane": {(6, 10)},
    "reunion": {(12, 20)},
    "mayotte": {(4, 27)},
    "saint-barthelemy": {(10, 9)},
    "saint-martin": {(5, 28), (7, 21)},
    "saint-pierre-et-miquelon": set(),
    "nouvelle-caledonie": {(9, 24)},
    "polynesie-francaise": {(3, 5), (4, 3), (11, 20)},
    "wallis-et-futuna": {(4, 28), (6, 29), (7, 29)},
}


def fermes(calendrier: Calendrier, annee: int) -> set[date]:
    jours = (date(annee, 1, 1) + timedelta(days=n) for n in range((date(annee + 1, 1, 1) - date(annee, 1, 1)).days))
    return {jour for jour in jours if not calendrier.ouvert_le(jour)}


def heures(calendrier: Calendrier, jour: date) -> float:
    return sum((fin - debut).total_seconds() for debut, fin in calendrier.plages(jour)) / 3600


@pytest.mark.parametrize("code", [code for code in FERIES if code != "aucun"])
def test_every_territory_keeps_the_national_days_and_its_own(code):
    calendrier = Calendrier(PARIS, TOUS_LES_JOURS, code)
    assert fermes(calendrier, 2026) == NATIONAUX_2026 | {date(2026, *jour) for jour in PROPRES_2026[code]}


def test_aucun_works_every_public_holiday():
    assert fermes(Calendrier(PARIS, TOUS_LES_JOURS, "aucun"), 2026) == set()


def test_moving_feasts_move_with_the_year():
    calendrier = Calendrier(PARIS, TOUS_LES_JOURS, "alsace-moselle")
    assert {date(2027, 3, 26), date(2027, 3, 29), date(2027, 5, 6), date(2027, 5, 17)} <= fermes(calendrier, 2027)


def test_a_town_adds_its_own_closures():
    pont = date(2026, 5, 15)
    assert Calendrier(PARIS, BUREAU).ouvert_le(pont)
    assert not Calendrier(PARIS, BUREAU, fermetures=frozenset({pont})).ouvert_le(pont)


def test_a_day_gives_its_open_ranges_in_utc_and_its_closing_time_in_the_zone():
    calendrier = Calendrier(PARIS, BUREAU)
    assert calendrier.plages(date(2026, 4, 9)) == (
        (datetime(2026, 4, 9, 7, tzinfo=UTC), datetime(2026, 4, 9, 10, tzinfo=UTC)),
        (datetime(2026, 4, 9, 12, tzinfo=UTC), datetime(2026, 4, 9, 15, tzinfo=UTC)),
    )
    fermeture = calendrier.fermeture(date(2026, 4, 9))
    assert fermeture is not None
    assert fermeture.isoformat() == "2026-04-09T17:00:00+02:00"
    assert calendrier.plages(date(2026, 4, 11)) == ()
    assert calendrier.fermeture(date(2026, 4, 11)) is None


@pytest.mark.parametrize(
    ("local", "ouvert"),
    [("08:59", False), ("09:00", True), ("11:59", True), ("12:00", False), ("14:00", True), ("17:00", False)],
)
def test_the_opening_minute_is_open_and_the_closing_one_is_not(local, ouvert):
    instant = datetime.fromisoformat(f"2026-04-09T{local}:00+02:00")
    assert Calendrier(PARIS, BUREAU).est_ouvert(instant) is ouvert
    assert Calendrier(PARIS, BUREAU).est_ouvert(instant.astimezone(ZoneInfo("Pacific/Noumea"))) is ouvert


def test_the_day_is_the_one_of_the_calendar_not_of_the_instant():
    instant = datetime(2026, 12, 20, 21, tzinfo=UTC)
    assert Calendrier("Indian/Reunion", BUREAU).jour(instant) == date(2026, 12, 21)
    assert Calendrier("America/Miquelon", BUREAU).jour(instant) == date(2026, 12, 20)


def test_on_call_has_23_hours_in_spring_and_25_in_autumn():
    astreinte = Calendrier.toujours(PARIS)
    assert heures(astreinte, PRINTEMPS) == 23
    assert heures(astreinte, AUTOMNE) == 25
    assert heures(astreinte, date(2026, 1, 1)) == 24
    assert all(astreinte.est_ouvert(datetime(2026, 10, 25, tzinfo=UTC) + timedelta(minutes=n)) for n in range(180))


def test_saint_pierre_et_miquelon_changes_its_clocks_on_other_nights():
    astreinte = Calendrier.toujours("America/Miquelon")
    assert heures(astreinte, date(2026, 3, 8)) == 23
    assert heures(astreinte, date(2026, 11, 1)) == 25


def test_minutes_of_the_hour_that_does_not_exist_are_not_open():
    nuit = Calendrier(PARIS, ((Plage(90, 150),),) * 7, "aucun")  # 1:30 to 2:30; at 2:00 it is 3:00
    assert nuit.plages(PRINTEMPS) == ((datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),)
    absente = Calendrier(PARIS, ((Plage(120, 180),),) * 7, "aucun")
    assert not absente.ouvert_le(PRINTEMPS)
    assert absente.fermeture(PRINTEMPS) is None


def test_a_range_that_ends_inside_the_doubled_hour_opens_twice():
    nuit = Calendrier(PARIS, ((Plage(90, 150),),) * 7, "aucun")  # 1:30 to 2:30; at 3:00 it is 2:00
    assert nuit.plages(AUTOMNE) == (
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    )


def test_an_open_year_counts_what_its_days_count():
    calendrier = Calendrier(PARIS, BUREAU)
    annee = calendrier.annee(2026)
    assert len(annee.jours) == 365 - len(fermes(calendrier, 2026)) == 252
    assert annee.total == 252 * 360
    assert annee.fin_de(annee.total) == epoch_minute(datetime(2026, 12, 31, 16, tzinfo=UTC))


def test_a_range_of_the_first_day_does_not_hide_a_closed_second_one():
    seul_jeudi = Calendrier(PARIS, ((), (), (), (MATIN,), (), (), ()), "aucun")
    assert seul_jeudi.annee(2026).jours[:2] == (date(2026, 1, 1), date(2026, 1, 8))


def test_equal_calendars_are_one_key():
    assert len({Calendrier(PARIS, BUREAU), Calendrier(PARIS, tuple(BUREAU)), Calendrier.toujours(PARIS)}) == 2


@pytest.mark.parametrize("fuseau", ["Europe/Vaucelles", "Europe", "", "../etc/passwd"])
def test_an_unknown_zone_is_refused(fuseau):
    with pytest.raises(ValueError, match="fuseau horaire inconnu"):
        Calendrier(fuseau, BUREAU)


def test_unknown_public_holidays_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"« corse » ; connus : metropole, alsace-moselle"):
        Calendrier(PARIS, BUREAU, "corse")


@pytest.mark.parametrize(
    "plages",
    [
        (Plage(720, 540),),
        (Plage(540, 540),),
        (Plage(-10, 540),),
        (Plage(540, 1441),),
        (APRES_MIDI, MATIN),
        (Plage(540, 720), Plage(700, 800)),
    ],
)
def test_ranges_that_make_no_sense_are_refused(plages):
    with pytest.raises(ValueError, match="se suivent sans se chevaucher"):
        Calendrier(PARIS, (plages, *BUREAU[1:]))


def test_a_week_has_seven_days():
    with pytest.raises(ValueError, match="sept jours"):
        Calendrier(PARIS, BUREAU[:5])


def test_a_calendar_that_never_opens_is_refused():
    with pytest.raises(ValueError, match="sans aucune minute ouverte"):
        Calendrier(PARIS, ((),) * 7)


def test_an_instant_without_offset_is_refused():
    naif = datetime(2026, 4, 9, 10)  # noqa: DTZ001 : the very thing refused
    with pytest.raises(ValueError, match="carries its offset"):
        Calendrier(PARIS, BUREAU).est_ouvert(naif)
    with pytest.raises(ValueError, match="carries its offset"):
        Calendrier(PARIS, BUREAU).jour(naif)
