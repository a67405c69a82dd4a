"""What a promised delay means, to the minute: thirty dated cases, an oracle that only counts, properties."""

import csv
import random
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relais.rules.calendrier import Calendrier, Plage
from relais.rules.delais import Duree, Unite, a_la_part, echeance, jours_ouvres_apres, plus_tardif

PARIS = "Europe/Paris"
H, HO, JO = Unite
MINUTE = timedelta(minutes=1)


def en_semaine(*plages: Plage) -> tuple[tuple[Plage, ...], ...]:
    return (plages,) * 5 + ((), ())


CALENDRIERS = {
    "mairie": Calendrier(PARIS, en_semaine(Plage(510, 720), Plage(810, 1050))),
    "bailleur": Calendrier(PARIS, en_semaine(Plage(540, 720), Plage(840, 1020))),
    "agence_vendredi_court": Calendrier(
        PARIS, ((Plage(540, 720), Plage(840, 1020)),) * 4 + ((Plage(540, 720),), (), ())
    ),
    "strasbourg": Calendrier(PARIS, en_semaine(Plage(480, 720), Plage(840, 1080)), "alsace-moselle"),
    "reunion": Calendrier("Indian/Reunion", en_semaine(Plage(480, 720), Plage(780, 960)), "reunion"),
    "astreinte": Calendrier.toujours(PARIS),
}
BAILLEUR, ASTREINTE = CALENDRIERS["bailleur"], CALENDRIERS["astreinte"]
NUIT = Calendrier(PARIS, ((Plage(0, 150), Plage(1320, 1440)),) * 7, "aucun")  # 0:00 to 2:30, 22:00 to 24:00
CAS = list(csv.DictReader(Path(__file__).with_name("cas_echeances.csv").read_text(encoding="utf-8").splitlines()))


def local(texte: str) -> datetime:
    """`2026-04-09T10:00` on the clocks of Paris."""
    return datetime.fromisoformat(texte).replace(tzinfo=ZoneInfo(PARIS))


def due(recu_le: datetime, duree: Duree, calendrier: Calendrier) -> datetime:
    """The échéance in UTC: two datetimes of one zone compare by their wall clocks, blind to the doubled hour."""
    return echeance(recu_le, duree, calendrier).astimezone(UTC)


def ecrit(instant: datetime) -> str:
    return instant.isoformat(timespec="minutes")


# The dated cases


def test_the_dated_cases_are_thirty():
    assert len(CAS) == 30


@pytest.mark.parametrize("cas", CAS, ids=[cas["cas"] for cas in CAS])
def test_dated_case(cas):
    calendrier, unite = CALENDRIERS[cas["calendrier"]], Unite(cas["unite"])
    recu_le = datetime.fromisoformat(cas["recu_le"])
    promis = echeance(recu_le, Duree(int(cas["valeur"]), unite), calendrier)
    assert ecrit(promis) == cas["echeance"]
    assert ecrit(a_la_part(recu_le, promis, 80, unite, calendrier)) == cas["a_80_pour_cent"]


# An oracle that walks minute by minute and shares no code with the rules

FERIES_2026 = {
    date.fromisoformat(f"2026-{jour}")
    for jour in "01-01 04-06 05-01 05-08 05-14 05-25 07-14 08-15 11-01 11-11 12-25".split()  # noqa: SIM905 : reads as a list
}
MINUTES_OUVERTES = {
    "bailleur": lambda t: t.weekday() < 5 and t.date() not in FERIES_2026 and (9 <= t.hour < 12 or 14 <= t.hour < 17),
    "nuit": lambda t: t.hour >= 22 or t.hour * 60 + t.minute < 150,
    "astreinte": lambda _: True,
}
ORACLES = {"bailleur": BAILLEUR, "nuit": NUIT, "astreinte": ASTREINTE}


@cache
def minutes_de_l_heure(nom: str, heure: datetime) -> list[tuple[datetime, date, bool]]:
    """Every minute of a UTC hour: the instant it ends, its local day, whether it is open."""
    locales = [(heure + n * MINUTE).astimezone(ZoneInfo(PARIS)) for n in range(60)]
    return [(heure + (n + 1) * MINUTE, t.date(), MINUTES_OUVERTES[nom](t)) for n, t in enumerate(locales)]


def minutes_depuis(nom: str, depart: datetime):
    heure = depart.replace(minute=0)
    while True:
        yield from (minute for minute in minutes_de_l_heure(nom, heure) if minute[0] > depart)
        heure += timedelta(hours=1)


