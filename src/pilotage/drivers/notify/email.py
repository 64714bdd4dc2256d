"""Announcements as e-mail, in plain text: one thread of mails for each rollout (RFC 5322, 3.6.4).

A mail server cannot be asked what it has: a mail tried again has the same Message-ID, and mailboxes drop it by that.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from ipaddress import ip_address
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Message
from pilotage.drivers.answers import one_line, usable
from pilotage.drivers.messages import Taken, headline, key
from pilotage.drivers.secrets import Secret

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?", re.ASCII)
_MESSAGE_ID = re.compile(r"<[0-9a-f]{32}\.pilotage@[A-Za-z0-9.-]{1,255}>")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_MOST_SUBJECT = 200

_taken = Taken()


class EmailNotifier:
    class Options(DriverOptions):
        """Credentials are never sent unencrypted, but to this machine. The server's certificate is checked;
        SSL_CERT_FILE may name an authority of your own."""

        host: str = Field(min_length=1, description="the mail server")
        sender: str = Field(description="a bare address, such as pilotage@example.org")
        to: list[str] = Field(min_length=1, max_length=50, description="bare addresses, up to 50")
        port: int | None = Field(
            default=None, ge=1, le=65535, description="of the mail server; without it 587, 465 or 25, by `security`"
        )
        security: Literal["starttls", "tls", "none"] = Field(
            default="starttls",
            description="by starttls, or tls from the first byte; with a password none to this machine only",
        )
        username: str | None = Field(
            default=None, pattern=r"^[!-~]+$", description="to log in; without it and `password` nobody logs in"
        )
        password: Secret | None = Field(default=None, description="the password of `username`")
        timeout_s: float = Field(default=8.0, gt=0, le=120, description="seconds for each step of the conversation")

        @field_validator("sender")
        @classmethod
        def _is_an_address(cls, address: str) -> str:
            if not _ADDRESS.fullmatch(address):
                raise ValueError("a bare address, such as pilotage@example.org")
            return address

        @field_validator("to")
        @classmethod
        def _are_addresses(cls, addresses: list[str]) -> list[str]:
            return [cls._is_an_address(one) for one in dict.fromkeys(addresses)]

        @model_validator(mode="after")
        def _keeps_the_password(self) -> EmailNotifier.Options:
            if (self.username is None) != (self.password is None):
                raise ValueError("username and password together, or neither")
            if self.password is not None and self.security == "none" and not _is_here(self.host):
                raise ValueError("security: starttls or tls, as a password would go over the network unencrypted")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._port = options.port or _PORTS[options.security]
        self._server = f"the mail server {options.host}:{self._port}"

    async def send(self, message: Message) -> str:
        """The thread is the first mail's Message-ID."""
        mail = self._mail(message)
        await asyncio.to_thread(self._send, message, mail, await self._password())
        return str(mail["References"] or mail["Message-ID"])

    async def probe(self) -> str:
        """Connects, encrypts, logs in and leaves again: nothing is sent."""
        await asyncio.to_thread(self._look, await self._password())
        return f"{self._server} takes mails from {self._options.sender} to {', '.join(self._options.to)}"[:500]

    async def close(self) -> None:
        """Each mail has a connection of its own."""

    async def _password(self) -> str:
        """Empty where nobody logs in."""
        return await usable(self._options.password) if self._options.password is not None else ""

    def _mail(self, message: Message) -> EmailMessage:
        options, mail = self._options, EmailMessage()
        digest = hashlib.sha256(f"{message.rollout} {key(message)}".encode(errors="replace")).hexdigest()[:32]
        mail["Message-ID"] = f"<{digest}.pilotage@{options.sender.rpartition('@')[2]}>"
        if _MESSAGE_ID.fullmatch(message.thread):
            mail["In-Reply-To"] = mail["References"] = message.thread
        mail["Date"] = formatdate()
        mail["From"] = Address("Pilotage", addr_spec=options.sender)
        mail["To"] = [Address(addr_spec=one) for one in options.to]
        mail["Subject"] = _one_header(headline(message))
        mail["Auto-Submitted"] = "auto-generated"
        body = f"{_text(message.text)}\n\n-- \nPilotage, rollout {_one_header(message.rollout)}\n"
        mail.set_content(body, cte="quoted-printable")
        return mail

    def _send(self, message: Message, mail: EmailMessage, password: str) -> None:
        """To those who do not have it yet: where a server refused some, the others are not written to again."""
        options = self._options
        waiting = [one for one in options.to if not _taken.has(message, self._receiver(one))]
        if not waiting:
            return
        with self._session(password) as session:
            refused = session.send_message(mail, options.sender, waiting)
            for one in waiting:
                if one not in refused:
                    _taken.add(message, self._receiver(one))
        if refused:
            raise self._refusal(refused, password)

    def _receiver(self, address: str) -> str:
        return f"{self._options.host}:{self._port} {address}"

    def _look(self, password: str) -> None:
        with self._session(password):
            pass

    @contextmanager
    def _session(self, password: str) -> Iterator[smtplib.SMTP]:
        try:
            with self._connected() as session:
                if password:
                    session.login(self._options.username or "", password)
                yield session
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refusal(error.recipients, password) from None
        except smtplib.SMTPResponseException as error:
            login = isinstance(error, smtplib.SMTPAuthenticationError)
            raise self._answered(error.smtp_code, _words(error.smtp_error, password), login) from None
        except smtplib.SMTPServerDisconnected as error:
            slow = "timed out" in str(error)
            did = f"did not answer within {self._options.timeout_s:g} s" if slow else "closed the connection"
            raise TemporaryError(f"{self._server} {did}") from None
        except smtplib.SMTPException as error:
            lacks = (
                "STARTTLS: is `security` right?" if "STARTTLS" in str(error) else "a way to log in that is known here"
            )
            raise PermanentError(f"{self._server} does not offer {lacks}") from None
        except ssl.SSLCertVerificationError as error:
            why = f"its certificate is not trusted ({one_line(error.verify_message, 100)})"
            raise PermanentError(f"{self._server}: {why}; SSL_CERT_FILE may name an authority of your own") from None
        except ssl.SSLError:
            raise PermanentError(
                f"{self._server} does not speak TLS as expected: are `port` and `security` right?"
            ) from None
        except OSError as error:
            raise TemporaryError(f"{self._server} does not answer ({type(error).__name__})") from None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        options = self._options
        if options.security == "tls":
            context = ssl.create_default_context()
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                options.host, self._port, timeout=options.timeout_s, context=context
            )
        else:
            session = smtplib.SMTP(options.host, self._port, timeout=options.timeout_s)
        try:
            session.ehlo_or_helo_if_needed()
            if options.security == "starttls":
                session.starttls(context=ssl.create_default_context())
            yield session
            with suppress(smtplib.SMTPException, OSError):
                session.quit()  # what was taken stays taken, however the parting goes
        finally:
            session.close()

    def _answered(self, code: int, words: str, login: bool) -> TemporaryError | PermanentError:
        said = f"{self._server} answered {code}: {words}"
        if code < 500:
            return TemporaryError(said)
        if login:
            return PermanentError(f"{self._server} refuses the credentials ({code}): are username and password right?")
        return PermanentError(said)

    def _refusal(self, refused: dict[str, tuple[int, bytes]], password: str) -> TemporaryError | PermanentError:
        shown = ", ".join(
            f"{who} ({code} {_words(words, password)})" for who, (code, words) in list(refused.items())[:5]
        )
        said = f"{self._server} refuses {len(refused)} of {len(self._options.to)} recipients: {shown}"
        later = any(code < 500 for code, _ in refused.values())
        return TemporaryError(said) if later else PermanentError(f"{said}: correct `to`")


def _words(words: bytes | str, password: str) -> str:
    """The server's own, without the password should it repeat it."""
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return one_line(text.replace(password, "(hidden)") if password else text, 120)


def _one_header(text: str) -> str:
    """A header ends at a line's end: text from outside must not begin another."""
    line = _text(" ".join(text.split()))
    return line if len(line) <= _MOST_SUBJECT else f"{line[: _MOST_SUBJECT - 3]}..."


def _text(text: str) -> str:
    return "".join(one for one in text if one.isprintable() or one in "\n\t")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
