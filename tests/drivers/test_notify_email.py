"""The e-mail driver, before real SMTP servers."""

from __future__ import annotations

import socket
import traceback
from dataclasses import replace

import pytest
from pydantic import ValidationError

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Message
from pilotage.drivers.notify import email
from pilotage.drivers.notify.email import EmailNotifier
from pilotage.testing import CredentialsContract, NotifierContract, RepeatsContract, ThreadContract
from tests import servers
from tests.drivers import mail

FIRST = Message("r-1/0", "r-1", "rollout_started", "payment v2: started", "P0: orders fail\nfor everybody")
LOGIN = {"username": mail.USER, "password": {"env": "SMTP_PASSWORD"}}


@pytest.fixture(autouse=True)
def a_process_of_its_own(monkeypatch):
    """The driver remembers who took what for as long as its process runs."""
    monkeypatch.setattr(email, "_taken", email.Taken())
    monkeypatch.setenv("SMTP_PASSWORD", mail.PASSWORD)


@pytest.fixture
def mailbox():
    with mail.server() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return mail.certificate(tmp_path_factory.mktemp("tls"))


def notifier(port, **options):
    given = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "pilotage@example.org"}
    given |= {"to": ["oncall@example.org"]}
    return EmailNotifier(EmailNotifier.Options.model_validate(given | options), Context(None, None))


async def failure(work) -> DriverError:
    """What it raises; no error may show the password, however it is written out."""
    with pytest.raises(DriverError) as error:
        await work
    assert mail.PASSWORD not in "".join(traceback.format_exception(error.value))
    return error.value


class TestEmail(NotifierContract, RepeatsContract, ThreadContract):
    @pytest.fixture
    def driver(self, mailbox):
        return notifier(mailbox.port)

    @pytest.fixture
    def received(self, mailbox):
        return mailbox.read

    @pytest.fixture
    def threads(self, mailbox):
        return lambda: len({one["References"] or one["Message-ID"] for one in mailbox.mails})


