"""The Statuspage driver, before a server that answers as Statuspage documents."""

from __future__ import annotations

import traceback
from dataclasses import replace

import pytest
from pydantic import ValidationError

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Message, Resolves
from pilotage.drivers.notify.statuspage import StatuspageNotifier
from pilotage.testing import CredentialsContract, NotifierContract, RepeatsContract, ResolvesContract, ThreadContract
from tests.drivers import served, statuspage

FIRST = Message("r-1/0", "r-1", "rollout_started", "payment v2: started", "P0: orders fail")


@pytest.fixture
def page(monkeypatch):
    with served.serve(statuspage.Statuspage()) as running:
        monkeypatch.setenv("STATUSPAGE_TOKEN", running.token)
        yield running


def notifier(server, **options):
    given = {
        "page": statuspage.PAGE,
        "token": {"env": "STATUSPAGE_TOKEN"},
        "components": {statuspage.COMPONENT: "degraded_performance"},
        "api": server.url,
    }
    return StatuspageNotifier(StatuspageNotifier.Options.model_validate(given | options), Context(None, None))


async def failure(work, page) -> DriverError:
    """What it raises; no error may show the token, however it is written out."""
    with pytest.raises(DriverError) as error:
        await work
    assert page.token not in "".join(traceback.format_exception(error.value))
    return error.value


class TestStatuspage(NotifierContract, RepeatsContract, ThreadContract, ResolvesContract, CredentialsContract):
    @pytest.fixture
    def driver(self, page):
        return notifier(page)

    @pytest.fixture
    def received(self, page):
        return page.updates

    @pytest.fixture
    def threads(self, page):
        return lambda: len(page.incidents)

    @pytest.fixture
    def refused(self, page, monkeypatch):
        monkeypatch.setenv("STATUSPAGE_TOKEN", "another")
        return notifier(page)


async def test_an_incident_lives_through_a_rollout_that_is_promoted(page):
    driver, seen = notifier(page), []
    thread = ""
    for number, kind in enumerate(("rollout_started", "phase_passed", "held", "follow_up_due", "promoted")):
        thread = await driver.send(Message(f"r-1/{number}", "r-1", kind, kind, "", thread=thread))
        seen.append((page.incidents[0]["status"], page.shows))
    assert [incident["name"] for incident in page.incidents] == ["rollout_started"]
    assert seen == [
        ("identified", "degraded_performance"),
        ("monitoring", "degraded_performance"),
        ("identified", "degraded_performance"),
        ("identified", "degraded_performance"),
        ("resolved", "operational"),
    ]


async def test_a_rollback_is_over_when_the_recovery_is_confirmed(page):
    driver = notifier(page)
    assert isinstance(driver, Resolves)
    thread = await driver.send(replace(FIRST, kind="rolled_back"))
    evidence = await driver.resolved(thread)
    assert (evidence.holds, evidence.text) == (False, "the status page says identified of 'payment v2: started'")
    await driver.send(replace(FIRST, id="r-1/9", kind="recovery_confirmed", thread=thread))
    assert (await driver.resolved(thread)).holds is True


async def test_a_postmortem_is_resolved_too_and_an_unknown_word_is_not(page):
    thread = await notifier(page).send(FIRST)
    for status, holds in (("postmortem", True), ("some new word", False)):
        page.incidents[0]["status"] = status
        assert (await notifier(page).resolved(thread)).holds is holds


async def test_without_an_incident_nobody_can_tell_whether_it_is_resolved(page):
    assert (await notifier(page).resolved("")).holds is None
    assert (await notifier(page).resolved("../../x")).holds is None
    assert isinstance(await failure(notifier(page).resolved("gone"), page), PermanentError)


async def test_a_creation_whose_answer_is_lost_is_found_again(page):
    page.lose = 1
    assert isinstance(await failure(notifier(page).send(FIRST), page), TemporaryError)
    thread = await notifier(page).send(replace(FIRST, attempt=1))
    assert thread == page.incidents[0]["id"]
    assert page.updates() == ["payment v2: started\n\nP0: orders fail"]


