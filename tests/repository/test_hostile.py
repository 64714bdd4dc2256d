"""Repositories that nobody vouches for: large, odd, or made to mislead. A look neither fails nor runs anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotage.core.proposals import Repository
from pilotage.repository import FAILED, files, look
from tests import repositories
from tests.repository.test_findings import EVERYTHING

TOKEN = "ghp_" + "Ab1" * 12


def unharmed(path: Path) -> Repository:
    """What is seen, when no detector failed."""
    seen = look(path)
    assert not [note for note in seen.notes if FAILED in note]
    return seen


def every_text(seen: Repository) -> str:
    return repr(seen)


@pytest.fixture
def repo(tmp_path):
    return repositories.new(tmp_path / "service")


def test_links_out_of_the_repository_are_not_followed(repo, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "deploy.sh").write_text("#!/bin/sh\nVERSION=$1 # from outside\n")
    (repo.path / "deploy.sh").symlink_to(outside / "deploy.sh")
    (repo.path / "scripts").symlink_to(outside)
    (repo.path / "etc").symlink_to("/etc")
    (repo.path / "prometheus.yml").symlink_to("/etc/passwd")
    (repo.path / "round").symlink_to(repo.path)
    (repo.path / "Makefile").symlink_to("Makefile")
    seen = look(repo.path)
    assert seen.proposals == ()
    assert "outside" not in every_text(seen)


def test_a_link_within_the_repository_is_read(repo):
    repo.write("tools/real.sh", "#!/bin/sh\nVERSION=$1\n", 0o755)
    (repo.path / "deploy.sh").symlink_to("tools/real.sh")
    assert look(repo.path).best("deploy").options["command"] == ["./deploy.sh", "{version}"]


def test_a_link_into_gits_own_folder_is_not_read(repo):
    repo.git("config", "remote.origin.url", f"https://me:{TOKEN}@example.org/prometheus")
    (repo.path / "prometheus.env").symlink_to(".git/config")
    assert unharmed(repo.path).proposals == ()


def test_a_link_that_changes_after_the_walk_leads_nowhere(repo, tmp_path):
    place = repo.write("deploy.sh", "VERSION=$1\n")
    walked = files.walk(repo.path, repo.path)
    place.unlink()
    place.symlink_to("/etc/passwd")
    assert walked.lines("deploy.sh") == []
    assert "leads out of the repository" in walked.notes[0]


def test_pipes_and_folders_with_the_names_of_files_are_passed_over(repo):
    os.mkfifo(repo.path / "deploy.sh")
    (repo.path / "Makefile").mkdir()
    (repo.path / "prometheus.yml").mkdir()
    assert unharmed(repo.path).proposals == ()


def test_large_files_are_not_read_and_said(repo):
    with repo.write("deploy.sh", "VERSION=$1\n").open("ab") as file:
        file.truncate(50 * 1024 * 1024)
    seen = look(repo.path)
    assert "deploy.sh was not read: it is larger than 256 KiB" in seen.notes


def test_of_many_notes_the_first_are_kept(repo):
    for number in range(60):
        repo.write(f"k8s/{number}.yaml", "#" * (files.MOST_BYTES + 1))
    seen = look(repo.path)
    assert len(seen.notes) == len(["no commit yet"]) + files.MOST_NOTES + 1
    assert seen.notes[-1] == "and more of that kind"


def test_only_so_many_files_are_read(repo):
    for number in range(files.MOST_FILES + 20):
        repo.write(f"k8s/{number}.yaml", "apiVersion: v1\nkind: Service\n")
    seen = look(repo.path)
    assert any("only 300 files were read" in note for note in seen.notes)


def test_ten_thousand_files_are_not_all_looked_at_and_telling_folders_come_first(repo):
    for folder in range(10):
        (repo.path / f"a{folder}").mkdir()
        for number in range(1000):
            (repo.path / f"a{folder}" / f"{number}.txt").touch()
    repo.write("scripts/deploy.sh", "VERSION=$1\n")
    seen = look(repo.path)
    assert seen.best("deploy") is not None
    assert any("more than 2000 files and folders" in note for note in seen.notes)


def test_folders_without_end_end(repo):
    place = repo.path
    for number in range(40):
        place = place / f"d{number}"
    place.mkdir(parents=True)
    (repo.path / "d0/d1/d2/d3/d4/deploy").mkdir()
    assert any("more than 6 deep" in note for note in look(repo.path).notes)


@pytest.mark.parametrize(
    "folder", [".git/x", "node_modules/x", "vendor/x", ".venv/bin", "dist", "build", "target/classes"]
)
def test_what_others_made_is_not_looked_at(repo, folder):
    repo.write(f"{folder}/deploy.sh", "VERSION=$1\n")
    repo.write(f"{folder}/prometheus.yml", "scrape_configs:\n")
    assert unharmed(repo.path).proposals == ()


def test_secrets_in_what_was_seen_are_masked(repo):
    repo.write("deploy.sh", f"#!/bin/sh\nVERSION=$1 TOKEN={TOKEN} PASSWORD='hunter2secret' x\n", 0o755)
    repo.write("Makefile", f"deploy:\n\tcurl -H 'Authorization: Bearer {TOKEN}' $(VERSION)\n")
    repo.write("prometheus.env", f"URL=https://me:hunter2secret@prometheus:9090/?token={TOKEN}\n")
    repo.write(
        "docker-compose.yml", "services:\n  a:\n    volumes:\n      - ./logs:/var/log # password=hunter2secret\n"
    )
    seen = look(repo.path)
    assert len(seen.proposals) >= 4
    assert TOKEN not in every_text(seen)
    assert "hunter2secret" not in every_text(seen)


def test_a_secret_is_masked_before_its_line_is_cut(repo):
    repo.write("deploy.sh", f"#!/bin/sh\nVERSION=$1 {'x' * 85} {TOKEN}\n", 0o755)
    assert "ghp_" not in every_text(look(repo.path))


def test_traces_are_one_short_line_without_control_characters(repo):
    repo.write("deploy.sh", "#!/bin/sh\nVERSION=$1 \x1b[31m\x07" + "é" * 500 + "\u2028\n", 0o755)
    (proposal,) = look(repo.path).proposals
    (seen,) = proposal.traces
    assert len(seen.text) <= 120
    assert seen.text.isprintable()


@pytest.mark.parametrize(
    "name", [b"deploy\n.sh", b"deploy\x1b[31m.sh", b"deploy\xff.sh", b"deploy.{version}.sh", b"-deploy.sh"]
)
def test_files_with_odd_names_lead_to_no_odd_command(repo, name):
    with open(os.path.join(os.fsencode(repo.path), name), "w") as file:
        file.write("VERSION=$1\n")
    seen = look(repo.path)
    assert all(one.options["command"][0] in ("bash",) for one in seen.proposals)
    assert every_text(seen).isprintable()


@pytest.mark.parametrize("text", [b"\xff\xfe\x00V\x00", b"VERSION=$1 \xff\xfe\xc3\x28\n", b"\r\r\r\x00", b""])
def test_bytes_that_are_no_text_are_no_trouble(repo, text):
    for name in EVERYTHING:
        repo.write(name, text)
    unharmed(repo.path)


def test_a_yaml_bomb_costs_no_more_than_its_lines(repo):
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    for name in ("k8s/a.yaml", "docker-compose.yml", "prometheus.yml", "envoy.yaml", "Taskfile.yml"):
        repo.write(name, "apiVersion: v1\nkind: Deployment\nservices: *a39\n" + "\n".join(bomb))
    unharmed(repo.path)


def test_json_that_nests_without_end_is_passed_over(repo):
    repo.write("flags.json", '{"flags": {"variants": ' + "[" * 100_000)
    repo.write("package.json", "[" * 100_000)
    repo.write("more.json", '{"flags": {"a": {"variants": {"on": ' + "9" * 10_000 + "}}}}")
    assert unharmed(repo.path).proposals == ()


@pytest.mark.parametrize(
    "piece",
    ["deploy ", " ", "a=", "${", "a.", "http://", "prometheus", "/", "{{", "set|", "-", "key: ", "add_argument(", "'"],
)
def test_no_line_makes_a_pattern_slow(repo, piece):
    """Would meet the suite's time limit: lines are cut before they are matched."""
    for name in EVERYTHING:
        repo.write(name, f"#!/bin/sh\n{piece * (60_000 // len(piece))}\n" * 2, 0o755)
    unharmed(repo.path)


