"""Roles, scopes and what an agent never may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.errors import Forbidden
from pilotage.core.people import LEAST, NEVER_BY_AGENTS, SCOPE_OF, Caller, Grant, Right, Role, Scope, narrowed

PLACES = st.tuples(st.sampled_from(("payment", "shop", "*")), st.sampled_from(("production", "test", "*")))
GRANTS = st.builds(lambda role, place: Grant(role, *place), st.sampled_from(Role), PLACES)
WHERE = st.tuples(st.sampled_from(("payment", "shop", "other")), st.sampled_from(("production", "test", "other")))


def person(*grants: Grant) -> Caller:
    return Caller("ada@shop.example", "person", grants)


def test_a_role_counts_only_where_it_is_given() -> None:
    ada = person(Grant(Role.OPERATOR, "payment", "production"))

    assert ada.may(Right.GO_BACK, "payment", "production")
    assert not ada.may(Right.GO_BACK, "payment", "test")
    assert not ada.may(Right.GO_BACK, "shop", "production")
    assert not ada.may(Right.GO_BACK), "not everywhere"


def test_the_highest_role_of_a_place_counts() -> None:
    ada = person(Grant(Role.VIEWER), Grant(Role.APPROVER, "payment"))

    assert ada.role("payment", "test") is Role.APPROVER
    assert ada.role("shop", "test") is Role.VIEWER


def test_a_refusal_says_which_role_is_needed_and_which_is_there() -> None:
    with pytest.raises(
        Forbidden, match=r"ada@shop.example may not roll|needs the role operator, and has viewer"
    ) as told:
        person(Grant(Role.VIEWER)).check(Right.GO_BACK, "payment", "production")

    assert "hold payment in production or roll it back" in str(told.value)


def test_a_token_may_at_most_what_its_scopes_say() -> None:
    machine = Caller("ci", "token", (Grant(Role.ADMIN),), frozenset({Scope.READ, Scope.ROLLBACK}))

    assert machine.may(Right.GO_BACK, "payment", "test")
    with pytest.raises(Forbidden, match="lacks the scope rollout:write"):
        machine.check(Right.OPERATE, "payment", "test")


@given(st.lists(GRANTS, max_size=4), WHERE)
def test_an_agent_never_approves_shortens_or_overrides_whatever_it_was_given(
    grants: list[Grant], where: tuple[str, str]
) -> None:
    agent = Caller("claude", "agent", tuple(grants))

    assert not any(agent.may(right, *where) for right in NEVER_BY_AGENTS)
    as_person = Caller("ada", "person", tuple(grants))
    assert agent.may(Right.GO_BACK, *where) == as_person.may(Right.GO_BACK, *where)


@given(st.lists(GRANTS, max_size=4), WHERE, st.sampled_from(Right), GRANTS)
def test_another_grant_never_takes_a_right_away(
    grants: list[Grant], where: tuple[str, str], right: Right, more: Grant
) -> None:
    if person(*grants).may(right, *where):
        assert person(*grants, more).may(right, *where)


@given(st.lists(GRANTS, max_size=4), GRANTS, WHERE, st.sampled_from(Right))
def test_what_is_narrower_gives_nothing_new(
    grants: list[Grant], wanted: Grant, where: tuple[str, str], right: Right
) -> None:
    if narrowed(grants, wanted) and person(wanted).may(right, *where):
        assert person(*grants).may(right, *where)


def test_every_right_has_its_role_and_its_scope() -> None:
    assert set(LEAST) == set(Right) == set(SCOPE_OF)