async def test_an_update_whose_answer_is_lost_is_not_repeated(page):
    thread = await notifier(page).send(FIRST)
    page.lose = 1
    held = Message("r-1/3", "r-1", "held", "held", "too many errors", thread=thread)
    await failure(notifier(page).send(held), page)
    await notifier(page).send(replace(held, attempt=1))
    assert page.updates()[1:] == ["held\n\ntoo many errors"]


async def test_a_message_after_a_lost_creation_goes_into_the_same_incident(page):
    await notifier(page).send(FIRST)
    await notifier(page).send(replace(FIRST, id="r-1/2", kind="held", attempt=2))
    assert (len(page.incidents), len(page.updates())) == (1, 2)


async def test_incidents_of_others_are_left_alone(page):
    page.incidents += [
        {"id": "a1", "metadata": None},
        {"id": "a2", "metadata": {"jira": {"issue": "X-1"}}},
        {"id": "a3"},
    ]
    for one in page.incidents:
        one |= {"status": "identified", "incident_updates": []}
    thread = await notifier(page).send(replace(FIRST, attempt=1))
    assert thread not in ("a1", "a2", "a3")


async def test_an_incident_that_somebody_removed_is_not_begun_anew(page):
    error = await failure(notifier(page).send(replace(FIRST, thread="gone")), page)
    assert (type(error), "was it removed?" in str(error), page.incidents) == (PermanentError, True, [])


async def test_markup_from_outside_is_taken_apart(page):
    hostile = "<a href='https://evil.example'>log in</a> [here](https://evil.example)"
    await notifier(page).send(replace(FIRST, title=hostile, text=hostile))
    shown = "‹a href='https://evil.example'›log in‹/a› [here] (https://evil.example)"
    assert (page.incidents[0]["name"], page.updates()) == (shown, [f"{shown}\n\n{shown}"])


async def test_a_page_without_components_touches_none(page):
    await notifier(page, components={}).send(FIRST)
    assert page.shows == "operational"


async def test_probe_says_the_pages_name(page):
    assert await notifier(page).probe() == "Statuspage: incidents go to the page Acme's status"
    assert page.calls() == [f"GET /pages/{statuspage.PAGE}"]


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((403, {}, {"error": "no role"}), PermanentError, "no role"),
        ((404, {}, {"error": "Not found"}), PermanentError, "STATUSPAGE_TOKEN"),
        ((420, {}, {"error": "enhance your calm"}), TemporaryError, "limits how often"),
        ((429, {"Retry-After": "60"}, {"error": "slow"}), TemporaryError, "after 60 s"),
        ((422, {}, {"error": ["name is too long"]}), PermanentError, "name is too long"),
        ((500, {}, {}), TemporaryError, "500"),
        ((503, {"Retry-After": "5"}, {}), TemporaryError, "after 5 s"),
        ((200, {}, ["what?"]), PermanentError, "is `api` right?"),
    ],
)
async def test_a_refusal_is_told_by_its_kind(page, answer, kind, said):
    page.instead = lambda request: answer
    error = await failure(notifier(page).send(FIRST), page)
    assert (type(error), said in str(error)) == (kind, True), str(error)


async def test_a_token_that_is_no_header_is_not_shown(page, monkeypatch):
    monkeypatch.setenv("STATUSPAGE_TOKEN", "planted\nX-Evil: 1")
    error = await failure(notifier(page).probe(), page)
    assert (type(error), "planted" in str(error), "STATUSPAGE_TOKEN" in str(error)) == (PermanentError, False, True)


@pytest.mark.parametrize("wrong", [{"page": "../x"}, {"components": {"a": "on fire"}}, {"token": "planted"}])
def test_wrong_options_are_refused_without_their_values(page, wrong):
    with pytest.raises(ValidationError) as caught:
        notifier(page, **wrong)
    assert "planted" not in str(caught.value)
