"""The installation's secrets: one Ed25519 key for access tokens, one random secret from which the rest is derived.

Both are files of the data folder, made at the first start, or given by `RELAIS_*_FILE` when machines share them.
"""

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

SECRET_BYTES = 32


class Places(Protocol):
    """Where the secrets are: `Settings` says it, which commands that make an API key need not know."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def cle_jetons_file(self) -> Path | None: ...
    @property
    def secret_file(self) -> Path | None: ...


@dataclass(frozen=True)
class Keys:
    tokens: Ed25519PrivateKey
    secret: bytes

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose; knowing those of one tells nothing of another (RFC 5869)."""
        return HKDF(hashes.SHA256(), 32, salt=None, info=f"relais/{purpose}".encode()).derive(self.secret)

    @cached_property
    def kid(self) -> str:
        raw = self.tokens.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        digest = hashes.Hash(hashes.SHA256())
        digest.update(raw)
        return digest.finalize().hex()[:16]

    @cached_property
    def box(self) -> Fernet:
        """Seals what the database must keep and never show: webhook secrets."""
        return Fernet(urlsafe_b64encode(self.derive("coffre")))


def load_keys(settings: Places) -> Keys:
    """Reads the two files, making those that are ours and absent. Two processes starting at once keep the same ones."""
    folder = settings.data_dir / "cles"
    pem = _read_or_make(settings.cle_jetons_file, folder / "jetons.pem", _new_token_key)
    secret = _read_or_make(settings.secret_file, folder / "secret", lambda: os.urandom(SECRET_BYTES))
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit("RELAIS_CLE_JETONS_FILE doit contenir une clé privée Ed25519 (PEM).")
    if len(secret) < SECRET_BYTES:
        raise SystemExit(f"RELAIS_SECRET_FILE doit contenir au moins {SECRET_BYTES} octets au hasard.")
    return Keys(key, secret)


def _new_token_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read_or_make(given: Path | None, ours: Path, make: Callable[[], bytes]) -> bytes:
    if given is not None:
        return given.read_bytes()
    ours.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not ours.exists():
        # A name of its own and not the pid's, which is 1 in every container; it is born 0600.
        with NamedTemporaryFile(dir=ours.parent, prefix=f".{ours.name}.") as draft:
            draft.write(make())
            draft.flush()
            os.fsync(draft.fileno())
            with suppress(FileExistsError):  # another process was first: its key is then everybody's
                os.link(draft.name, ours)
    return ours.read_bytes()
