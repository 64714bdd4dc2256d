"""References to secrets, and texts without their values."""

import asyncio
import json
import os
import threading
import time

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.secrets import Secret, hide, hiding, reference

VALUE = 'of "the" team\\s own'


@pytest.fixture(autouse=True)
def nothing_read_before(monkeypatch):
    monkeypatch.setattr(hiding, "_read", hiding.OrderedDict())


GOOD = (
    {"env": "TOKEN"},
    {"file": "/run/secrets/token"},
    {"vault": "secret/payment#token"},
    {"vault": "secret/team a/payment@eu#the key".replace("team a", "team-a")},
    {"vault": "team/kv//shop/payment#token"},
    {"vault": "secret/pay.ment/..x#a.b"},
    {"aws-secret": "prod/payment"},
    {"aws-secret": "prod/payment#password"},
    {"aws-secret": "rds!db-1234"},
    {"aws-secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/payment-AbCdEf#password"},
)
BAD = (
    *({}, [], "hunter2", 17, None, {"env": ""}, {"env": ["hunter2"]}, {"value": "hunter2"}),
    *({"env": "A", "file": "/b"}, {"env": "A", "vault": "secret/payment#token"}, {"aws_secret": "prod/payment"}),
    *({"vault": one} for one in ("hunter2", "secret/payment", "secret#token", "/payment#token", "secret/#token")),
    *({"vault": one} for one in ("secret/../sys/seal#x", "../sys#x", "secret/a/..#x", "secret/./a#x", "a///b#x")),
    *(
        {"vault": one}
        for one in ("secret/a?b#x", "secret/a%2e#x", "secret/a b#x", "secret/a#", "secret/a#b#c", "a/b#\n")
    ),
    *({"aws-secret": one} for one in ("", "#key", "prod/payment#", "a b", "a#b#c", "prod\n")),
)


@pytest.mark.parametrize("given", GOOD, ids=str)
def test_a_reference_is_taken_and_told(given):
    found = Secret.model_validate_json(json.dumps(given), strict=True)
    assert next(iter(given.values())).rpartition(":secret:")[2] in found.told


@pytest.mark.parametrize("given", BAD, ids=str)
def test_anything_else_is_refused_and_not_repeated(given):
    with pytest.raises(ValidationError) as caught:
        Secret.model_validate(given)
    said = str(caught.value)
    assert "{vault: MOUNT/PATH#KEY}" in said
    assert "hunter2" not in said


class TestFromHere:
    async def test_a_variable(self, monkeypatch):
        monkeypatch.setenv("TEST_TOKEN", VALUE)
        assert await Secret(env="TEST_TOKEN").reveal() == VALUE
        monkeypatch.delenv("TEST_TOKEN")
        with pytest.raises(PermanentError, match="TEST_TOKEN is not set"):
            await Secret(env="TEST_TOKEN").reveal()

    async def test_a_file_each_time_anew(self, tmp_path):
        file = tmp_path / "token"
        for value in ("first", "second"):
            file.write_text(f"{value}\n")
            assert await Secret(file=str(file)).reveal() == value
        file.write_bytes(b"\xff\xfe")
        with pytest.raises(PermanentError, match="cannot be read as text"):
            await Secret(file=str(file)).reveal()

    async def test_a_file_system_that_does_not_answer_holds_nobody_up(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reference, "_FILE_S", 0.2)
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        monkeypatch.setattr(Secret, "missing", lambda self: None)
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        with pytest.raises(TemporaryError, match="not read within"):
            await Secret(file=str(pipe)).reveal()
        ticking.cancel()
        pipe.write_text("let the thread go on")
        assert ticks > 3


class TestHiding:
    def test_what_was_read_from_afar_is_hidden_where_the_options_refer_to_it(self):
        hiding.remember("vault secret/payment#token", "pin4")
        options = [{"urls": [{"token": {"vault": "secret/payment#token"}}]}]
        assert hide("401 for pin4", options) == "401 for (hidden)"
        assert hide("401 for pin4", [{"token": {"vault": "secret/payment#other"}}]) == "401 for pin4"

    def test_a_longer_one_is_hidden_everywhere(self):
        hiding.remember("aws-secret prod/payment", VALUE)
        assert VALUE not in hide(f"somebody printed {VALUE}", [])
        said = hide(json.dumps({"error": f"got {VALUE}"}), [])
        assert json.loads(said) == {"error": "got (hidden)"}

    def test_what_was_not_read_is_not_asked_for(self):
        began = time.perf_counter()
        assert hide("401", [{"vault": "secret/payment#token"}, {"aws-secret": "prod/payment"}]) == "401"
        assert time.perf_counter() - began < 0.5

    def test_it_needs_no_loop_and_is_asked_in_many_threads(self):
        wrong = []

        def work(number):
            for count in range(200):
                value = f"value-{number}-{count}-of-a-secret"
                hiding.remember("vault a/b#c", value)
                if value in hide(f"x {value} y", []):
                    wrong.append(value)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert wrong == []

    def test_no_more_is_remembered_than_is_bearable(self):
        for number in range(hiding.MOST + 10):
            hiding.remember("vault a/b#c", f"value-number-{number:05}")
        assert hide("value-number-00009", []) == "value-number-00009"
        assert hide("value-number-00010", []) == "(hidden)"
        began = time.perf_counter()
        hide("a sentence of usual length, which holds no secret at all" * 10, [])
        assert time.perf_counter() - began < 0.2
