"""What tests of the house share: a server whose certificate nobody trusts until it is trusted, and a wide console."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from relais.cli import affichage


class Certificate:
    """A certificate for 127.0.0.1 that nobody trusts, until `trust()` is called."""

    def __init__(self, path, monkeypatch):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.now(UTC)
        built = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        built = built.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        for extension in (
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
            x509.BasicConstraints(ca=True, path_length=0),
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        ):
            built = built.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        pem = built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
        path.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(path)
        self.trust = lambda: monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture
def certificate(tmp_path_factory, monkeypatch):
    return Certificate(tmp_path_factory.mktemp("tls") / "certificate.pem", monkeypatch)


@pytest.fixture
def large(monkeypatch):
    """One line is one line, whoever runs the tests. Consoles are made at import; the help reads COLUMNS each time."""
    monkeypatch.setenv("COLUMNS", "400")
    for console in (affichage.sortie, affichage.a_cote):
        monkeypatch.setattr(console, "width", 400)
