"""Secrets in Vault: on a real OpenBao, and before everything that can go wrong with a service over HTTP."""

import json

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.redact import redact
from pilotage.drivers.secrets import Secret, hide, vault
from pilotage.drivers.secrets.kept import kept
from pilotage.testing import FaultsContract
from pilotage.testing.faults import faulty
from tests.drivers import openbao

VALUE = "v4lue-0f-the-t0ken"
TOKEN = {"vault": "secret/payment#token"}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    openbao.forget_variables(monkeypatch)
    kept.forget()


@pytest.fixture(scope="module")
def bao():
    with openbao.bao() as running:
        running.write("payment", token=VALUE, pin=4711, empty="")
        running.write("team a/payment", **{"a key": "of a team"})
        yield running


@pytest.fixture
def known(bao, monkeypatch):
    """The environment of somebody who may read `secret/payment`, and no more."""
    monkeypatch.setenv("VAULT_ADDR", bao.url)
    monkeypatch.setenv("VAULT_TOKEN", bao.token(openbao.POLICY.format("secret", "payment")))
    return bao


async def reveal(reference=TOKEN):
    return await Secret.model_validate(reference).reveal()


async def refused(kind, *words, reference=TOKEN):
    with pytest.raises(kind) as caught:
        await reveal(reference)
    said = str(caught.value)
    assert type(caught.value) is kind, said
    for word in words:
        assert word in said, said
    assert "Vault" in said
    assert VALUE not in said
    assert "\n" not in said
    assert redact(said) == said, "nothing in it may look like a secret: it would be hidden from the person"
    return caught.value


