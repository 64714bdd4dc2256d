"""The words: the team's templates or Pilotage's, plain text from outside, and nothing that could run away."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown import markdown

from pilotage.core import events as ev
from pilotage.core.announcing import KINDS, OUTSIDERS
from pilotage.core.markdown import plain
from pilotage.core.model import AUDIENCES, Audience, Plan, WayBack
from pilotage.core.preparing import Preparation
from pilotage.wording import check_templates, preview, render
from pilotage.wording.facts import facts
from pilotage.wording.language import LONGEST_TEMPLATE, LONGEST_TEXT, LONGEST_TITLE
from pilotage.wording.message import sample
from pilotage.wording.samples import SAMPLES
from tests.core.worlds import plan as bare_plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "words").mkdir()
    about = Preparation(impact="half of the checkouts fail")
    return replace(bare_plan(), rollback=WayBack(()), directory=str(tmp_path), templates="words", preparation=about)


def write(plan: Plan, name: str, text: str | bytes) -> Path:
    file = Path(plan.directory) / "words" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def said(plan: Plan, event: ev.Event, audience: Audience = "incident") -> str:
    words = render(plan, ev.Recorded("shop-1", 3, 1_800_014_400.0, "ann", event), audience)
    return f"{words.title}\n{words.text}"


# ------------------------------------------------------------------ Pilotage's own


def test_there_is_a_sample_of_every_kind() -> None:
    assert tuple(SAMPLES) == tuple(one for one in KINDS if one in SAMPLES)
    assert set(SAMPLES) == set(KINDS)


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_words_for_every_audience(plan: Plan, kind: str, audience: Audience) -> None:
    words = preview(plan, kind, audience)
    assert words.fault == ""
    assert "\n" not in words.title
    assert re.match(r"shop", words.title)
    assert words.text.strip()
    assert not re.search(r"[{}]|\.\.(?!\.)|\s\s(?!\n)| ,", words.text)
    assert words.text.rstrip().endswith((".", "?", "PAY-1240")), words.text


@pytest.mark.parametrize("audience", OUTSIDERS)
@pytest.mark.parametrize("kind", [one for one in KINDS if one != "announced"])
def test_outsiders_get_no_commands_reasons_or_names(plan: Plan, kind: str, audience: Audience) -> None:
    words = preview(plan, kind, audience)
    event = SAMPLES[kind]
    for inner in ("`", "pilotage", "errors", " ann ", getattr(event, "reason", "") or "`"):
        assert inner not in f"{words.title} {words.text}"


@pytest.mark.parametrize("kind", ["held", "approval_requested", "person_needed", "least_bad_chosen", "rollout_started"])
def test_whoever_works_on_the_incident_gets_the_command_to_type(plan: Plan, kind: str) -> None:
    assert re.search(r"`pilotage \w+ shop-1125-221502-7c1a`", preview(plan, kind, "incident").text)


def test_the_commands_in_messages_exist() -> None:
    from pilotage.cli.main import cli

    for file in (ROOT / "src/pilotage/templates/announce").rglob("*.j2"):
        for command in re.findall(r"`pilotage ([\w-]+)", file.read_text()):
            assert command in cli.commands, file.name


# ------------------------------------------------------------------ the team's


@pytest.mark.parametrize(
    ("files", "audience", "used"),
    [
        ({}, "incident", "Pilotage"),
        ({"held.md.j2": "mine"}, "incident", "mine"),
        ({"held.md.j2": "mine"}, "status-page", "mine"),
        ({"held.md.j2": "mine", "status-page/held.md.j2": "theirs"}, "status-page", "theirs"),
        ({"held.md.j2": "mine", "status-page/held.md.j2": "theirs"}, "pager", "mine"),
        ({"promoted.md.j2": "mine"}, "incident", "Pilotage"),
    ],
)
def test_the_teams_words_for_the_audience_come_first_then_the_teams_then_pilotages(
    plan: Plan, files: dict[str, str], audience: Audience, used: str
) -> None:
    for name, text in files.items():
        write(plan, name, f"# {text}\n{{{{ reason }}}}")
    words = said(plan, ev.Held(0, "no data"), audience)
    assert words == f"{used}\nno data" if used != "Pilotage" else words.startswith("shop 2: held")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# {{ nothing }}", "nothing"),
        ("# {% if %}", "Expected an expression"),
        ("\n\n", "a first line, which is the title"),
        (b"# \xff", "text in UTF-8"),
        ("# x" * LONGEST_TEMPLATE, "at most 64 KiB"),
    ],
)
def test_a_template_that_breaks_later_falls_back_and_those_inside_are_told_why(
    plan: Plan, text: str | bytes, why: str
) -> None:
    write(plan, "held.md.j2", text)
    inside, outside = said(plan, ev.Held(0, "no data")), said(plan, ev.Held(0, "no data"), "status-page")
    assert inside.startswith("shop 2: held")
    assert "words/held.md.j2" in inside
    assert why in inside
    assert "words/held" not in outside
    assert outside.startswith("shop: the fix takes longer")
    assert why in render(plan, sample(plan, "held"), "status-page").fault


def test_a_file_that_leads_out_of_the_folder_is_not_read(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("# hunter22")
    (tmp_path / "words" / "held.md.j2").symlink_to(tmp_path / "private")
    assert "hunter22" not in said(plan, ev.Held(0, "no data"))
    assert "a file within the folder of templates" in str(check_templates(plan)[0])


@pytest.mark.parametrize(
    "text",
    [
        "# {% include '/etc/passwd' %}",
        "# {% import 'held.md.j2' as x %}",
        "# {% extends 'held.md.j2' %}",
        "# {% for i in range(1000000000) %}x{% endfor %}",
        "# {% for i in range(99) %}{% for j in range(99) %}x{% endfor %}{% endfor %}",
        "# {{ 'x' * 1000000000 }}",
        "# {{ 10 ** 10000000 }}",
        "# {{ '%1000000000d' % 1 }}",
        "# {{ reason.format(1) }}",
        "# {{ reason.__class__ }}",
        "# {{ reason | center(1000000000) }}",
        "# {{ reason | replace('a', reason) | replace('b', reason) }}",
        "# {% set a = reason ~ reason %}{{ a }}",
        "# {% with a = reason ~ reason %}{{ a }}{% endwith %}",
        "# {% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "# {{ lipsum(1000) }}",
        "# {{ cycler('a') }}",
        "# {{ self }}",
        "# " + "(" * 60_000,
        "# {{ " + "(" * 20_000 + ")" * 20_000 + " }}",
    ],
)
def test_what_could_read_elsewhere_or_run_away_is_refused_at_once(plan: Plan, text: str) -> None:
    write(plan, "held.md.j2", text)
    began = time.monotonic()
    problems = check_templates(plan)
    words = said(plan, ev.Held(0, "no data"))
    assert time.monotonic() - began < 5
    assert problems or words.startswith("((((")
    assert len(words) <= LONGEST_TEXT + 2


def test_a_text_that_is_too_long_is_a_mistake_beforehand_and_cut_when_it_happens(plan: Plan) -> None:
    write(plan, "held.md.j2", "# Held\n" + "{{ reason }}" * 400)
    assert "a text of fewer than 4000 characters" in str(check_templates(plan)[0])
    words = said(plan, ev.Held(0, "no data " * 50))
    assert words.endswith("...")
    assert len(words) <= LONGEST_TEXT


def test_a_title_is_a_line_that_fits_a_subject(plan: Plan) -> None:
    write(plan, "held.md.j2", "# {{ reason }}\nx")
    title = said(plan, ev.Held(0, "no data " * 50)).splitlines()[0]
    assert (len(title), title[-3:]) == (LONGEST_TITLE, "...")


def test_loops_conditions_and_filters_are_there(plan: Plan) -> None:
    title = "# {{ service | upper }}{% if impact %}: {{ impact | truncate(9) }}{% endif %}"
    write(plan, "held.md.j2", title + "\n{% for i in range(3) %}{{ i }}{% endfor %}")
    assert check_templates(plan) == []
    assert said(plan, ev.Held(0, "x")) == "SHOP: half...\n012"


# ------------------------------------------------------------------ the check


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("rollback.md.j2", "# x", "words/rollback.md.j2: expected a kind of message with the ending .md.j2, got"),
        ("rolled_bak.md.j2", "# x", "Did you mean rolled_back.md.j2?"),
        ("held.md", "# x", "Did you mean held.md.j2?"),
        ("statuspage/held.md.j2", "# x", "Did you mean status-page?"),
        ("status-page/heldd.md.j2", "# x", "words/status-page/heldd.md.j2: expected a kind"),
        (
            "held.md.j2",
            "# x\n\n{{ sentance }}",
            "line 3: words/held.md.j2: expected a value that held has, got sentance. Did you mean sentence?",
        ),
        ("held.md.j2", "# x\n{% if false %}{{ who }}{% endif %}", "line 2: words/held.md.j2"),
        ("held.md.j2", "# x\n{% if %}", "line 2: words/held.md.j2: expected a template that can be read"),
        ("held.md.j2", "# x\n{{ reason.oops }}", "expected a template that can be filled in for incident"),
        ("held.md.j2", "{% if audience == 'pager' %}{{ reason[3].x }}{% endif %}# x", "filled in for pager"),
        ("held.md.j2", "", "expected a first line, which is the title"),
    ],
)
def test_a_mistake_is_said_with_file_line_and_what_was_meant(plan: Plan, name: str, text: str, problem: str) -> None:
    write(plan, name, text)
    (found,) = check_templates(plan)
    assert problem in str(found)


def test_each_mistake_is_said_once_and_all_are(plan: Plan) -> None:
    write(plan, "held.md.j2", "# {{ a }}{{ a }}{{ b }}")
    write(plan, "promoted.md.j2", "# {{ c }}")
    assert [one.got for one in check_templates(plan)] == ["a", "b", "c"]


def test_a_readme_and_hidden_files_are_the_teams_business_and_a_folder_that_is_gone_is_said(plan: Plan) -> None:
    write(plan, "README.md", "how we write")
    write(plan, ".editorconfig", "x")
    assert check_templates(plan) == []
    assert "a folder that is there" in str(check_templates(replace(plan, templates="gone"))[0])
    assert check_templates(replace(plan, templates="")) == []


# ------------------------------------------------------------------ from outside


EVIL = "[click](https://evil.example) <https://evil.example|x> <!channel> @here `rm -rf /` ![x](y) <b>x</b> [a]: b"


def test_markup_in_a_reason_is_no_link_mention_tag_or_code(plan: Plan) -> None:
    words = said(plan, ev.Held(0, EVIL))
    html = markdown(re.sub(r"`(pilotage [^`]*)`", r"\1", words))
    assert not re.search(r"<(a|img|b|code)\b", html), html
    for sign in ("](", "<http", "<!channel", "@here", "`rm", "<b>"):
        assert sign not in words


@example("<@:>")
@given(st.text(alphabet="[]()<>!@#`|\\*_ \n\r\thre:/w.x", max_size=60))
def test_plain_text_never_becomes_a_link_or_code(text: str) -> None:
    shown = plain(text)
    assert plain(shown) == shown
    assert "\n" not in shown
    assert not re.search(r"<(a|img|code)\b", markdown(f"{shown}(https://evil.example)"))
    assert not re.search(r"(?<!\w)@\w|<[!@/\w]|\]\(", f"{shown}(here")


def test_an_address_and_a_mail_stay_what_they_are() -> None:
    assert plain("see https://tickets.example/PAY-1 or ask ann@shop.example") == (
        "see https://tickets.example/PAY-1 or ask ann@shop.example"
    )


def test_secrets_in_what_happened_are_hidden_before_anything_is_cut(plan: Plan) -> None:
    words = said(plan, ev.Held(0, "x " * 490 + "password=hunter22-7f3a https://me:s3cr3t-9@host/x"))
    assert "hunter22" not in words
    assert "s3cr3t" not in words
    write(plan, "held.md.j2", "# Held\ntoken=abcdef123456789")
    assert "abcdef123456789" not in said(plan, ev.Held(0, "x"))


def test_a_persons_own_lines_stay_lines(plan: Plan) -> None:
    words = said(plan, ev.Announced("Works again.\n[x](y) @here", ""), "stakeholders")
    assert words.splitlines()[1] == "Works again."
    assert "](" not in words


# ------------------------------------------------------------------ the docs


def test_the_docs_name_every_value_of_every_kind(plan: Plan) -> None:
    text = (ROOT / "docs" / "messages.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ((?:`\w+`(?:, )?)*) \|$", text, re.MULTILINE)
    documented = {
        kind: set(re.findall(r"`(\w+)`", values)) for kinds, values in rows for kind in re.findall(r"`(\w+)`", kinds)
    }
    common = set(re.findall(r"`(\w+)`", text.split("Every message has")[1].split("\n\n")[0]))
    for kind in KINDS:
        assert set(facts(plan, sample(plan, kind), "incident")) == common | documented[kind], kind
