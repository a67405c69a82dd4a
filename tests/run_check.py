"""`make run-check`: what a newcomer does to `make run`. Started, killed with -9, started again, stopped.

Exit status 0 when the second start finds the first one's data and leaves nothing behind. Three minutes at most, the
first installation aside: `make` has made the virtualenv before it comes here.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 180
STARTED = time.monotonic()


def main() -> None:
    port = free_port()
    say(f"make run PORT={port}")
    first = make_run(port)
    version = ready(first, port)
    supervisor, below = process_tree(first.pid)
    say(f"prêt, version {version} ; kill -9 {supervisor}")
    os.kill(supervisor, signal.SIGKILL)
    first.wait(remaining())
    wait_until(lambda: not answers(port), "l'API survit à son « relais up »")
    say("make run, de nouveau")
    second = make_run(port)
    again = ready(second, port)
    if again != version:
        fail(f"la version {version} est devenue {again} : ce ne sont plus les mêmes données")
    supervisor, last = process_tree(second.pid)
    say(f"prêt, mêmes données ; kill {supervisor}")
    os.kill(supervisor, signal.SIGTERM)
    if status := second.wait(remaining()):
        fail(f"make run s'est arrêté avec le code {status}")
    wait_until(lambda: not (below | last | {postgres()}) & set(processes()), "des processus sont restés")
    if answers(port):
        fail(f"le port {port} répond encore")
    say("arrêté, rien n'est resté")


def make_run(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["make", "run", f"PORT={port}"], cwd=ROOT, stdin=subprocess.DEVNULL)  # noqa: S603, S607 - ours


def ready(run: subprocess.Popen[bytes], port: int) -> int:
    """The version of the configuration served, once there is one."""

    def look() -> bool:
        if run.poll() is not None:
            fail(f"make run s'est arrêté avec le code {run.returncode}")
        return answers(port)

    wait_until(look, "/readyz ne répond pas")
    return json.loads(get(port, "/v1/meta")[1])["version"]


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def answers(port: int) -> bool:
    try:
        return get(port, "/readyz")[0] == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def processes() -> dict[int, tuple[int, str]]:
    """Every live process: its parent, and its command line."""
    listing = subprocess.check_output(["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], text=True)  # noqa: S607 - ours
    rows = (line.split(None, 3) for line in listing.splitlines())
    return {int(pid): (int(parent), args) for pid, parent, stat, args in rows if not stat.startswith("Z")}


def process_tree(make: int) -> tuple[int, set[int]]:
    """The pid of the `relais up` below that `make`, and all that runs below it."""
    alive = processes()
    below = {make}
    while found := {pid for pid, (parent, _) in alive.items() if parent in below} - below:
        below |= found
    supervisors = [pid for pid in below if " up --demo " in alive[pid][1] and "python" in alive[pid][1].split()[0]]
    if len(supervisors) != 1:
        fail(f"un seul « relais up » attendu sous make, trouvés : {supervisors}")
    return supervisors[0], below - {make}


def postgres() -> int:
    """The pid its own file says; 0 when it has removed it, as it does when it stops well."""
    pointer = ROOT / "data" / "postgres.path"
    home = Path(pointer.read_text().strip()) if pointer.exists() else ROOT / "data" / "postgres"
    file = home / "cluster" / "postmaster.pid"
    return int(file.read_text().split()[0]) if file.exists() else 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def wait_until(done: Callable[[], bool], otherwise: str) -> None:
    while not done():
        remaining(otherwise)
        time.sleep(0.1)


def remaining(otherwise: str = "trop long") -> float:
    left = STARTED + LIMIT - time.monotonic()
    if left <= 0:
        fail(f"{otherwise}, après {LIMIT} s")
    return left


def say(text: str) -> None:
    print(f"run-check : {text}", flush=True)  # noqa: T201 - a script


def fail(reason: str) -> NoReturn:
    """Nothing is left running by a check that failed: what hears SIGTERM is told."""
    sys.stderr.write(f"run-check : ÉCHEC, {reason}\n")
    alive = processes()
    for pid in [pid for pid, (parent, _) in alive.items() if parent == os.getpid()]:
        for child in [child for child, (parent, args) in alive.items() if parent == pid and " up --demo " in args]:
            os.kill(child, signal.SIGTERM)
    sys.exit(1)


if __name__ == "__main__":
    main()