class TestEmailWithALogin(NotifierContract, CredentialsContract):
    @pytest.fixture
    def mailbox(self, certificate):
        with mail.server(login=True, starttls=certificate[0]) as running:
            yield running

    @pytest.fixture
    def driver(self, mailbox, certificate, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
        return notifier(mailbox.port, security="starttls", **LOGIN)

    @pytest.fixture
    def received(self, mailbox):
        return mailbox.read

    @pytest.fixture
    def refused(self, driver, monkeypatch):
        monkeypatch.setenv("SMTP_PASSWORD", "another")
        return driver

    async def test_a_server_that_repeats_the_password_is_not_quoted(self, driver, mailbox):
        mailbox.refuse = {"oncall@example.org": f"550 not with {mail.PASSWORD}"}
        assert "550 not with (hidden)" in str(await failure(driver.send(FIRST)))


async def test_a_mail_is_plain_text_with_its_thread_and_asks_for_no_answer_by_machines(mailbox):
    thread = await notifier(mailbox.port).send(FIRST)
    await notifier(mailbox.port).send(replace(FIRST, id="r-1/1", title="später – 5 % ✓", text="ä", thread=thread))
    first, second = mailbox.mails
    assert (first["Message-ID"], first["In-Reply-To"]) == (thread, None)
    assert (second["In-Reply-To"], second["References"]) == (thread, thread)
    assert (str(second["Subject"]), mail.text(second)) == ("später – 5 % ✓", "ä\n\n-- \nPilotage, rollout r-1\n")
    assert (second.get_content_type(), second.get_content_charset()) == ("text/plain", "utf-8")
    assert (first["From"], first["To"]) == ("Pilotage <pilotage@example.org>", "oncall@example.org")
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Date"]


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00"])
async def test_text_from_outside_adds_no_header_and_no_recipient(mailbox, break_):
    hostile = f"held{break_}Bcc: eve@example.org{break_}{break_}<script>"
    await notifier(mailbox.port).send(replace(FIRST, title=hostile, rollout=hostile, thread=hostile))
    (arrived,) = mailbox.mails
    assert (arrived["Bcc"], arrived["References"], mailbox.recipients) == (None, None, [["oncall@example.org"]])
    assert "held" in arrived["Subject"]
    assert arrived.get_content_type() == "text/plain"


async def test_half_a_character_and_a_line_with_a_dot_arrive(mailbox):
    await notifier(mailbox.port).send(replace(FIRST, title="a\ud800b", text="before\n.\n..\nafter \udfff"))
    assert "before\n.\n..\nafter" in mailbox.read()[0]


async def test_a_long_title_is_cut(mailbox):
    await notifier(mailbox.port).send(replace(FIRST, title="ä" * 10_000))
    assert str(mailbox.mails[0]["Subject"]) == "ä" * 197 + "..."


async def test_a_mail_tried_again_after_a_restart_has_the_same_message_id(mailbox, monkeypatch):
    mailbox.lose = 1
    assert isinstance(await failure(notifier(mailbox.port).send(FIRST)), TemporaryError)
    await notifier(mailbox.port).send(replace(FIRST, attempt=1))
    assert len({one["Message-ID"] for one in mailbox.mails}) == 1
    assert len(mailbox.mails) == 2


async def test_every_message_and_audience_has_a_message_id_of_its_own(mailbox):
    for message in (FIRST, replace(FIRST, id="r-1/1"), replace(FIRST, audience="stakeholders")):
        await notifier(mailbox.port).send(message)
    assert len({one["Message-ID"] for one in mailbox.mails}) == 3


async def test_who_has_it_is_not_written_to_again_when_others_are_refused(mailbox):
    mailbox.refuse = {"full@example.org": "452 mailbox full"}
    driver = notifier(mailbox.port, to=["oncall@example.org", "full@example.org"])
    error = await failure(driver.send(FIRST))
    assert isinstance(error, TemporaryError)
    assert "refuses 1 of 2 recipients: full@example.org (452 mailbox full)" in str(error)
    mailbox.refuse = {}
    await driver.send(replace(FIRST, attempt=1))
    assert mailbox.recipients == [["oncall@example.org"], ["full@example.org"]]


async def test_a_recipient_that_does_not_exist_is_permanent(mailbox):
    mailbox.refuse = {"oncall@example.org": "550 no such user"}
    error = await failure(notifier(mailbox.port).send(FIRST))
    assert (type(error), "550 no such user" in str(error)) == (PermanentError, True)


@pytest.mark.parametrize(
    ("answer", "kind"), [("451 try later", TemporaryError), ("554 refused as spam", PermanentError)]
)
async def test_what_the_server_says_of_a_mail_is_told_by_its_kind(mailbox, answer, kind):
    mailbox.after = answer
    error = await failure(notifier(mailbox.port).send(FIRST))
    assert (type(error), answer[4:] in str(error)) == (kind, True)


async def test_tls_from_the_first_byte(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    with mail.server(tls=certificate[0]) as mailbox:
        await notifier(mailbox.port, security="tls").send(FIRST)
        assert len(mailbox.mails) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate):
    with mail.server(tls=certificate[0]) as mailbox:
        error = await failure(notifier(mailbox.port, security="tls").probe())
    assert (type(error), "SSL_CERT_FILE" in str(error)) == (PermanentError, True)


async def test_a_server_without_starttls_gets_nothing(mailbox):
    error = await failure(notifier(mailbox.port, security="starttls", **LOGIN).send(FIRST))
    assert (type(error), "STARTTLS" in str(error), mailbox.mails) == (PermanentError, True, [])


async def test_a_server_without_tls_gets_nothing(mailbox):
    error = await failure(notifier(mailbox.port, security="tls").send(FIRST))
    assert (type(error), "are `port` and `security` right?" in str(error)) == (PermanentError, True)


async def test_a_server_that_knows_no_login_is_permanent(mailbox):
    error = await failure(notifier(mailbox.port, **LOGIN).probe())
    assert (type(error), "a way to log in" in str(error)) == (PermanentError, True)


async def test_a_server_that_never_answers_is_temporary():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = await failure(notifier(silent.getsockname()[1], timeout_s=0.2).probe())
    assert (type(error), "did not answer within 0.2 s" in str(error)) == (TemporaryError, True)


async def test_nobody_there_is_temporary():
    error = await failure(notifier(servers.free_port()).probe())
    assert (type(error), "127.0.0.1:" in str(error)) == (TemporaryError, True)


async def test_probe_names_both_ends(mailbox):
    said = await notifier(mailbox.port).probe()
    assert "takes mails from pilotage@example.org to oncall@example.org" in said


@pytest.mark.parametrize("host", ["mail.example.org", "10.0.0.5"])
def test_a_password_never_goes_over_the_network_unencrypted(host):
    with pytest.raises(ValidationError, match="unencrypted"):
        notifier(25, host=host, **LOGIN)
    assert notifier(25, host=host)


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": ["a@example.org\nBcc: eve@example.org"]},
        {"to": ["On Call <oncall@example.org>"]},
        {"to": []},
        {"sender": "pilotage"},
        {"username": "me"},
        {"password": {"env": "SMTP_PASSWORD"}},
        {"username": "me", "password": "planted"},
    ],
)
def test_wrong_options_are_refused_without_a_secret(wrong):
    with pytest.raises(ValidationError) as caught:
        notifier(25, **wrong)
    assert "planted" not in str(caught.value)