class TestOnOpenBao:
    async def test_the_policy_that_is_documented_is_enough(self, known):
        assert await reveal() == VALUE

    async def test_a_token_may_stand_in_a_file_and_be_exchanged(self, known, monkeypatch, tmp_path):
        file = tmp_path / "token"
        file.write_text("hvs.of-yesterday\n")
        monkeypatch.delenv("VAULT_TOKEN")
        monkeypatch.setenv("VAULT_TOKEN_FILE", str(file))
        await refused(PermanentError, "(403)", str(file))
        kept.forget()
        file.write_text(known.token(openbao.POLICY.format("secret", "payment")) + "\n")
        assert await reveal() == VALUE

    async def test_who_may_not_read_it_is_told_the_policy(self, known, monkeypatch):
        monkeypatch.setenv("VAULT_TOKEN", known.token(openbao.POLICY.format("secret", "another")))
        policy = 'path "secret/data/payment" { capabilities = ["read"] }'
        await refused(PermanentError, "secret at secret/payment (403)", "the token in VAULT_TOKEN", policy)

    async def test_a_key_that_is_not_there_names_those_that_are(self, known):
        await refused(
            PermanentError, "no key password", "empty, pin, token", reference={"vault": "secret/payment#password"}
        )

    @pytest.mark.parametrize(("key", "words"), [("pin", "not text but int"), ("empty", "is empty")])
    async def test_only_text_is_a_secret(self, known, key, words):
        await refused(PermanentError, words, reference={"vault": f"secret/payment#{key}"})

    async def test_a_secret_that_nobody_has_written_is_named(self, known, monkeypatch):
        monkeypatch.setenv("VAULT_TOKEN", known.root)
        await refused(PermanentError, "secret/nothing (404)", "version 2", reference={"vault": "secret/nothing#a"})

    async def test_an_engine_that_is_not_there_is_named(self, known, monkeypatch):
        monkeypatch.setenv("VAULT_TOKEN", known.root)
        await refused(PermanentError, "no secrets engine at nowhere/", reference={"vault": "nowhere/payment#token"})

    async def test_an_engine_of_version_1_is_not_read(self, known, monkeypatch):
        monkeypatch.setenv("VAULT_TOKEN", known.root)
        known.ask("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
        known.ask("POST", "old/payment", {"token": VALUE})
        await refused(PermanentError, "key/value engine of version 2", reference={"vault": "old/payment#token"})

    async def test_a_deleted_version_is_told_as_deleted(self, known, monkeypatch):
        monkeypatch.setenv("VAULT_TOKEN", known.root)
        known.write("gone", token=VALUE)
        known.ask("DELETE", "secret/data/gone")
        await refused(PermanentError, "newest version (1)", "was deleted", reference={"vault": "secret/gone#token"})
        known.write("gone", token=VALUE)
        known.ask("PUT", "secret/destroy/gone", {"versions": [2]})
        kept.forget()
        await refused(PermanentError, "newest version (2)", "was destroyed", reference={"vault": "secret/gone#token"})

    async def test_a_mount_with_slashes_ends_with_two(self, known, monkeypatch):
        monkeypatch.setenv("VAULT_TOKEN", known.root)
        known.ask("POST", "sys/mounts/team/kv", {"type": "kv", "options": {"version": "2"}})
        known.write("shop/payment", mount="team/kv", token="of the team")
        assert await reveal({"vault": "team/kv//shop/payment#token"}) == "of the team"

    async def test_a_namespace_has_secrets_of_its_own(self, known, monkeypatch):
        known.ask("POST", "sys/namespaces/shop")
        monkeypatch.setenv("VAULT_TOKEN", known.root)
        monkeypatch.setenv("VAULT_NAMESPACE", "shop")
        await refused(PermanentError, "no secrets engine at secret/")

    async def test_a_value_in_which_our_token_stands_comes_whole(self, known, monkeypatch):
        monkeypatch.setenv("VAULT_TOKEN", known.root)
        known.write("nested", value=f"x{known.root}y")
        assert await reveal({"vault": "secret/nested#value"}) == f"x{known.root}y"

    async def test_a_change_is_seen_after_a_minute_and_both_values_are_hidden(self, known, monkeypatch):
        monkeypatch.setenv("VAULT_TOKEN", known.root)
        now = [1000.0]
        monkeypatch.setattr(kept, "_now", lambda: now[0])
        known.write("rotated", token="the-first-value")
        reference = {"vault": "secret/rotated#token"}
        assert await reveal(reference) == "the-first-value"
        known.write("rotated", token="the-second-value")
        now[0] += 59
        assert await reveal(reference) == "the-first-value"
        now[0] += 2
        assert await reveal(reference) == "the-second-value"
        assert "value" not in hide("401 for the-first-value and the-second-value", [])

    async def test_our_own_token_is_hidden_too(self, known):
        await reveal()
        token = await Secret(env="VAULT_TOKEN").reveal()
        assert token not in hide(f"somebody printed {token}", [])

    async def test_sealed_it_may_be_tried_again(self, monkeypatch):
        with openbao.bao() as own:
            own.write("payment", token=VALUE)
            monkeypatch.setenv("VAULT_ADDR", own.url)
            monkeypatch.setenv("VAULT_TOKEN", own.root)
            own.seal()
            await refused(TemporaryError, "sealed (503)", "vault operator unseal")


class _Reading:
    """What a driver of Vault would be, were there one."""

    async def probe(self):
        return await reveal()

    async def close(self):
        pass


class TestFaults(FaultsContract):
    """`act` reads `secret/payment#token`, with the contract's secret as Vault's token."""

    name = "Vault"
    shapes = (*FaultsContract.shapes, b'{"data": {"token": "x"}}', b'{"data": {"data": [1]}}', b'{"data": null}')

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch):
        self.patch = monkeypatch
        monkeypatch.setattr(vault, "TIMEOUT_S", self.patience_s)
        monkeypatch.setenv("VAULT_TOKEN", self.secret)

    def at(self, url):
        kept.forget()
        self.patch.setenv("VAULT_ADDR", url)
        return _Reading()

    async def test_a_certificate_authority_of_its_own_is_trusted_where_it_is_named(self, tmp_path):
        import ssl

        import trustme

        authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        with faulty(context) as server:
            server.body = json.dumps({"data": {"data": {"token": VALUE}}}).encode()
            await self.failing(server.url, PermanentError, "certificate")
            self.patch.setenv("VAULT_CACERT", str(tmp_path / "ca.pem"))
            assert await self.at(server.url).probe() == VALUE

    async def test_a_refusal_that_repeats_our_token_is_told_without_it(self):
        with faulty() as server:
            server.status, server.body = 403, json.dumps({"errors": [f"bad token {self.secret}"]}).encode()
            await self.failing(server.url, PermanentError, "(hidden)")

    async def test_a_lease_ends_before_the_minute_does(self, monkeypatch):
        now = [1000.0]
        monkeypatch.setattr(kept, "_now", lambda: now[0])
        with faulty() as server:
            server.body = json.dumps({"lease_duration": 10, "data": {"data": {"token": VALUE}}}).encode()
            reading = self.at(server.url)
            for at in (0, 9, 11):
                now[0] = 1000.0 + at
                assert await reading.probe() == VALUE
            assert len(server.asked) == 2
            assert server.asked[0] == "GET /v1/secret/data/payment"


class TestWithoutAsking:
    def test_where_vault_is_must_be_said(self):
        assert "VAULT_ADDR is not set" in (Secret.model_validate(TOKEN).missing() or "")

    @pytest.mark.parametrize("address", ["vault:8200", "http://vault.example:8200", "https://user:pw@vault.example"])
    def test_nothing_is_sent_unencrypted(self, address, monkeypatch):
        monkeypatch.setenv("VAULT_ADDR", address)
        said = Secret.model_validate(TOKEN).missing() or ""
        assert "https://" in said
        assert "pw" not in said

    def test_a_token_is_needed_by_value_or_file(self, monkeypatch, tmp_path):
        monkeypatch.setenv("VAULT_ADDR", "https://vault.example:8200")
        secret = Secret.model_validate(TOKEN)
        assert "VAULT_TOKEN nor VAULT_TOKEN_FILE" in (secret.missing() or "")
        monkeypatch.setenv("VAULT_TOKEN_FILE", str(tmp_path / "token"))
        assert "VAULT_TOKEN_FILE names" in (secret.missing() or "")
        (tmp_path / "token").write_text("hvs.x")
        assert secret.missing() is None
        monkeypatch.setenv("VAULT_CACERT", str(tmp_path / "none.pem"))
        assert "VAULT_CACERT" in (secret.missing() or "")

    async def test_what_is_missing_is_final(self):
        await refused(PermanentError, "VAULT_ADDR is not set", "where the coordinator runs")
