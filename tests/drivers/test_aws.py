"""What all drivers of AWS share: credentials, roles, and what refusals mean. Tried by way of an alias of Lambda."""

import asyncio
import builtins
import datetime
import json
import time
from email.utils import formatdate
from urllib.parse import parse_qs

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.redact import redact
from pilotage.drivers.aws import Aws, AwsOptions
from pilotage.testing.faults import faulty
from tests import servers
from tests.drivers import aws

SECRET = aws.ENVIRONMENT["AWS_SECRET_ACCESS_KEY"]
ALIAS = {"FunctionName": "pay", "Name": "live"}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    aws.set_environment(monkeypatch)


def at(url, service="lambda", **given):
    options = AwsOptions.model_validate({"region": aws.REGION, "endpoint_url": url, "timeout_s": 2, **given})
    return Aws(service, "AWS Lambda", options, prefix="lambda")


async def look(client):
    return await client.look("get_alias", "alias live of pay", **ALIAS)


async def refused(kind, client):
    with pytest.raises(kind) as caught:
        await look(client)
    said = str(caught.value)
    assert type(caught.value) is kind, said
    assert "AWS" in said
    assert SECRET not in said
    assert "\n" not in said
    assert redact(said) == said, "nothing in it may look like a secret: it would be hidden from the person"
    return said


class TestRefusals:
    """Codes as AWS' services document them under "common errors"."""

    @pytest.mark.parametrize(
        ("status", "code", "message", "kind", "words"),
        [
            (403, "AccessDeniedException", "User x may not perform lambda:GetAlias", PermanentError,
             "denies lambda:GetAlias on alias live of pay"),
            (403, "ExpiredTokenException", "is expired", TemporaryError, "the credentials have expired"),
            (403, "UnrecognizedClientException", "is invalid.", PermanentError, "does not know these credentials"),
            (403, "InvalidSignatureException", f"does not match. {SECRET}", PermanentError,
             "is the secret key that of the access key"),
            (403, "InvalidSignatureException", "Signature expired: 20261126T010000Z is now earlier than",
             PermanentError, "this machine's clock"),
            (403, "RequestTimeTooSkewed", "too large", PermanentError, "timedatectl"),
            (429, "TooManyRequestsException", "Rate exceeded", TemporaryError, "limits how often"),
            (400, "ThrottlingException", "Rate exceeded", TemporaryError, "limits how often"),
            (404, "ResourceNotFoundException", "Cannot find alias", PermanentError,
             "has no alias live of pay in eu-west-1"),
            (409, "ResourceConflictException", "An update is in progress", TemporaryError, "changed by somebody else"),
            (412, "PreconditionFailedException", "The id is another", TemporaryError, "changed by somebody else"),
            (400, "InvalidParameterValueException", "Bad\nvalue", PermanentError,
             "for lambda:GetAlias on alias live of pay"),
            (500, "ServiceException", "oops", TemporaryError, "500"),
            (400, "InternalFailure", "oops", TemporaryError, "InternalFailure"),
        ],
    )  # fmt: skip
    async def test_what_they_mean(self, status, code, message, kind, words):
        with faulty() as server:
            server.status, server.headers = status, {"x-amzn-ErrorType": code}
            server.body = json.dumps({"message": message}).encode()
            said = await refused(kind, at(server.url))
            assert words in said
            assert len(server.asked) == 1

    @pytest.mark.parametrize(("behind_s", "words"), [(3600, "s ahead of AWS'"), (-3600, "s behind AWS'")])
    async def test_a_signature_that_is_too_old_by_the_servers_clock_names_the_clock(self, behind_s, words):
        with faulty() as server:
            server.status, server.headers = 403, {"x-amzn-ErrorType": "SignatureDoesNotMatch"}
            server.behind_s = behind_s
            assert words in await refused(PermanentError, at(server.url))

    async def test_when_to_come_back_is_passed_on(self):
        with faulty() as server:
            server.status, server.headers = 429, {"Retry-After": "9", "x-amzn-ErrorType": "TooManyRequestsException"}
            with pytest.raises(TemporaryError, match="after 9 s") as caught:
                await look(at(server.url))
            assert caught.value.after_s == 9


