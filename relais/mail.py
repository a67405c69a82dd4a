"""One message to one person, over SMTP: one token, one bounce, and never a half-accepted list of recipients."""

import re
import smtplib
import ssl
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
AUTHENTICATION_REQUIRED = 530

# Whatever ends a line for some reader of headers, and NUL. Non-breaking spaces are French and stay.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})*)")

# The library folds an unknown header longer than 78 characters by encoding it (`=?utf-8?q?=3C…`), and a client then
# finds no thread: a domain of 28 letters is enough. Declared as message ids, these two are left whole.
_HEADERS = HeaderRegistry()
for _name in ("references", "in-reply-to"):
    _HEADERS.map_to_type(_name, MessageIDHeader)  # type: ignore[arg-type]  # a mix-in for typeshed
_POLICY = SMTP.clone(header_factory=_HEADERS)


class MailRefused(Exception):
    """Refused for good (5xx on MAIL, RCPT or DATA; impossible address or header): another try would end the same."""


class MailDeferred(Exception):
    """Not sent, or not known to be: to be tried again, with the same id and hence the same Message-ID."""


@dataclass(frozen=True)
class Courriel:
    """`de`, `a`, `repondre_a`: one address each, with or without a name («Relais <gusp@vaucelles.test>»).

    `fil` is the ticket's id: all that bears it is shown as one conversation.
    """

    id: UUID
    de: str
    a: str
    objet: str
    texte: str
    html: str
    repondre_a: str | None = None
    fil: str | None = None


class Mailbox(Protocol):
    def send(self, courriel: Courriel) -> None:
        """Hand over one message. Returns once the relay has accepted it; else raises MailRefused or MailDeferred."""


DIALOGUE = 30.0
"""Seconds a whole dialogue may last, whatever the number of its steps: half a delivery's lease."""


class Smtp:
    """A Mailbox on a relay: `smtp://`, `smtps://` or `smtp+starttls://`, then `[user:password@]host[:port]`.

    `smtp` encrypts when the relay offers it, whatever its certificate (a relay on the local network often has its own);
    the two others demand a certificate that verifies. `timeout` is in seconds, for each step of the dialogue.
    Raises ValueError for another URL; neither it nor any later error repeats a credential.
    """

    def __init__(self, url: str, *, timeout: float = 15) -> None:
        self._relay = _relay(url)
        self._timeout = timeout

    def send(self, courriel: Courriel) -> None:
        message = compose(courriel)
        sender, recipient = _address(courriel.de), _address(courriel.a)
        try:
            with closing(self._connect(hello=sender.domain)) as smtp:
                self._secure(smtp)
                _hand_over(smtp, sender.addr_spec, recipient.addr_spec, message.as_bytes())
        except smtplib.SMTPAuthenticationError as error:  # a relay may quote the user it refuses: its text stays here
            raise MailDeferred(f"le relais refuse l’identification ({error.smtp_code})") from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailDeferred(f"relais injoignable ou connexion perdue : {_legible(str(error))}") from None

    def _connect(self, *, hello: str) -> smtplib.SMTP:
        # `hello` is given: smtplib would otherwise ask the DNS for our own name, seconds lost where it does not answer.
        relay, patience = self._relay, {"timeout": self._timeout, "deadline": time.monotonic() + DIALOGUE}
        if relay.scheme == "smtps":
            verified = ssl.create_default_context()
            return _BoundedSsl(relay.host, relay.port, hello, context=verified, **patience)
        return _Bounded(relay.host, relay.port, hello, **patience)

    def _secure(self, smtp: smtplib.SMTP) -> None:
        relay = self._relay
        smtp.ehlo_or_helo_if_needed()
        if relay.scheme == "smtp+starttls":
            smtp.starttls(context=ssl.create_default_context())
        elif relay.scheme == "smtp" and smtp.has_extn("starttls"):
            unverified = ssl.create_default_context()
            unverified.check_hostname = False
            unverified.verify_mode = ssl.CERT_NONE
            smtp.starttls(context=unverified)
        smtp.ehlo_or_helo_if_needed()
        if relay.user:
            smtp.login(relay.user, relay.password)