def comptee(nom: str, depart: datetime, duree: Duree) -> datetime:
    """The échéance from a whole minute in UTC, by counting."""
    if duree.unite is H:
        return depart + duree.valeur * timedelta(hours=1)
    ouvertes = ((fin, jour) for fin, jour, ouverte in minutes_depuis(nom, depart) if ouverte)
    if duree.unite is HO:
        return [next(ouvertes)[0] for _ in range(60 * duree.valeur)][-1]
    jours, fermeture = {depart.astimezone(ZoneInfo(PARIS)).date()}, depart
    for fin, jour in ouvertes:
        if len(jours) == duree.valeur + 1 and jour not in jours:
            return fermeture
        jours.add(jour)
        fermeture = fin
    raise AssertionError


def departs() -> list[datetime]:
    tirage = random.Random(2026)  # noqa: S311 : the same starts at every run
    debut = datetime(2026, 1, 1, tzinfo=UTC)
    toute_l_annee = [debut + tirage.randrange(500_000) * MINUTE for _ in range(140)]
    nuits = [datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)]
    return toute_l_annee + [nuit + tirage.randrange(1440) * MINUTE for nuit in nuits for _ in range(30)]


@pytest.mark.parametrize("nom", ORACLES)
def test_two_hundred_starts_agree_with_counting_every_minute(nom):
    calendrier, tirage = ORACLES[nom], random.Random(nom)  # noqa: S311 : the same lengths at every run
    for depart in departs():
        for duree in (
            Duree(tirage.randint(1, 60), H),
            Duree(tirage.randint(1, 9), HO),
            Duree(tirage.randint(1, 3), JO),
        ):
            attendue = comptee(nom, depart, duree)
            assert due(depart, duree, calendrier) == attendue, (depart, duree)
            quatre_cinquiemes = [
                fin for fin, _, ouverte in minutes_jusqu_a(nom, depart, attendue) if ouverte or duree.unite is H
            ]
            rang = -(-len(quatre_cinquiemes) * 4 // 5)
            part = a_la_part(depart, attendue, 80, duree.unite, calendrier).astimezone(UTC)
            assert part == quatre_cinquiemes[rang - 1], (depart, duree)


def minutes_jusqu_a(nom: str, depart: datetime, fin: datetime):
    for minute in minutes_depuis(nom, depart):
        if minute[0] > fin:
            return
        yield minute


# Properties

zones = st.sampled_from([UTC, *map(ZoneInfo, (PARIS, "Indian/Reunion", "America/Miquelon", "Pacific/Noumea"))])
instants = st.datetimes(datetime(2025, 12, 1), datetime(2027, 2, 1)).map(  # noqa: DTZ001 : UTC, said on the next line
    lambda t: t.replace(tzinfo=UTC)
)
calendriers = st.sampled_from([*CALENDRIERS.values(), NUIT])
durees = st.builds(Duree, st.integers(1, 40), st.sampled_from(Unite))


@given(instants, instants, durees, calendriers)
def test_who_is_received_later_is_never_due_earlier(a, b, duree, calendrier):
    assert due(min(a, b), duree, calendrier) <= due(max(a, b), duree, calendrier)


@given(instants, durees, calendriers)
def test_a_longer_promise_is_due_strictly_later(recu_le, duree, calendrier):
    plus_longue = Duree(duree.valeur + 1, duree.unite)
    assert due(recu_le, duree, calendrier) < due(recu_le, plus_longue, calendrier)


@given(instants, st.integers(1, 40), st.sampled_from([HO, JO]), calendriers, st.integers(1, 100))
def test_working_units_end_with_an_open_minute(recu_le, valeur, unite, calendrier, pour_cent):
    promis = due(recu_le, Duree(valeur, unite), calendrier)
    part = a_la_part(recu_le, promis, pour_cent, unite, calendrier).astimezone(UTC)
    assert calendrier.est_ouvert(promis - MINUTE)
    assert calendrier.est_ouvert(part - MINUTE)


@given(instants, durees, calendriers, zones)
def test_the_same_instant_on_another_clock_is_due_at_the_same_instant(recu_le, duree, calendrier, zone):
    promis, ailleurs = echeance(recu_le, duree, calendrier), echeance(recu_le.astimezone(zone), duree, calendrier)
    assert promis.isoformat() == ailleurs.isoformat()
    assert promis.tzinfo is ailleurs.tzinfo is calendrier.zone


@given(instants, durees, calendriers)
def test_an_echeance_is_a_whole_minute_never_earlier_than_promised(recu_le, duree, calendrier):
    promis = due(recu_le, duree, calendrier)
    assert (promis.second, promis.microsecond) == (0, 0)
    if duree.unite is JO:
        dernier_jour = calendrier.jour(promis - MINUTE)
        assert dernier_jour > calendrier.jour(recu_le)
        assert calendrier.fermeture(dernier_jour).astimezone(UTC) == promis
    else:
        assert promis - recu_le >= timedelta(hours=duree.valeur)


@given(instants, durees, calendriers, st.integers(1, 100))
def test_a_part_lies_between_reception_and_echeance(recu_le, duree, calendrier, pour_cent):
    promis = due(recu_le, duree, calendrier)
    assert recu_le < a_la_part(recu_le, promis, pour_cent, duree.unite, calendrier).astimezone(UTC) <= promis
    assert a_la_part(recu_le, promis, 100, duree.unite, calendrier).astimezone(UTC) == promis


# The ladder


def test_the_ladder_of_the_easter_weekend_skips_the_monday():
    promis = local("2026-04-02T18:12")
    attendus = {2: "2026-04-07T17:00+02:00", 5: "2026-04-10T17:00+02:00", 8: "2026-04-15T17:00+02:00"}
    assert {jours: ecrit(jours_ouvres_apres(promis, jours, BAILLEUR)) for jours in attendus} == attendus
    assert ecrit(jours_ouvres_apres(local("2026-04-15T17:00"), 3, BAILLEUR)) == "2026-04-20T17:00+02:00"


def test_the_day_of_the_echeance_is_the_one_of_the_territoires_calendar():
    dimanche_soir_a_paris = local("2026-04-12T23:00")  # already Monday 1:00 in La Réunion
    assert ecrit(jours_ouvres_apres(dimanche_soir_a_paris, 1, CALENDRIERS["reunion"])) == "2026-04-14T16:00+04:00"
    assert ecrit(jours_ouvres_apres(dimanche_soir_a_paris, 1, BAILLEUR)) == "2026-04-13T17:00+02:00"


def test_a_palier_at_the_echeance_is_the_echeance():
    assert jours_ouvres_apres(local("2026-04-02T18:12"), 0, BAILLEUR) == local("2026-04-02T18:12")
    with pytest.raises(ValueError, match="after the échéance"):
        jours_ouvres_apres(local("2026-04-02T18:12"), -1, BAILLEUR)


def test_a_part_without_any_open_minute_is_the_echeance():
    samedi, dimanche = local("2026-04-11T10:00"), local("2026-04-12T10:00")
    assert a_la_part(samedi, dimanche, 80, HO, BAILLEUR) == dimanche


@pytest.mark.parametrize("pour_cent", [0, 101])
def test_a_part_is_one_to_a_hundred_per_cent(pour_cent):
    with pytest.raises(ValueError, match="1 to 100"):
        a_la_part(local("2026-04-09T10:00"), local("2026-04-10T10:00"), pour_cent, H, BAILLEUR)


def test_a_year_closed_from_end_to_end_is_stepped_over():
    travaux = frozenset(date(2027, 1, 1) + timedelta(days=n) for n in range(365))
    calendrier = Calendrier(PARIS, BAILLEUR.semaine, fermetures=travaux)
    assert ecrit(echeance(local("2026-12-31T16:00"), Duree(2, HO), calendrier)) == "2028-01-03T10:00+01:00"
    assert ecrit(echeance(local("2026-12-31T16:00"), Duree(1, JO), calendrier)) == "2028-01-03T17:00+01:00"
    assert plus_tardif(Duree(1, HO), Duree(24, H), calendrier, 2027) is not None


# Is the QPV ever served later than the rest?


@pytest.mark.parametrize(
    ("qpv", "ordinaire"),
    [
        (Duree(48, H), Duree(48, H)),
        (Duree(4, HO), Duree(8, HO)),
        (Duree(3, JO), Duree(5, JO)),
        (Duree(48, H), Duree(3, JO)),  # at worst 23:59 two days on, and the third day closes at 17:00
        (Duree(6, HO), Duree(1, JO)),  # a whole day of work, begun at closing time, ends at the next closing time
        (Duree(4, HO), Duree(94, H)),  # Friday 17:00 before Easter Monday to Tuesday 15:00
    ],
    ids=str,
)
def test_a_promise_never_later_than_the_ordinary_one_passes(qpv, ordinaire):
    assert plus_tardif(qpv, ordinaire, BAILLEUR, 2026) is None


@pytest.mark.parametrize(
    ("qpv", "ordinaire"),
    [
        (Duree(49, H), Duree(48, H)),
        (Duree(9, HO), Duree(8, HO)),
        (Duree(6, JO), Duree(5, JO)),
        (Duree(3, JO), Duree(48, H)),
        (Duree(48, H), Duree(2, JO)),
        (Duree(7, HO), Duree(1, JO)),
        (Duree(4, HO), Duree(93, H)),
        (Duree(1, JO), Duree(11, HO)),
    ],
    ids=str,
)
def test_a_promise_that_may_be_later_is_shown_with_a_start_of_the_year(qpv, ordinaire):
    depart = plus_tardif(qpv, ordinaire, BAILLEUR, 2026)
    assert depart is not None
    assert (depart.year, depart.tzinfo) == (2026, BAILLEUR.zone)
    assert due(depart, qpv, BAILLEUR) > due(depart, ordinaire, BAILLEUR)


def test_the_only_later_start_may_be_the_hour_before_the_clocks_change():
    depart = plus_tardif(Duree(24, H), Duree(1, JO), ASTREINTE, 2026)
    assert depart is not None
    assert depart.date() == date(2026, 3, 28)
    assert plus_tardif(Duree(23, H), Duree(1, JO), ASTREINTE, 2026) is None


def test_the_only_later_start_may_be_in_the_hour_that_exists_twice():
    pause = Calendrier(PARIS, ((Plage(0, 120), Plage(151, 1440)),) * 7, "aucun")  # closed 31 minutes from 2:00
    depart = plus_tardif(Duree(1, HO), Duree(2, H), pause, 2026)
    assert depart is not None
    assert depart.date() == date(2026, 10, 25)  # 62 minutes that night
    assert due(depart, Duree(1, HO), pause) > due(depart, Duree(2, H), pause)
    assert plus_tardif(Duree(1, HO), Duree(3, H), pause, 2026) is None


def test_working_hours_jump_from_the_first_round_of_the_doubled_hour_into_the_second():
    nuit = Calendrier(PARIS, ((Plage(90, 150),),) * 7, "aucun")  # 1:30 to 2:30, and 2:00 to 2:30 once more
    assert ecrit(echeance(local("2026-10-25T01:40"), Duree(1, HO), nuit)) == "2026-10-25T02:10+01:00"
    assert ecrit(echeance(local("2026-10-25T01:40"), Duree(1, H), nuit)) == "2026-10-25T02:40+02:00"


def test_the_only_later_start_may_be_the_last_seconds_of_a_day():
    presque = Calendrier("Indian/Reunion", ((Plage(480, 1439),),) * 7, "aucun")  # closes at 23:59, no clock change
    depart = plus_tardif(Duree(24, H), Duree(1, JO), presque, 2026)
    assert depart is not None
    assert (depart.hour, depart.minute, depart.second) == (23, 59, 59)
    assert plus_tardif(Duree(23, H), Duree(1, JO), presque, 2026) is None


@settings(max_examples=40)
@given(
    durees,
    durees,
    st.sampled_from([BAILLEUR, NUIT, ASTREINTE]),
    st.lists(st.integers(0, 365 * 24 * 3600 - 1), min_size=50, max_size=50),
)
def test_no_start_contradicts_a_promise_that_passes(qpv, ordinaire, calendrier, secondes):
    departs = [local("2026-01-01").astimezone(UTC) + timedelta(seconds=n) for n in secondes]
    temoin = plus_tardif(qpv, ordinaire, calendrier, 2026)
    if temoin is None:
        assert all(due(t, qpv, calendrier) <= due(t, ordinaire, calendrier) for t in departs)
    else:
        assert due(temoin, qpv, calendrier) > due(temoin, ordinaire, calendrier)


# Words and refusals


@pytest.mark.parametrize(
    ("duree", "texte"),
    [
        (Duree(1, H), "1 h"),
        (Duree(48, H), "48 h"),
        (Duree(1, HO), "1 h ouvrée"),
        (Duree(4, HO), "4 h ouvrées"),
        (Duree(1, JO), "1 jour ouvré"),
        (Duree(3, JO), "3 jours ouvrés"),
    ],
)
def test_a_duree_reads_as_people_say_it(duree, texte):
    assert str(duree) == texte


@pytest.mark.parametrize("valeur", [0, -1])
def test_a_promise_of_nothing_is_refused(valeur):
    with pytest.raises(ValueError, match="au moins une unité"):
        Duree(valeur, H)


@pytest.mark.parametrize("unite", Unite)
def test_an_instant_without_offset_is_refused(unite):
    naif, date_sure = datetime(2026, 4, 9, 10), local("2026-04-10T10:00")  # noqa: DTZ001 : the very thing refused
    with pytest.raises(ValueError, match="carries its offset"):
        echeance(naif, Duree(1, unite), BAILLEUR)
    with pytest.raises(ValueError, match="carries its offset"):
        a_la_part(naif, date_sure, 80, unite, BAILLEUR)
    with pytest.raises(ValueError, match="carries its offset"):
        a_la_part(date_sure, naif, 80, unite, BAILLEUR)
    with pytest.raises(ValueError, match="carries its offset"):
        jours_ouvres_apres(naif, 2, BAILLEUR)
