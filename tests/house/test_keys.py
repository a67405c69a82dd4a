"""The installation's secrets: made once, whoever starts first, and readable by nobody else."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from relais.keys import SECRET_BYTES, Keys, load_keys
from relais.settings import Settings

START = """
import sys
from pathlib import Path
from relais.keys import load_keys
from relais.settings import Settings
settings = Settings(data_dir=Path(sys.argv[1]))
{before}
print("ready", flush=True)
sys.stdin.readline()
keys = load_keys(settings)
print(keys.kid, keys.secret.hex())
"""
ONE_PID = "import os; os.getpid = lambda: 1  # as in containers, where everybody is process 1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def test_keys_are_made_at_the_first_start_and_read_at_the_next(settings):
    first, second = load_keys(settings), load_keys(settings)
    assert (first.kid, first.secret) == (second.kid, second.secret)
    assert len(first.secret) == SECRET_BYTES


def test_only_their_owner_reads_them_and_no_draft_is_left(settings):
    previous = os.umask(0)
    try:
        load_keys(settings)
    finally:
        os.umask(previous)
    folder = settings.data_dir / "cles"
    rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert rights == {"cles": 0o700, "jetons.pem": 0o600, "secret": 0o600}


@pytest.mark.parametrize("before", ["", ONE_PID], ids=["two processes", "two containers"])
def test_several_first_starts_at_once_keep_the_same_keys(settings, before):
    command = [sys.executable, "-c", START.format(before=before), str(settings.data_dir)]
    starts = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        for _ in range(3)
    ]
    for start in starts:
        assert start.stdout.readline() == "ready\n"
    for start in starts:
        start.stdin.write("\n")
        start.stdin.flush()
    said = {start.communicate(timeout=60)[0].strip() for start in starts}
    keys = load_keys(settings)
    assert said == {f"{keys.kid} {keys.secret.hex()}"}


def test_two_installations_share_nothing(settings, tmp_path):
    here, there = load_keys(settings), load_keys(Settings(data_dir=tmp_path / "other"))
    assert here.kid != there.kid
    assert here.derive("media") != there.derive("media")
    with pytest.raises(InvalidToken):
        there.box.decrypt(here.box.encrypt(b"whsec"))


def test_what_is_derived_for_one_purpose_tells_nothing_of_another(settings):
    keys = load_keys(settings)
    derived = {keys.derive(purpose) for purpose in ("media", "actions", "coffre", "")}
    assert len(derived) == 4
    assert keys.secret not in derived
    assert keys.derive("media") == Keys(keys.tokens, keys.secret).derive("media")


def test_the_box_gives_back_what_it_sealed_and_sees_tampering(settings):
    box = load_keys(settings).box
    sealed = box.encrypt(b"whsec_1")
    assert isinstance(box, Fernet)
    assert box.decrypt(sealed) == b"whsec_1"
    with pytest.raises(InvalidToken):
        box.decrypt(sealed[:-4] + b"AAA=")


def test_files_given_are_used_and_nothing_is_made_beside_them(settings, tmp_path):
    load_keys(settings)
    ours = settings.data_dir / "cles"
    given = Settings(data_dir=tmp_path / "empty", cle_jetons_file=ours / "jetons.pem", secret_file=ours / "secret")
    assert load_keys(given).kid == load_keys(settings).kid
    assert not (tmp_path / "empty").exists()


def test_a_key_of_another_kind_or_a_short_secret_is_refused_at_the_start(settings, tmp_path):
    wrong = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "wrong.pem").write_bytes(wrong)
    (tmp_path / "short").write_bytes(b"x" * (SECRET_BYTES - 1))
    with pytest.raises(SystemExit, match="Ed25519"):
        load_keys(Settings(data_dir=settings.data_dir, cle_jetons_file=tmp_path / "wrong.pem"))
    with pytest.raises(SystemExit, match="32 octets"):
        load_keys(Settings(data_dir=settings.data_dir, secret_file=tmp_path / "short"))
