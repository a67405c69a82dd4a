"""Next passages: the days of a calendar, the holidays, the two changes of clocks, and rules that never end."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relais.rules.calendrier import Calendrier, Plage
from relais.rules.configuration import JoursFeries, Passage
from relais.rules.rythme import HORIZON, jours, prochains

PARIS = ZoneInfo("Europe/Paris")
SEMAINE = ((Plage(540, 1020),),) * 5 + ((), ())
VILLE = Calendrier("Europe/Paris", SEMAINE)
DEPUIS = date(2020, 1, 1)
CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def passage(rrule, *, depuis=DEPUIS, debut=None, fin=None, feries=JoursFeries.COMPRIS):
    return Passage("encombrants", "un rythme", rrule, depuis, debut, fin, feries)


def paris(ecrit):
    return datetime.fromisoformat(ecrit).replace(tzinfo=PARIS)


def dates(un, apres, combien=3, calendrier=VILLE):
    return [str(prochain.le) for prochain in prochains(un, paris(apres), combien, calendrier)]


def test_the_fourth_thursday_is_the_next_one_whatever_the_month():
    jeudi = passage("FREQ=MONTHLY;BYDAY=4TH")
    assert dates(jeudi, "2026-11-01 10:00") == ["2026-11-26", "2026-12-24", "2027-01-28"]


def test_even_weeks_are_those_of_the_calendar_on_the_wall_over_a_year_of_53_weeks():
    paires = passage("FREQ=YEARLY;BYWEEKNO=" + ",".join(map(str, range(2, 54, 2))) + ";BYDAY=TU")
    assert dates(paires, "2026-12-10 10:00", 4) == ["2026-12-22", "2027-01-12", "2027-01-26", "2027-02-09"]
    quinzaine = passage("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", depuis=date(2026, 12, 22))
    assert dates(quinzaine, "2026-12-10 10:00", 2) == ["2026-12-22", "2027-01-05"], "and the two are not the same thing"


def test_every_second_week_is_counted_from_the_day_it_starts():
    impair, pair = (passage("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH", depuis=date(2026, 1, jour)) for jour in (8, 15))
    assert dates(impair, "2026-03-01 10:00", 2) == ["2026-03-05", "2026-03-19"]
    assert dates(pair, "2026-03-01 10:00", 2) == ["2026-03-12", "2026-03-26"]
    assert dates(impair, "2025-06-01 10:00", 1) == ["2026-01-08"], "never before it starts"


@pytest.mark.parametrize(
    ("feries", "attendu"),
    [
        (JoursFeries.SAUTES, ["2026-05-07", "2026-05-21", "2026-05-28"]),
        (JoursFeries.REPORTES, ["2026-05-07", "2026-05-15", "2026-05-21"]),
        (JoursFeries.COMPRIS, ["2026-05-07", "2026-05-14", "2026-05-21"]),
    ],
    ids=str,
)
def test_a_public_holiday_is_skipped_put_off_or_worked_as_the_town_says(feries, attendu):
    assert dates(passage("FREQ=WEEKLY;BYDAY=TH", feries=feries), "2026-05-04 10:00") == attendu


def test_put_off_goes_over_two_holidays_in_a_row_and_is_one_passage_with_that_of_the_day():
    moselle = Calendrier("Europe/Paris", SEMAINE, "alsace-moselle")
    noel = passage("FREQ=DAILY;UNTIL=20261227", depuis=date(2026, 12, 24), feries=JoursFeries.REPORTES)
    assert dates(noel, "2026-12-20 10:00", 9, moselle) == ["2026-12-24", "2026-12-27"]
    assert dates(noel, "2026-12-20 10:00", 9) == ["2026-12-24", "2026-12-26", "2026-12-27"]


def test_the_holidays_are_those_of_the_territoire():
    abolition = passage("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=20", feries=JoursFeries.SAUTES)
    reunion = Calendrier("Indian/Reunion", SEMAINE, "reunion")
    assert dates(abolition, "2026-01-01 10:00", 1) == ["2026-12-20"]
    assert dates(abolition, "2026-01-01 10:00", 1, reunion) == []


@pytest.mark.parametrize(
    ("debut", "fin", "a", "du_jour"),
    [
        (None, None, "23:59", True),
        (time(6), None, "05:59", True),
        (time(6), None, "06:00", False),
        (None, time(7), "06:59", True),
        (None, time(7), "07:00", False),
        (time(8), time(12), "11:59", True),
        (time(8), time(12), "12:00", False),
    ],
)
def test_todays_passage_is_the_next_one_as_long_as_it_may_still_come(debut, fin, a, du_jour):
    jeudi = passage("FREQ=WEEKLY;BYDAY=TH", debut=debut, fin=fin)
    assert dates(jeudi, f"2026-04-02 {a}", 1) == ["2026-04-02" if du_jour else "2026-04-09"]


@pytest.mark.parametrize(
    ("jour", "heure", "instant"),
    [
        ("2026-03-28", time(2, 30), "2026-03-28T02:30:00+01:00"),
        ("2026-03-29", time(2, 30), "2026-03-29T03:30:00+02:00"),  # an hour that does not exist
        ("2026-03-29", time(6), "2026-03-29T06:00:00+02:00"),
        ("2026-10-25", time(2, 30), "2026-10-25T02:30:00+02:00"),  # an hour that comes twice
        ("2026-10-25", time(6), "2026-10-25T06:00:00+01:00"),
    ],
)
def test_an_hour_is_that_of_the_wall_on_the_days_the_clocks_change(jour, heure, instant):
    tous_les_jours = passage("FREQ=DAILY", debut=heure)
    [found] = prochains(tous_les_jours, paris(f"{jour} 00:00"), 1, VILLE)
    assert found.debut.isoformat() == instant


def test_between_the_two_hours_of_an_autumn_night_the_instant_decides_and_not_the_wall():
    tous_les_jours = passage("FREQ=DAILY", debut=time(2, 30))
    again = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 2:10 for the second time
    assert str(prochains(tous_les_jours, again, 1, VILLE)[0].le) == "2026-10-26"


def test_today_is_that_of_the_town_and_not_of_the_server():
    papeete = Calendrier("Pacific/Tahiti", SEMAINE, "polynesie-francaise")
    jeudi = passage("FREQ=WEEKLY;BYDAY=TH")
    assert str(prochains(jeudi, datetime(2026, 4, 3, 5, tzinfo=UTC), 1, papeete)[0].le) == "2026-04-02"


@pytest.mark.parametrize("frequence", ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"])
def test_a_rule_that_never_comes_is_empty_and_does_not_run_to_the_year_9999(frequence):
    jamais = passage(f"FREQ={frequence};BYMONTH=2;BYMONTHDAY=30")
    assert prochains(jamais, paris("2026-04-02 10:00"), 3, VILLE) == ()


def test_a_rule_that_has_ended_has_no_next_passage():
    fini, compte = passage("FREQ=DAILY;UNTIL=20260331"), passage("FREQ=DAILY;COUNT=3", depuis=date(2026, 3, 30))
    assert dates(fini, "2026-03-30 10:00") == ["2026-03-30", "2026-03-31"]
    assert dates(compte, "2026-03-31 10:00") == ["2026-03-31", "2026-04-01"]
    assert dates(fini, "2026-04-01 10:00") == []


def test_the_29th_of_february_waits_for_its_year():
    assert dates(passage("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"), "2026-04-02 10:00") == ["2028-02-29"]


@st.composite
def semaines(draw):
    rangs = draw(st.sets(st.sampled_from(range(7)), min_size=1))
    intervalle = draw(st.integers(1, 4))
    depuis = draw(st.dates(date(2020, 1, 1), date(2027, 1, 1)))
    lundi = depuis - timedelta(days=depuis.weekday())
    rrule = f"FREQ=WEEKLY;INTERVAL={intervalle};BYDAY=" + ",".join(CODES[rang] for rang in sorted(rangs))

    def tombe(jour):
        return jour >= depuis and jour.weekday() in rangs and (jour - lundi).days // 7 % intervalle == 0

    return passage(rrule, depuis=depuis), tombe


@st.composite
def rangs_du_mois(draw):
    rang, jour_dit = draw(st.sampled_from([1, 2, 3, 4, 5, -1, -2])), draw(st.integers(0, 6))
    mois = draw(st.sets(st.integers(1, 12), min_size=1))
    rrule = f"FREQ=MONTHLY;BYMONTH={','.join(map(str, sorted(mois)))};BYDAY={rang}{CODES[jour_dit]}"

    def tombe(jour):
        avant, apres = (jour.day - 1) // 7 + 1, -((monthrange(jour.year, jour.month)[1] - jour.day) // 7 + 1)
        return jour.month in mois and jour.weekday() == jour_dit and rang in (avant, apres)

    return passage(rrule), tombe


@st.composite
def parites(draw):
    pair, jour_dit = draw(st.integers(0, 1)), draw(st.integers(0, 6))
    semaines = ",".join(str(n) for n in range(1, 54) if n % 2 == pair)

    def tombe(jour):
        return jour.isocalendar().week % 2 == pair and jour.weekday() == jour_dit

    return passage(f"FREQ=YEARLY;BYWEEKNO={semaines};BYDAY={CODES[jour_dit]}"), tombe


@given(
    st.one_of(semaines(), rangs_du_mois(), parites()),
    st.tuples(st.dates(date(2024, 1, 1), date(2045, 12, 31)), st.times()),
    st.integers(1, 6),
)
@settings(max_examples=150, deadline=None)
def test_the_next_passages_are_those_found_day_by_day(rythme, depuis, combien):
    un, tombe = rythme
    apres = datetime.combine(*depuis, PARIS)
    fin = date(apres.year + HORIZON, 1, 1)
    ici = apres.date()
    tous = (ici + timedelta(days=n) for n in range((fin - ici).days))
    attendus = [jour for jour in tous if tombe(jour)][:combien]
    assert [found.le for found in prochains(un, apres, combien, VILLE)] == attendus


@given(
    st.one_of(semaines(), rangs_du_mois(), parites()),
    st.sampled_from(JoursFeries),
    st.sampled_from(["metropole", "alsace-moselle", "reunion", "aucun"]),
    st.integers(2024, 2040),
)
@settings(max_examples=150, deadline=None)
def test_holidays_never_add_a_day_nor_leave_one_but_where_they_are_worked(rythme, feries, code, annee):
    calendrier = Calendrier("Europe/Paris", SEMAINE, code)
    bruts = set(jours(rythme[0], calendrier, annee))
    lus = jours(passage(rythme[0].rrule, depuis=rythme[0].a_partir_du, feries=feries), calendrier, annee)
    assert list(lus) == sorted(set(lus))
    if feries is JoursFeries.COMPRIS:
        assert set(lus) == bruts
        return
    assert not any(map(calendrier.ferie, lus))
    assert bruts - set(lus) == {jour for jour in bruts if calendrier.ferie(jour)}
    if feries is JoursFeries.SAUTES:
        assert set(lus) <= bruts
    else:
        assert all(jour in bruts or calendrier.ferie(jour - timedelta(days=1)) for jour in lus)