class _Bounded(smtplib.SMTP):
    """A dialogue with an end: a relay slow at every step would outlast the lease under which the message is sent."""

    def __init__(self, *where: Any, deadline: float, **options: Any) -> None:  # noqa: ANN401 - smtplib's own
        self._deadline = deadline
        super().__init__(*where, **options)

    def getreply(self) -> tuple[int, bytes]:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("dialogue trop long")
        if self.sock is not None:
            self.sock.settimeout(min(self.timeout, left))
        return super().getreply()


class _BoundedSsl(_Bounded, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""


def compose(courriel: Courriel) -> EmailMessage:
    """The message as it leaves, but for its Date a function of `courriel` alone: the same Message-ID at every attempt.

    Raises MailRefused when a header holds a line break or an address is not exactly one plain ASCII address.
    """
    for value in (courriel.de, courriel.a, courriel.objet, courriel.repondre_a or "", courriel.fil or ""):
        if _CONTROL.search(value):
            raise MailRefused("un en-tête contient un saut de ligne ou un caractère de contrôle")
    sender = _address(courriel.de)
    message = EmailMessage(policy=_POLICY)
    message["Message-ID"] = f"<{courriel.id}@{sender.domain}>"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["From"] = sender
    message["To"] = _address(courriel.a)
    message["Subject"] = courriel.objet
    if courriel.repondre_a is not None:
        message["Reply-To"] = _address(courriel.repondre_a)
    if courriel.fil is not None:
        message["References"] = message["In-Reply-To"] = f"<{courriel.fil}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office answers us (RFC 3834)
    # Quoted-printable: readable in a log, and no relay needs 8BITMIME for it.
    message.set_content(courriel.texte, cte="quoted-printable")
    message.add_alternative(courriel.html, subtype="html", cte="quoted-printable")
    return message


@dataclass(frozen=True)
class _Relay:
    scheme: str
    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)


def _relay(url: str) -> _Relay:
    try:
        parts = urlsplit(url)
        host, port = (
            parts.hostname,
            parts.port,
        )  # a «/» left bare in a password makes `port` raise, quoting a part of it
    except ValueError:
        host = port = None
    user, password = (unquote(part or "") for part in (parts.username, parts.password)) if host else ("", "")
    if not host or parts.scheme not in PORTS or not (user + password).isascii():
        raise ValueError(
            "adresse du relais attendue : smtp://, smtps:// ou smtp+starttls://, puis "
            "[utilisateur:motdepasse@]hôte[:port], "
            "en ASCII, les caractères spéciaux de l’utilisateur et du mot de passe écrits %XX",
        )
    return _Relay(parts.scheme, host, port or PORTS[parts.scheme], user, password)


def _address(text: str) -> Address:
    found = getaddresses([text])
    match = _ADDRESS.fullmatch(found[0][1]) if len(found) == 1 else None
    if match is None:
        raise MailRefused("adresse impossible : une seule adresse, en caractères ASCII, est attendue")
    return Address(found[0][0], *match.groups())


def _hand_over(smtp: smtplib.SMTP, sender: str, recipient: str, message: bytes) -> None:
    try:
        smtp.sendmail(sender, [recipient], message)
    except smtplib.SMTPRecipientsRefused as error:
        code, text = error.recipients[recipient]
        raise _verdict(code, text) from None
    except smtplib.SMTPResponseException as error:
        raise _verdict(error.smtp_code, error.smtp_error) from None
    # Accepted: a relay that hangs up instead of saying goodbye must not have us send a second copy.
    with suppress(smtplib.SMTPException, OSError):
        smtp.quit()


def _verdict(code: int, text: bytes | str) -> MailRefused | MailDeferred:
    answer = f"{code} {_legible(text.decode('utf-8', 'replace') if isinstance(text, bytes) else text)}"
    # 530 speaks of our settings (RFC 4954), not of this message: burying every mail for it would lose them all.
    permanent = 500 <= code <= 599 and code != AUTHENTICATION_REQUIRED  # noqa: PLR2004 - the class of the reply
    return MailRefused(answer) if permanent else MailDeferred(answer)


def _legible(text: str) -> str:
    return _CONTROL.sub(" ", text)[:300]
