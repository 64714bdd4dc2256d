"""What a stranger's driver costs, and that it works as one would install it: built, beside this Pilotage, alone."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from tests.stage import PHASES, PLAN

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "driver-package"
PLANTED = "let-me-through"


def run(folder: Path, *argv: object, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PILOTAGE_", "PYTHON"))}
    return subprocess.run(
        list(map(str, argv)),
        cwd=folder,
        env={**clean, "PILOTAGE_STATE": str(folder / "state"), **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `venv/`: both wheels installed without network; what they need is borrowed from here."""
    folder = tmp_path_factory.mktemp("stranger")
    for source in (ROOT, PACKAGE):
        built = run(source, sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
        assert built.returncode == 0, built.stderr
    made = run(folder, sys.executable, "-m", "venv", "--without-pip", "venv")
    assert made.returncode == 0, made.stderr
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # A .pth adds the folder only: the editable Pilotage in it, found through a .pth of its own, stays unknown.
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    uv, wheels = Path(sys.executable).with_name("uv"), sorted(folder.glob("*.whl"))
    installed = run(folder, uv, "pip", "install", "--offline", "--no-deps", "--python", python, *wheels)
    assert (installed.returncode, len(wheels)) == (0, 2), installed.stderr
    return folder


def example_proxy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("turnstile", PACKAGE / "tests" / "turnstile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pilotage(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(folder, folder / "venv" / "bin" / "pilotage", *words, **environment)


def test_a_driver_costs_one_short_file_one_line_one_test_class_and_one_page() -> None:
    (module,) = PACKAGE.glob("*.py")
    assert len(module.read_text().splitlines()) <= 60
    groups = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["entry-points"]
    assert [len(drivers) for drivers in groups.values()] == [1]
    tests = "\n".join(file.read_text() for file in (PACKAGE / "tests").glob("*.py"))
    assert len(re.findall(r"^class Test", tests, re.MULTILINE)) == 1
    assert [page.name for page in PACKAGE.rglob("*.md")] == ["README.md"]


def test_its_own_tests_pass_where_both_wheels_are_installed(fresh: Path) -> None:
    shutil.copytree(PACKAGE / "tests", fresh / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PACKAGE / "pyproject.toml", fresh)
    python = fresh / "venv" / "bin" / "python"
    where = run(fresh, python, "-c", "import pilotage, pilotage_turnstile as own; print(pilotage, own)")
    assert where.stdout.count(str(fresh / "venv")) == 2, where.stdout + where.stderr
    done = run(fresh, python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b1[4-9] passed", done.stdout)


def test_it_is_listed_with_its_package_and_shown_with_its_options(fresh: Path) -> None:
    listed = pilotage(fresh, "drivers").stdout
    assert re.search(r"turnstile +Turnstile, our own reverse proxy.* \(from pilotage-turnstile\)", listed)
    (shown,) = json.loads(pilotage(fresh, "drivers", "turnstile", "--json").stdout)
    assert {one["name"]: one["meaning"] for one in shown["options"]}["gate"] == "the gate in front of the service"


def test_a_plan_with_it_is_a_good_plan(fresh: Path) -> None:
    (given,) = re.findall(r"```yaml\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    whole = PLAN.format(service="shop", phases=PHASES, hold="20s", then="rollback", more="", port=1)
    (fresh / "plan.yaml").write_text(re.sub(r"traffic:\n.*\n", lambda _: given, whole))
    done = pilotage(fresh, "check", "plan.yaml", TURNSTILE_TOKEN=PLANTED)
    assert (done.returncode, "is a good plan" in done.stdout) == (0, True), done.stderr
    slip = (fresh / "plan.yaml").read_text().replace("gate: shop", "gat: shop")
    (fresh / "plan.yaml").write_text(slip)
    assert 'Did you mean "gate"' in pilotage(fresh, "check", "plan.yaml", TURNSTILE_TOKEN=PLANTED).stderr


def test_it_is_tried_by_hand(fresh: Path) -> None:
    with example_proxy().turnstile("shop") as address:
        options = ("-o", f"admin={address}", "-o", "gate=shop", "-o", "token={env: TURNSTILE_TOKEN}")
        act = pilotage(fresh, "drivers", "try", "turnstile", *options, "set", "10", "--yes", TURNSTILE_TOKEN=PLANTED)
        assert (act.returncode, act.stdout) == (0, "set to 10 %\nread back: 10 %\n"), act.stderr
        said = pilotage(fresh, "drivers", "try", "turnstile", *options, "probe", TURNSTILE_TOKEN=PLANTED)
        assert said.stdout == "Turnstile sends 10 % through shop to the canary\n"
