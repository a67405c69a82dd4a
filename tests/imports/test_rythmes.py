"""What a town writes of a rhythm, what it means, and what is refused with a reason."""

from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relais.imports import Illisible
from relais.imports.horaires import JOURS
from relais.imports.rrules import JOURS as CODES
from relais.imports.rrules import recurrence
from relais.imports.rythmes import Rythme, rythme
from relais.imports.rythmes_dits import A_DATES_VARIABLES, dire
from relais.rules.configuration import JoursFeries

PAIRES = "FREQ=YEARLY;BYWEEKNO=" + ",".join(str(n) for n in range(2, 54, 2))
IMPAIRES = "FREQ=YEARLY;BYWEEKNO=" + ",".join(str(n) for n in range(1, 54, 2))
JANVIER = date(2026, 1, 8)


@pytest.mark.parametrize(
    ("ecrit", "rrule"),
    [
        ("lundi, mercredi et vendredi", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
        ("tous les jours", "FREQ=DAILY"),
        ("tous les jours ouvrés", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("tous les jours ouvrables", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA"),
        ("tous les jours sauf le dimanche", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA"),
        ("tous les matins, du lundi au samedi", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA"),
        ("chaque matin", "FREQ=DAILY"),
        ("les lundis et jeudis", "FREQ=WEEKLY;BYDAY=MO,TH"),
        ("le mardi des semaines paires", f"{PAIRES};BYDAY=TU"),
        ("semaines impaires, le mardi", f"{IMPAIRES};BYDAY=TU"),
        ("premier jeudi du mois", "FREQ=MONTHLY;BYDAY=1TH"),
        ("Le 1er jeudi de chaque mois", "FREQ=MONTHLY;BYDAY=1TH"),
        ("deuxième et quatrième mardi", "FREQ=MONTHLY;BYDAY=2TU,4TU"),
        ("premier lundi et troisième jeudi du mois", "FREQ=MONTHLY;BYDAY=1MO,3TH"),
        ("dernier vendredi du mois, de mai à octobre", "FREQ=MONTHLY;BYMONTH=5,6,7,8,9,10;BYDAY=-1FR"),
        ("le premier jeudi de mars, juin et septembre", "FREQ=MONTHLY;BYMONTH=3,6,9;BYDAY=1TH"),
        ("les 1er et 15 du mois", "FREQ=MONTHLY;BYMONTHDAY=1,15"),
        ("tous les 15 jours le jeudi à partir du 8 janvier 2026", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH"),
        ("un jeudi sur deux, à partir du 8 janvier 2026", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH"),
        ("une semaine sur deux à partir du 8 janvier 2026", "FREQ=WEEKLY;INTERVAL=2"),
        ("toutes les 3 semaines, le lundi, à partir du 08/01/2026", "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO"),
        ("en été (juin à septembre) le lundi", "FREQ=WEEKLY;BYMONTH=6,7,8,9;BYDAY=MO"),
        ("le mardi d'octobre à mars", "FREQ=WEEKLY;BYMONTH=1,2,3,10,11,12;BYDAY=TU"),
        ("le lundi jusqu'au 30 juin 2026", "FREQ=WEEKLY;UNTIL=20260630;BYDAY=MO"),
        ("RRULE:FREQ=MONTHLY;BYSETPOS=-1;BYDAY=FR,MO", "FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=-1"),
        ("freq=weekly;interval=1;byday=mo", "FREQ=WEEKLY;BYDAY=MO"),
        ("RRULE:FREQ=WEEKLY;UNTIL=20261231T235959Z;BYDAY=MO", "FREQ=WEEKLY;UNTIL=20261231;BYDAY=MO"),
        ("RRULE:FREQ=DAILY;COUNT=10", "FREQ=DAILY;COUNT=10"),
    ],
)
def test_the_words_of_a_town_are_a_recurrence(ecrit, rrule):
    assert rythme(ecrit).rrule == rrule


@pytest.mark.parametrize(
    ("ecrit", "debut", "fin"),
    [
        ("le lundi", None, None),
        ("le lundi à 6 h", time(6), None),
        ("le lundi, à partir de 6h30", time(6, 30), None),
        ("le lundi dès 6:30", time(6, 30), None),
        ("le lundi avant 7 h", None, time(7)),
        ("lundi matin", None, time(12)),
        ("le lundi, l'après-midi", time(12), None),
        ("le lundi de 8 h à 12 h", time(8), time(12)),
        ("le lundi, entre 8 h et 9 h 30", time(8), time(9, 30)),
        ("samedi matin et dimanche soir", None, None),
        ("samedi matin et dimanche", None, None),
        ("lundi, samedi matin", None, None),
        ("le lundi et le samedi matin", None, None),
        ("lundi, mercredi et vendredi matin", None, time(12)),
        ("le lundi et le samedi, à 6 h", time(6), None),
        ("tous les matins, jours fériés compris", None, time(12)),
        ("le matin, samedi et dimanche", None, time(12)),
        ("le lundi de 22 h à 5 h", time(22), None),
        ("RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=6;BYMINUTE=30", time(6, 30), None),
    ],
)
def test_the_hours_are_read_as_far_as_they_are_said(ecrit, debut, fin):
    assert (rythme(ecrit).debut, rythme(ecrit).fin) == (debut, fin)


@pytest.mark.parametrize(
    ("suite", "feries"),
    [
        ("", JoursFeries.SAUTES),
        (", sauf jours fériés", JoursFeries.SAUTES),
        (" hors jours fériés", JoursFeries.SAUTES),
        (", jours fériés compris", JoursFeries.COMPRIS),
        (" y compris les jours fériés", JoursFeries.COMPRIS),
        (", reporté au lendemain", JoursFeries.REPORTES),
        (", reportée au lendemain des jours fériés", JoursFeries.REPORTES),
        (" ; jours fériés : décalé au lendemain", JoursFeries.REPORTES),
    ],
)
@pytest.mark.parametrize("rythme_dit", ["le jeudi", "RRULE:FREQ=WEEKLY;BYDAY=TH"])
def test_what_becomes_of_a_public_holiday_is_said_beside(rythme_dit, suite, feries):
    assert rythme(rythme_dit + suite).feries is feries


@pytest.mark.parametrize(
    "ecrit",
    [
        "selon besoin",
        "trois fois par semaine",
        "lundi et jeudi avant 7 h ; tri le mercredi",
        "tous les dimanches et jours fériés",
        "dimanche à mardi",
        "premier du mois de jeudi",
        "lundi et un jeudi sur deux",
        "lundi à 6 h et jeudi",
        "lundi avant 7 h et jeudi",
        "lundi à 6 h et jeudi à 8 h",
        "le mardi des semaines paires, une semaine sur deux",
        "premier jeudi des semaines paires",
        "tous les jours sauf du lundi au dimanche",
        "les jours fériés",
        "tous les jours, du lundi au samedi",
        "le mardi semaines paires et jeudi semaines impaires",
        "tous les jours, le dimanche en juillet et août",
        "lundi et jeudi à 6 h et 14 h",
        "",
        "et",
        "x" * 10_000,
    ],
    ids=lambda ecrit: ecrit[:30],
)
def test_words_not_understood_are_refused_and_never_guessed(ecrit):
    with pytest.raises(Illisible):
        rythme(ecrit)


@pytest.mark.parametrize(
    "ecrit",
    [
        "le mardi, et le samedi d'avril à octobre",
        "le mardi, et le samedi, d'avril à octobre",
        "d'avril à octobre le mardi, et le samedi",
        "le lundi et, de juin à septembre, le jeudi",
        "le lundi et le jeudi de juin à septembre",
        "lundi, et jeudi en été (juin à septembre)",
        "le lundi et le jeudi (juin à septembre)",
        "lundi en mars ; jeudi",
        "en mars, lundi ; jeudi",
        "tous les jours sauf le lundi de mars",
        "tous les jours sauf le lundi des semaines paires",
        "tous les jours sauf le dimanche à 6 h",
        "lundi, mardi et jeudi sauf le jeudi des semaines impaires",
        "le lundi jusqu'au 30 juin 2026 et le mardi",
        "le lundi à partir du 1er septembre 2026 et le mardi",
        "le lundi jusqu'au 30 juin 2026, le mardi à partir du 1er juillet 2026",
        "le mardi des semaines paires et le jeudi",
        "le jeudi et le mardi des semaines paires",
        "tous les lundis et le vendredi une semaine sur deux",
        "tous les lundis et le vendredi, une semaine sur deux",
        "une semaine sur deux, le lundi et tous les jeudis",
        "lundi et, tous les 15 jours, jeudi à partir du 8 janvier 2026",
        "premier jeudi du mois et le deuxième mardi en juillet",
        "le 1er et le 15 du mois, en décembre le 24",
        "le lundi et le samedi à 6 h",
        "lundi et mardi, mercredi de 8 h à 10 h",
        "le lundi, jours fériés compris, et le mardi",
    ],
)
def test_what_is_said_of_some_days_is_never_taken_for_all(ecrit):
    with pytest.raises(Illisible, match="vaut-il pour tous ces jours"):
        rythme(ecrit)


@pytest.mark.parametrize(
    ("ecrit", "rrule"),
    [
        ("d'avril à octobre, le mardi et le samedi", "FREQ=WEEKLY;BYMONTH=4,5,6,7,8,9,10;BYDAY=TU,SA"),
        ("le mardi et le samedi, d'avril à octobre", "FREQ=WEEKLY;BYMONTH=4,5,6,7,8,9,10;BYDAY=TU,SA"),
        ("mardi et samedi d'avril à octobre", "FREQ=WEEKLY;BYMONTH=4,5,6,7,8,9,10;BYDAY=TU,SA"),
        ("du lundi au vendredi en mars", "FREQ=WEEKLY;BYMONTH=3;BYDAY=MO,TU,WE,TH,FR"),
        ("lundi, mercredi et vendredi, jusqu'au 30 juin 2026", "FREQ=WEEKLY;UNTIL=20260630;BYDAY=MO,WE,FR"),
        ("le premier et le troisième jeudi de mars", "FREQ=MONTHLY;BYMONTH=3;BYDAY=1TH,3TH"),
        ("les semaines paires, le mardi et le jeudi", f"{PAIRES};BYDAY=TU,TH"),
        ("tous les mardis et les jeudis, en mai", "FREQ=WEEKLY;BYMONTH=5;BYDAY=TU,TH"),
        ("tous les jours en août sauf le dimanche", "FREQ=WEEKLY;BYMONTH=8;BYDAY=MO,TU,WE,TH,FR,SA"),
        ("tous les jours sauf le dimanche, en août", "FREQ=WEEKLY;BYMONTH=8;BYDAY=MO,TU,WE,TH,FR,SA"),
        ("un jeudi sur 2 à partir du 8 janvier 2026", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH"),
        ("les 1er et 15 du mois, de mars à mai", "FREQ=MONTHLY;BYMONTH=3,4,5;BYMONTHDAY=1,15"),
        ("7 jours sur 7 à 6 h, d'avril à juin", "FREQ=DAILY;BYMONTH=4,5,6"),
    ],
)
def test_what_is_said_before_all_days_or_set_apart_after_them_is_said_of_all(ecrit, rrule):
    assert rythme(ecrit).rrule == rrule


@pytest.mark.parametrize("ecrit", ["le lundi à 6 h et 14 h", "lundi 6 h et 14 h", "RRULE:FREQ=DAILY, à 6 h et 14 h"])
def test_two_hours_are_an_interval_only_where_between_says_so(ecrit):
    with pytest.raises(Illisible, match="deux heures"):
        rythme(ecrit)


def test_a_season_without_its_months_says_what_is_missing():
    with pytest.raises(Illisible, match="la saison ne dit pas les mois"):
        rythme("en été, le lundi")


@pytest.mark.parametrize(
    ("ecrit", "raison"),
    [
        ("FREQ=SECONDLY", "n'est pas un rythme de passage"),
        ("FREQ=MINUTELY;BYDAY=MO", "n'est pas un rythme de passage"),
        ("FREQ=HOURLY", "n'est pas un rythme de passage"),
        ("FREQ=DAILY;INTERVAL=0", "de 1 à 99"),
        ("FREQ=DAILY;INTERVAL=-1", "de 1 à 99"),
        ("FREQ=DAILY;COUNT=99999", "de 1 à 9999"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20261231", "ne va pas avec UNTIL"),
        ("FREQ=DAILY;UNTIL=20261331", "attend un jour"),
        ("FREQ=DAILY;UNTIL=2026-W01", "attend un jour"),
        ("FREQ=DAILY;BYEASTER=0", "n'est pas une partie lue ici"),
        ("FREQ=DAILY;FREQ=DAILY", "dit deux fois"),
        ("FREQ=WEEKLY;BYDAY=1MO", "n'a de rang"),
        ("FREQ=WEEKLY;BYDAY=LU", "attend des jours"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "ne va pas avec FREQ=WEEKLY"),
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=6,18", "attend un nombre"),
        ("FREQ=WEEKLY;BYDAY=MO;BYMINUTE=30", "demande un BYHOUR"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "de 1 à 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "de 1 à 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=²", "de 1 à 31"),
        ("FREQ=MONTHLY;BYSETPOS=1", "il manque un BYDAY"),
        ("FREQ=MONTHLY;BYWEEKNO=1;BYDAY=MO", "ne va qu'avec FREQ=YEARLY"),
        ("FREQ=YEARLY;BYWEEKNO=1", "demande un BYDAY"),
        ("BYDAY=MO", "manque"),
        ("FREQ=DAILY" + ";" * 1000, "signes"),
    ],
    ids=lambda ecrit: ecrit[:40],
)
def test_an_rrule_that_is_wrong_or_too_fine_is_refused_with_its_part(ecrit, raison):
    with pytest.raises(Illisible, match=raison):
        recurrence(ecrit)


@pytest.mark.parametrize(
    ("ecrit", "ancre"),
    [
        ("le lundi", False),
        ("premier jeudi du mois", False),
        ("tous les 15 jours le jeudi", True),
        ("RRULE:FREQ=DAILY;COUNT=3", True),
        ("RRULE:FREQ=WEEKLY", True),
        ("RRULE:FREQ=YEARLY;BYMONTH=3", True),
        ("RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=14", False),
    ],
)
def test_only_what_is_counted_from_a_day_asks_for_it(ecrit, ancre):
    assert rythme(ecrit).ancre is ancre


@pytest.mark.parametrize(
    ("ecrit", "dit"),
    [
        ("RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "du lundi au vendredi, sauf jours fériés"),
        ("RRULE:FREQ=MONTHLY;BYDAY=2TU,4TU", "le deuxième mardi et le quatrième mardi du mois, sauf jours fériés"),
        (f"RRULE:{PAIRES};BYDAY=TU,TH", "les semaines paires, le mardi et le jeudi, sauf jours fériés"),
        (f"RRULE:{PAIRES};BYDAY=WE;BYHOUR=6", "le mercredi des semaines paires, à partir de 6 h, sauf jours fériés"),
        (
            "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TH, à partir du 1er janvier 2026, jours fériés compris",
            "une semaine sur deux, le jeudi, à partir du 1er janvier 2026, jours fériés compris",
        ),
        ("RRULE:FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", A_DATES_VARIABLES),
        ("RRULE:FREQ=YEARLY;BYYEARDAY=100", A_DATES_VARIABLES),
    ],
)
def test_an_rrule_is_told_in_french_where_french_is_short(ecrit, dit):
    assert dire(rythme(ecrit)) == dit


une_semaine = st.sets(st.sampled_from(CODES), min_size=1, max_size=6).map(lambda codes: sorted(codes, key=CODES.index))
des_jours = une_semaine.map(",".join)
coeurs = st.one_of(
    st.just("FREQ=DAILY"),
    des_jours.map("FREQ=WEEKLY;BYDAY={}".format),
    st.tuples(st.integers(2, 9), des_jours).map(lambda un: "FREQ=WEEKLY;INTERVAL={};BYDAY={}".format(*un)),
    des_jours.map(f"{PAIRES};BYDAY={{}}".format),
    des_jours.map(f"{IMPAIRES};BYDAY={{}}".format),
    st.tuples(st.sampled_from([1, 2, 3, 4, 5, -1, -2]), st.sampled_from(CODES)).map(
        lambda un: "FREQ=MONTHLY;BYDAY={}{}".format(*un)
    ),
    st.sets(st.integers(1, 31), min_size=1, max_size=5).map(
        lambda jours: "FREQ=MONTHLY;BYMONTHDAY=" + ",".join(map(str, sorted(jours)))
    ),
)
mois = st.sets(st.integers(1, 12), max_size=11).map(
    lambda rangs: ";BYMONTH=" + ",".join(map(str, sorted(rangs))) if rangs else ""
)
heures = st.sampled_from([(None, None), (time(6), None), (None, time(7, 30)), (time(8), time(12)), (time(0), None)])
dates = st.dates(date(2020, 1, 1), date(2030, 12, 31))


@st.composite
def rythmes(draw):
    fin = draw(st.none() | dates)
    lue = recurrence(draw(coeurs) + draw(mois) + (f";UNTIL={fin:%Y%m%d}" if fin else ""))
    debut, arret = draw(heures)
    return Rythme(lue.rrule, debut, arret, draw(st.sampled_from(JoursFeries)), draw(st.none() | dates), lue.ancree)


@given(rythmes())
@settings(max_examples=300, deadline=None)
def test_what_is_told_in_french_is_read_back_as_the_same(un):
    assert dire(un) != A_DATES_VARIABLES
    assert rythme(dire(un)) == un


@given(st.text(alphabet=st.sampled_from("lundi mars 1er,;h6etduFREQ=WLYBA():'é"), max_size=60) | st.text(max_size=60))
@settings(max_examples=500, deadline=None)
def test_no_text_is_a_crash(ecrit):
    try:
        lu = rythme(ecrit)
    except Illisible:
        return
    assert recurrence(lu.rrule).rrule == lu.rrule


@given(st.lists(st.sampled_from([*JOURS, "et", ",", "le", "premier", "du mois", "sauf", "à 6 h", "matin"]), max_size=8))
@settings(max_examples=500, deadline=None)
def test_no_word_of_a_rhythm_is_dropped_in_silence(mots):
    """Whatever is understood names every day that was written, but those after « sauf »."""
    ecrit = " ".join(mots)
    try:
        lu = rythme(ecrit)
    except Illisible:
        return
    dits = {CODES[JOURS.index(mot)] for mot in ecrit.partition("sauf")[0].split() if mot in JOURS}
    sautes = {CODES[JOURS.index(mot)] for mot in ecrit.partition("sauf")[2].split() if mot in JOURS}
    assert all(code in lu.rrule for code in dits - sautes)
    assert not any(code in lu.rrule.rpartition("BYDAY=")[2] for code in sautes)
