"""What is built is built from what is written down, and only when that changed."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tests.kubernetes import build

GO = """#!/bin/sh
echo "$@" >> "{log}"
if [ "$1" = build ]; then shift 4; touch "$1"; exit 0; fi
echo '{{"Sum": "h1:other", "Dir": "/nowhere"}}'
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `go` that only notes what it is told to do: the path of its notes."""
    log, program = tmp_path / "log", tmp_path / "go"
    program.write_text(GO.format(log=log))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    built, sources = tmp_path / "built", tmp_path / "sources"
    built.mkdir()
    for folder in ("control_plane", "rollouts"):
        shutil.copytree(build.HERE / folder, sources / folder)
    monkeypatch.setattr(build, "BUILT", built)
    monkeypatch.setattr(build, "HERE", sources)
    return log


def test_a_program_is_built_once_and_again_when_its_sources_changed(go: Path) -> None:
    assert build.program("control-plane")
    assert not build.program("control-plane")
    with (build.HERE / "control_plane" / "go.sum").open("a") as sums:
        sums.write("\n")
    assert build.program("control-plane")
    told = go.read_text().splitlines()
    assert len(told) == 2
    assert "gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1" in told[0]


def test_a_program_whose_file_is_gone_is_built_again(go: Path) -> None:
    assert build.program("argo-rollouts")
    (build.BUILT / "argo-rollouts").unlink()
    assert build.program("argo-rollouts")


def test_definitions_from_a_module_with_another_sum_are_refused(go: Path) -> None:
    with pytest.raises(build.CannotBuild, match=r"gateway-api v1\.\d+\.\d+ has the sum h1:other, expected h1:"):
        build.crds()


def test_without_go_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(build.CannotBuild, match=r"go is missing: install Go 1\.26"):
        build.go()


def test_what_a_build_says_is_told(go: Path, tmp_path: Path) -> None:
    (tmp_path / "go").write_text("#!/bin/sh\necho 'main.go:9: undefined' >&2; exit 1\n")
    with pytest.raises(build.CannotBuild, match=r"go build -mod=readonly in .* ended with 1:\nmain\.go:9: undefined"):
        build.program("control-plane")
    assert not (build.BUILT / "control-plane").exists()
