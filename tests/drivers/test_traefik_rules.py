import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.errors import PermanentError
from pilotage.core.model import Cohort
from pilotage.drivers.traefik_rules import check, cohort_of, rule_of

NAMES = st.text("!#$%&'*+.^_`|~09AZaz-", min_size=1)
SPECIAL = st.sampled_from(["{{", "}}", "\\", '"', ") || (", '", "', "(?:;|$)", "(?:^|; ?)", "=", "u007b", "`"])
PRINTABLE = st.characters(exclude_categories=("C", "Z")) | st.just(" ")
VALUES = st.lists(PRINTABLE | SPECIAL, min_size=1, max_size=8).map("".join)
BASES = st.sampled_from(["PathPrefix(`/`)", 'Host("a") && Header("X", "y")', ") && ("])


@st.composite
def cohorts(draw):
    kind = draw(st.sampled_from(["header", "cookie"]))
    values = VALUES.filter(lambda value: ";" not in value) if kind == "cookie" else VALUES
    return Cohort(kind, draw(NAMES), tuple(draw(st.lists(values, min_size=1, max_size=3))))


@given(cohorts(), BASES)
def test_a_rule_tells_the_cohort_it_was_made_of(cohort, base):
    check(cohort)
    assert cohort_of(rule_of(cohort, base), base) == cohort


@given(cohorts(), BASES)
def test_no_cohort_makes_a_template_of_traefiks(cohort, base):
    assert "{{" not in rule_of(cohort, base)


@given(cohorts(), BASES, st.data())
def test_a_rule_that_was_changed_is_not_read_as_what_it_was(cohort, base, data):
    rule = rule_of(cohort, base)
    place = data.draw(st.integers(0, len(rule) - 1))
    changed = rule[:place] + data.draw(st.text(max_size=2)) + rule[place + 1 :]
    read = cohort_of(changed, base)
    assert read is None or rule_of(read, base) == changed


@pytest.mark.parametrize(
    "rule", ["", "None", "(a) && ()", r'(a) && (Header("X", "\x41"))', '(a) && (HeaderRegexp("Cookie", "a"))']
)
def test_a_rule_of_somebody_else_is_none(rule):
    assert cohort_of(rule, "a") is None


@pytest.mark.parametrize("value", ["", "a\nb", "\ud800"])
def test_what_no_header_can_have_is_refused(value):
    with pytest.raises(PermanentError, match="no header can have the value"):
        check(Cohort("header", "X-Group", (value,)))
