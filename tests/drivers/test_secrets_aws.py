"""Secrets in AWS Secrets Manager: on moto's server, and before what can go wrong with a service over HTTP."""

import builtins
import importlib.util
import json

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.redact import redact
from pilotage.drivers.secrets import Secret, hide
from pilotage.drivers.secrets.kept import asked_anew, kept
from pilotage.testing import FaultsContract
from pilotage.testing.faults import faulty
from tests.drivers import aws

VALUE = "v4lue-0f-the-p4ssword"
ENDPOINT = "AWS_ENDPOINT_URL_SECRETS_MANAGER"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    aws.set_environment(monkeypatch)
    monkeypatch.setenv("AWS_REGION", aws.REGION)
    kept.forget()


@pytest.fixture(scope="module")
def cloud():
    with aws.cloud() as running:
        manager = running.client("secretsmanager")
        manager.create_secret(Name="prod/payment", SecretString=json.dumps({"password": VALUE, "port": 5432, "no": ""}))
        manager.create_secret(Name="prod/plain", SecretString=VALUE)
        manager.create_secret(Name="prod/binary", SecretBinary=b"\x00\x01")
        yield running


@pytest.fixture
def there(cloud, monkeypatch):
    monkeypatch.setenv(ENDPOINT, cloud.url)
    return cloud


def secret(reference):
    return Secret.model_validate({"aws-secret": reference})


async def refused(kind, reference, *words):
    with pytest.raises(kind) as caught:
        await secret(reference).reveal()
    said = str(caught.value)
    assert type(caught.value) is kind, said
    for word in words:
        assert word in said, said
    assert "AWS" in said
    assert VALUE not in said
    assert "\n" not in said
    assert redact(said) == said, "nothing in it may look like a secret: it would be hidden from the person"


class TestOnMoto:
    async def test_a_key_of_json(self, there):
        assert await secret("prod/payment#password").reveal() == VALUE

    async def test_the_whole_text(self, there):
        assert await secret("prod/plain").reveal() == VALUE

    async def test_an_arn_names_its_region_itself(self, there, monkeypatch):
        monkeypatch.delenv("AWS_REGION")
        arn = there.client("secretsmanager").describe_secret(SecretId="prod/plain")["ARN"]
        assert await secret(arn).reveal() == VALUE
        await refused(PermanentError, f"{arn}#password", "AWS' secret prod/plain-")

    @pytest.mark.parametrize(
        ("reference", "words"),
        [
            ("prod/nothing", ["no secret prod/nothing in eu-west-1"]),
            ("prod/payment#token", ["no key token", "no, password, port"]),
            ("prod/payment#port", ["not text but int"]),
            ("prod/payment#no", ["is empty"]),
            ("prod/plain#password", ["not JSON with keys", "leave #password out"]),
            ("prod/binary", ["is binary"]),
            ("prod/binary#password", ["is binary"]),
        ],
    )
    async def test_what_is_not_there_or_no_text_is_final(self, there, reference, words):
        await refused(PermanentError, reference, *words)

    async def test_a_secret_that_is_to_be_deleted_is_no_longer_used(self, there, monkeypatch):
        now = [1000.0]
        monkeypatch.setattr(kept, "_now", lambda: now[0])
        manager = there.client("secretsmanager")
        manager.create_secret(Name="prod/ends", SecretString=VALUE)
        assert await secret("prod/ends").reveal() == VALUE
        manager.delete_secret(SecretId="prod/ends", RecoveryWindowInDays=7)
        assert await secret("prod/ends").reveal() == VALUE
        now[0] += 61
        await refused(PermanentError, "prod/ends", "marked")

    async def test_it_is_hidden_after_it_was_read(self, there):
        await secret("prod/plain").reveal()
        assert VALUE not in hide(f"login failed with {VALUE}", [])

    async def test_a_region_is_needed(self, there, monkeypatch):
        monkeypatch.delenv("AWS_REGION")
        await refused(PermanentError, "prod/plain", "region", "AWS_REGION")

    async def test_who_may_not_is_told_the_action(self, monkeypatch):
        with faulty() as server:
            monkeypatch.setenv(ENDPOINT, server.url)
            server.status = 400
            server.body = b'{"__type": "AccessDeniedException", "message": "User x is not authorized"}'
            says = "denies GetSecretValue on secret prod/plain"
            await refused(PermanentError, "prod/plain", says, "least policy is in docs/secrets.md")

    async def test_a_kept_value_serves_while_nobody_may_read_it_again(self, monkeypatch):
        now = [1000.0]
        monkeypatch.setattr(kept, "_now", lambda: now[0])
        with faulty() as server:
            monkeypatch.setenv(ENDPOINT, server.url)
            server.body = json.dumps({"SecretString": VALUE}).encode()
            assert await secret("prod/plain").reveal() == VALUE
            server.status, server.body = 400, b'{"__type": "ExpiredTokenException", "message": "is expired"}'
            now[0] += 3600
            assert await secret("prod/plain").reveal() == VALUE
            with asked_anew(), pytest.raises(TemporaryError):
                await secret("prod/plain").reveal()


class _Reading:
    async def probe(self):
        return await secret("prod/payment#password").reveal()

    async def close(self):
        pass


class TestFaults(FaultsContract):
    name, secret, patience_s = "AWS", aws.ENVIRONMENT["AWS_SECRET_ACCESS_KEY"], 5.0
    shapes = (*FaultsContract.shapes, b'{"SecretString": 17}', b'{"SecretString": ""}')

    @pytest.fixture(autouse=True)
    def patched(self, monkeypatch):
        self.patch = monkeypatch

    def at(self, url):
        kept.forget()
        self.patch.setenv(ENDPOINT, url)
        return _Reading()


class TestWithoutAsking:
    def test_nothing_is_asked_for(self):
        assert secret("prod/plain").missing() is None

    async def test_without_boto3_it_is_told_what_to_install(self, monkeypatch):
        real = importlib.util.find_spec
        monkeypatch.setattr(
            "pilotage.drivers.secrets.aws.find_spec", lambda name: None if name == "botocore" else real(name)
        )
        assert "pip install 'pilotage[aws]'" in (secret("prod/plain").missing() or "")
        await refused(PermanentError, "prod/plain", "pilotage[aws]")

    def test_it_is_not_imported_to_check_a_plan(self, monkeypatch):
        real = builtins.__import__

        def imported(name, *more):
            assert name.partition(".")[0] not in ("boto3", "botocore")
            return real(name, *more)

        monkeypatch.setattr(builtins, "__import__", imported)
        assert secret("prod/plain").missing() is None
