"""What the model can read, and what it never can."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pilotage.agent import jail as the_jail
from pilotage.agent.denied import is_denied
from pilotage.agent.jail import Denied, Jail
from tests.agent.shop import SECRET, shop

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\ndefghi\n-----END RSA PRIVATE KEY-----\n"


@pytest.fixture
def jail(tmp_path: Path) -> Jail:
    return Jail(shop(tmp_path / "shop").path)


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "../outside/notes.txt", "/etc/passwd", "~/.ssh/id_rsa", "deploy/../../outside/notes.txt"),
        *("notes.txt", "vendor-notes/notes.txt", "settings.txt", ".env", "./.env", "deploy/../.env"),
        *(".git/config", ".GIT/config", "deploy/../.git/HEAD", "deploy", "no-such-file", "a\0b", "x" * 2000),
    ],
)
def test_these_paths_are_never_read(jail: Jail, path: str) -> None:
    with pytest.raises(Denied):
        jail.read(path)


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.production", "app/.env.local", "prod.env", ".envrc", "server.pem", "tls/server.key", "a.p12"),
        *("id_rsa", "id_ed25519.pub", ".netrc", ".npmrc", ".pypirc", "credentials", "credentials.json"),
        *("aws-credentials.yaml", "kubeconfig", "prod.kubeconfig.yaml", "terraform.tfstate", "x.tfstate.backup"),
        *("prod.tfvars", "secrets.yaml", "Secrets.YML", "my-secret.yaml", "secrets/app.yaml", ".ssh/config"),
        *(".aws/config", ".kube/cache", ".git/config", "service-account.json", "passwords.txt", ".htpasswd"),
    ],
)
def test_names_of_secrets_are_denied(name: str) -> None:
    assert is_denied(name)


@pytest.mark.parametrize(
    "name", ["deploy.sh", "README.md", "config/app.yaml", "environment.yaml", "src/keyboard.py", "k8s/service.yaml"]
)
def test_ordinary_names_are_not(name: str) -> None:
    assert not is_denied(name)


def test_secrets_in_ordinary_files_are_hidden_and_lines_keep_their_numbers(jail: Jail) -> None:
    (jail.root / "notes.md").write_text(f"one\n{KEY}token: abcdef123456\nlast\n")
    assert jail.read("config/app.yaml") == "1: name: payment\n2: password: (hidden)\n3: port: 8080"
    lines = jail.lines("notes.md")
    assert lines[1] == "(hidden)"
    assert lines[5:] == ["token: (hidden)", "last"]
    assert "MII" not in "".join(lines)


def test_a_manifest_with_a_kubernetes_secret_is_not_shown(jail: Jail) -> None:
    (jail.root / "app.yaml").write_text("kind: Secret\nmetadata: {name: a}\ndata: {word: cGxhbnRlZA==}\n")
    with pytest.raises(Denied, match="Kubernetes secret"):
        jail.read("app.yaml")
    assert "cGxhbnRlZA" not in jail.grep("word")


def test_what_is_large_or_no_text_is_not_read(jail: Jail) -> None:
    (jail.root / "big.txt").write_text("x" * 300_000)
    (jail.root / "picture.txt").write_bytes(b"a\0b")
    os.mkfifo(jail.root / "pipe.txt")
    for name, why in (("big.txt", "larger"), ("picture.txt", "not text"), ("pipe.txt", "not a file")):
        with pytest.raises(Denied, match=why):
            jail.read(name)


def test_an_answer_is_bounded(jail: Jail) -> None:
    (jail.root / "long.txt").write_text("\n".join("y" * 2000 for _ in range(120)))
    shown = jail.read("long.txt")
    assert len(shown) < the_jail.MOST_CHARACTERS + 1000
    assert "more lines)" in shown
    assert jail.read("long.txt", from_line=120, lines=5).startswith("120: yyy")
    assert jail.read("long.txt", from_line=500) == "(the file has 120 lines)"
    assert jail.grep("y").count("\n") == the_jail.MOST_HITS


def test_names_are_listed_without_the_secret_ones(jail: Jail) -> None:
    everything = jail.glob("**/*")
    assert "deploy/values.yaml" in everything
    assert not {".env", "notes.txt", "settings.txt", "vendor-notes/notes.txt"} & set(everything)
    assert jail.glob("deploy/*.yaml") == ["deploy/values.yaml"]
    assert jail.glob("../**") == []


def test_a_search_finds_lines_and_cannot_guess_what_is_hidden(jail: Jail) -> None:
    assert jail.grep("previous:.*4") == 'deploy/values.yaml:4:   previous: "2.4.0"'
    assert "no line" in jail.grep(SECRET[:6])
    with pytest.raises(Denied, match="regular expression"):
        jail.grep("(")


def test_an_expression_that_never_ends_is_ended(jail: Jail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(the_jail, "SEARCH_WITHIN_S", 0.5)
    (jail.root / "a.txt").write_text("a" * 60 + "!")
    begun = time.monotonic()
    with pytest.raises(Denied, match="simpler"):
        jail.grep("(a+)+$")
    assert time.monotonic() - begun < 20