class TestCredentials:
    async def test_none_says_where_they_are_looked_for(self, monkeypatch):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        said = await refused(PermanentError, at("http://127.0.0.1:1"))
        assert "expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a `profile`, or a role" in said

    async def test_half_of_them_is_told(self, monkeypatch):
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        assert "whole credentials" in await refused(PermanentError, at("http://127.0.0.1:1"))

    async def test_no_region_is_told(self):
        assert "give `region`" in await refused(PermanentError, at(None, region=None))

    async def test_a_profile_that_is_not_there_is_named(self):
        said = await refused(PermanentError, at("http://127.0.0.1:1", profile="shop"))
        assert "there is no profile shop in ~/.aws/config" in said

    async def test_a_profiles_keys_are_used_and_read_anew_after_they_were_refused(self, monkeypatch, tmp_path):
        file = tmp_path / "credentials"
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        file.write_text("[shop]\naws_access_key_id = OLDKEY\naws_secret_access_key = old\n")
        client = at("http://127.0.0.1:1", profile="shop")
        with servers.http_server(b'{"message": "The security token included in the request is expired"}') as page:
            client = at(page.url, profile="shop")
            page.status = 403
            await refused(PermanentError, client)  # no code: only a refusal
            file.write_text("[shop]\naws_access_key_id = NEWKEY\naws_secret_access_key = new\n")
            await refused(PermanentError, client)
            page.body = b'{"__type": "ExpiredTokenException", "message": "expired"}'
            await refused(TemporaryError, client)
            await refused(TemporaryError, client)
            used = [headers["authorization"].split("Credential=")[1].split("/")[0] for headers, _ in page.requests]
        assert used == ["OLDKEY", "OLDKEY", "OLDKEY", "NEWKEY"]

    async def test_a_login_that_has_ended_says_how_to_log_in(self, monkeypatch, tmp_path):
        file = tmp_path / "config"
        monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
        monkeypatch.setenv("HOME", str(tmp_path))
        file.write_text(
            "[profile shop]\nsso_start_url = https://example.org/start\nsso_region = eu-west-1\n"
            "sso_account_id = 123456789012\nsso_role_name = ops\n"
        )
        said = await refused(PermanentError, at("http://127.0.0.1:1", profile="shop"))
        assert "aws sso login --profile shop" in said

    async def test_nobody_is_asked_for_a_one_time_code(self, monkeypatch, tmp_path):
        file = tmp_path / "config"
        monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
        file.write_text(
            "[profile base]\naws_access_key_id = A\naws_secret_access_key = b\n"
            "[profile shop]\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = base\n"
            "mfa_serial = arn:aws:iam::123456789012:mfa/ann\n"
        )
        said = await refused(PermanentError, at("http://127.0.0.1:1", profile="shop"))
        assert "one-time code (mfa_serial): use one that works unattended" in said


ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>AROA:pilotage</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser><Credentials>
<AccessKeyId>ASIATEMPORARY0000001</AccessKeyId><SecretAccessKey>temporary</SecretAccessKey>
<SessionToken>token</SessionToken><Expiration>{until}</Expiration></Credentials></AssumeRoleResult>
</AssumeRoleResponse>"""
ROLE = "arn:aws:iam::123456789012:role/rolls-out"


class TestARole:
    """As https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html has it; and moto's STS."""

    @pytest.fixture
    def sts(self, monkeypatch):
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        with servers.http_server(ASSUMED.format(arn=ROLE, until=until.isoformat()).encode()) as page:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", page.url)
            yield page

    async def test_it_is_assumed_once_with_its_external_id(self, sts):
        with servers.http_server(b'{"FunctionVersion": "1"}') as page:
            client = at(page.url, role=ROLE, external_id="shop-17")
            for _ in range(3):
                assert (await look(client))["FunctionVersion"] == "1"
        asked = [parse_qs(sent.decode()) for _, sent in sts.requests]
        assert [(one["RoleArn"], one["ExternalId"], one["RoleSessionName"]) for one in asked] == [
            ([ROLE], ["shop-17"], ["pilotage"])
        ]
        assert {"Credential=ASIATEMPORARY0000001" in headers["authorization"] for headers, _ in page.requests} == {True}

    async def test_one_that_may_not_be_assumed_is_told_as_such(self, sts):
        sts.status = 403
        sts.body = (
            b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
            b"<Message>User x is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"
        )
        said = await refused(PermanentError, at("http://127.0.0.1:1", role=ROLE))
        assert f"AWS STS denies sts:AssumeRole on the role {ROLE}" in said

    async def test_on_moto(self, monkeypatch):
        with aws.cloud() as cloud:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cloud.url)
            with pytest.raises(PermanentError, match="has no alias live of pay"):
                await look(at(cloud.url, role=ROLE))


class TestCalls:
    async def test_without_boto3_it_says_how_to_install_it(self, monkeypatch):
        real = builtins.__import__

        def without(name, *more, **given):
            if name.startswith("botocore"):
                raise ImportError(name)
            return real(name, *more, **given)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(PermanentError, match=r"AWS Lambda: needs boto3: pip install 'pilotage\[aws\]'"):
            await look(at("http://127.0.0.1:2"))

    async def test_a_look_that_is_ended_ends_at_once_and_a_change_with_its_request(self):
        with faulty() as server:
            client = at(server.url, timeout_s=1)
            for ends, act in ((True, client.look), (False, client.change)):
                server.silent.clear()
                server.body = b'{"FunctionVersion": "1"}'
                await look(client)
                server.silent.set()
                going = asyncio.create_task(act("get_alias", "alias live of pay", **ALIAS))
                before = len(server.asked)
                while len(server.asked) == before:
                    await asyncio.sleep(0.01)
                began = time.monotonic()
                going.cancel()
                await asyncio.wait([going])
                assert going.cancelled()
                assert (time.monotonic() - began < 0.5) is ends

    async def test_the_event_loop_is_never_blocked(self):
        with faulty() as server:
            server.silent.set()
            going = asyncio.create_task(refused(TemporaryError, at(server.url, timeout_s=0.5)))
            turns = 0
            while not going.done():
                await asyncio.sleep(0.01)
                turns += 1
            await going
            assert turns > 5  # one, or two, if the loop had stood still until the answer

    async def test_it_says_who_asks(self):
        with servers.http_server(b"{}") as page:
            await look(at(page.url))
        assert "pilotage/" in page.requests[0][0]["user-agent"]

    def test_the_date_is_written_as_the_clock_needs_it(self):
        client = at("http://127.0.0.1:1")
        client.check_clock({"ResponseMetadata": {"HTTPHeaders": {"date": formatdate(usegmt=True)}}})
        with pytest.raises(PermanentError, match="clock"):
            client.check_clock(
                {"ResponseMetadata": {"HTTPHeaders": {"date": formatdate(time.time() - 100, usegmt=True)}}}
            )
