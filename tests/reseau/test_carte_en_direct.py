"""An import seen by everybody at once: two API processes and a worker, while `relais import` runs beside them."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from chaos.harness import PATIENCE
from commands.factories import ERABLES, FUITE, RUE_ERABLES, deposit
from conftest import DEMO, ROOT, Ville
from reseau.monde import Monde, open_monde
from reseau.proxy import Address

from relais.boite import lire
from relais.queries.referentiel import referentiel
from relais.queries.signalement import get_signalement

RELAIS = Path(sys.executable).with_name("relais")
BAILLEURS = {"OPH Habitat Lisse": "habitat-lisse", "Foyer Vaucellois": "foyer-vaucellois"}
LOTS = 3_000
COIN, PAS = (0.4100, 48.1030), 0.00005


@pytest.fixture(scope="module")
def monde(clone: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monde]:
    data = tmp_path_factory.mktemp("carte")
    with open_monde(clone(), data) as monde:
        with (data / "workers.log").open("ab") as log:
            work = [sys.executable, "-m", "workers"]
            worker = subprocess.Popen(work, env=monde.town.environment, cwd=ROOT, stdout=log, stderr=log)  # noqa: S603 - our own module
        monde.town.workers.append(worker)
        yield monde
    log = (data / "api.log").read_text()
    assert "Traceback" not in log, log[-4000:]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    shutil.copytree(DEMO, tmp_path / "demo")
    return tmp_path / "demo"


def importing(monde: Monde, *what: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own program
        [RELAIS, "import", *map(str, what)],
        env=monde.town.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def emprises(files: Path, name: str, change: Callable[[list[dict[str, Any]]], None]) -> Sequence[object]:
    """The words after `relais import` for the demonstration's map, changed."""
    ground = json.loads((DEMO / "emprises.geojson").read_text())
    change(ground["features"])
    file = files / f"{name}.geojson"
    file.write_text(json.dumps(ground))
    return "emprises", file, "--correspondance", files / "correspondance.yaml", "--territoire", "VSL"


def done(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said


def ask(address: Address, path: str) -> Any:
    line = HTTPConnection(*address, timeout=30)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        assert answer.status == 200, answer.read()
        return json.loads(answer.read())
    finally:
        line.close()


def whose(address: Address, place: tuple[float, float]) -> tuple[int, str]:
    """The version that a process answers by, and the bailleur it names there."""
    said = ask(address, f"/v1/routage?theme=habitat.parties_communes&lon={place[0]}&lat={place[1]}")
    return said["version"], said["acteur"]


def test_the_very_next_request_of_each_process_is_answered_by_the_map_just_imported(monde: Monde, files: Path) -> None:
    version, _ = whose(monde.servers[0], ERABLES)
    for rank, bailleur in enumerate(reversed(BAILLEURS), start=1):

        def sell(ground: list[dict[str, Any]], to: str = bailleur) -> None:
            for one in ground:
                if one["properties"]["code"] == "residence-erables":
                    one["properties"]["gestionnaire"] = to

        done(importing(monde, *emprises(files, f"vente-{rank}", sell)))
        for server in monde.servers:
            assert whose(server, ERABLES) == (version + rank, BAILLEURS[bailleur])


@pytest.mark.slow
def test_during_a_large_import_each_answer_is_the_old_map_or_the_new_one_whole(monde: Monde, files: Path) -> None:
    """All the lots change hands together: a map half read, or half written, would show two bailleurs."""

    def parcel_out(bailleur: str) -> Callable[[list[dict[str, Any]]], None]:
        return lambda ground: ground.extend(lot(rank, bailleur) for rank in range(LOTS))

    (sells, seller), (buys, buyer) = BAILLEURS.items()
    done(importing(monde, *emprises(files, "avant", parcel_out(sells))))
    process = importing(monde, *emprises(files, "apres", parcel_out(buys)))

    def watch(server: Address) -> list[tuple[int, str]]:
        seen, last = [], False
        while not last:
            last = process.poll() is not None
            seen += [whose(server, middle(0)), whose(server, middle(LOTS - 1))]
            ground = ask(server, "/v1/emprises.geojson")["features"]
            owners = {
                one["properties"]["gestionnaire"] for one in ground if one["properties"]["code"].startswith("lot-")
            }
            assert len(owners) == 1, owners
        return seen

    with ThreadPoolExecutor(len(monde.servers)) as threads:
        readings = list(threads.map(watch, monde.servers))
    done(process)
    for seen in readings:
        (old, first), (new, last) = seen[0], seen[-1]
        assert (first, last, new) == (seller, buyer, old + 1)
        assert set(seen) == {(old, seller), (new, buyer)}
        assert seen == sorted(seen), "the old map came back after the new one"


def lot(rank: int, bailleur: str) -> dict[str, Any]:
    x, y = corner(rank)
    ring = [[x, y], [x + PAS, y], [x + PAS, y + PAS], [x, y + PAS], [x, y]]
    properties = {"code": f"lot-{rank}", "nom": f"Lot {rank}", "nature": "habitat social", "gestionnaire": bailleur}
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def corner(rank: int) -> tuple[float, float]:
    return COIN[0] + rank % 60 * PAS, COIN[1] + rank // 60 * PAS


def middle(rank: int) -> tuple[float, float]:
    x, y = corner(rank)
    return x + PAS / 2, y + PAS / 2


def test_a_worker_already_at_work_writes_by_the_version_just_imported(monde: Monde, files: Path) -> None:
    ville = Ville(monde.town.engine)
    old, new = phone_of_whoever_answers(ville, monde), "02 61 91 98 76"
    territoire = files / "territoire.yaml"
    written = territoire.read_text()
    assert old in written
    territoire.write_text(written.replace(old, new))
    done(importing(monde, territoire))
    deposit(ville, theme=FUITE, place=RUE_ERABLES)
    last = acknowledgements(monde, 2)[-1]
    assert new in last
    assert old not in last


def phone_of_whoever_answers(ville: Ville, monde: Monde) -> str:
    """As the worker wrote it to the author of a signalement: it knows the version before."""
    id = deposit(ville, theme=FUITE, place=RUE_ERABLES)
    [mail] = acknowledgements(monde, 1)
    with ville.as_("pilote") as session, session.begin():
        code = get_signalement(session, caller=session.caller, id=id).acteur
        phone = referentiel(session).configuration.acteur[code].telephone
    assert phone in mail
    return phone


def acknowledgements(monde: Monde, count: int) -> list[str]:
    """The mails to their author, once there are that many."""
    start = time.monotonic()
    while time.monotonic() - start < PATIENCE:
        mails = [mail.texte for mail in lire(monde.town.boite.dossier) if mail.a == "relais@demo.test"]
        if len(mails) >= count:
            return mails
        time.sleep(0.1)
    raise AssertionError(f"{count} mails were awaited: {monde.town.last_words()}")