names = st.sampled_from(
    [*EVERYTHING, "values.yaml", "log4j2.xml", "etc/logrotate.d/x", "scripts/set-weight.sh", ".env"]
)
lines = st.sampled_from([line for text in EVERYTHING.values() for line in text.splitlines()])
texts = st.one_of(
    st.binary(max_size=400),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.one_of(lines, st.text(max_size=30)), max_size=40).map(
        lambda rows: "\n".join(rows).encode("utf-8", "replace")
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=st.dictionaries(names, texts, max_size=8), hint=st.text(max_size=60))
def test_no_repository_makes_a_look_fail(tmp_path_factory, contents, hint):
    folder = tmp_path_factory.mktemp("random")
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)
    walked = files.walk(folder, folder)
    assert set(walked.names) == set(contents)
    seen = look(folder, hint)
    assert not [note for note in seen.notes if FAILED in note]
    for one in seen.proposals:
        assert one.traces
        assert all(len(trace.text) <= 120 and trace.text.isprintable() for trace in one.traces)
        assert 0 < one.confidence <= 1


def test_a_look_imports_no_library(tmp_path):
    code = (
        "import sys, pathlib; from pilotage.repository import look; look(pathlib.Path(sys.argv[1]));"
        "heavy = {'pydantic', 'httpx', 'sqlalchemy', 'temporalio', 'ruamel', 'yaml', 'asyncio'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=Path("/"))
    assert done.returncode == 0, done.stderr
