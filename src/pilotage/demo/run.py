"""`pilotage demo`: the scene, the real coordinator in a state folder of its own, and `run`'s live view."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import click

from pilotage.cli.client import Api
from pilotage.cli.follow import INTERRUPTED, follow
from pilotage.cli.report import write_report
from pilotage.cli.stop import stop_local
from pilotage.demo.scene import Scene
from pilotage.paths import state_folder


def run_demo(bad: bool) -> int:
    """The exit code of `run`, 130 after Ctrl-C. Leaves nothing running; the report stays in the state folder."""
    home = state_folder() / "demo"
    home.mkdir(exist_ok=True, mode=0o700)
    for name in [name for name in os.environ if name.startswith(("TEMPORAL_", "PILOTAGE_"))]:
        del os.environ[name]  # the demo's engine and coordinator are its own
    folder = Path(tempfile.mkdtemp(prefix="pilotage-demo-"))
    state = folder / "state"
    state.mkdir()
    os.environ["PILOTAGE_STATE"] = str(state)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    click.echo("Starting two payment services, Envoy in front of them, and 150 requests a second ...", err=True)
    try:
        with Scene(folder, bad) as scene:
            click.echo(f"The fix is {'bad' if bad else 'good'}. The plan: {scene.plan}", err=True)
            api = Api(state)
            body = {"plan": scene.plan.read_text(), "directory": str(folder), "file": str(scene.plan), "by": "demo"}
            rollout = api.post("/v1/rollouts", body)["id"]
            code = follow(api, rollout, json_out=False, hint=False)
            report = home / f"{rollout}.md"
            picture = Path(write_report(api, rollout, report)["picture"])
            click.echo(f"Report: {report}, with its picture {picture.name}")
        if scene.load:
            click.echo(scene.load[0].upper() + scene.load[1:], err=True)
        return code
    except KeyboardInterrupt:
        click.echo("\nThe demo is taken down; its rollout ends with it.", err=True)
        return INTERRUPTED
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl-C would leave the engine running
        stop_local(state)
        shutil.rmtree(folder, ignore_errors=True)


def serve_scene(bad: bool) -> int:
    """The stage alone, its plan in the present folder, until Ctrl-C (one hour at most)."""
    plan = Path("plan.yaml")
    if plan.exists():
        click.echo(f"{plan.absolute()} exists already; run this in an empty folder", err=True)
        return 2
    with Scene(Path.cwd(), bad, seconds=3600) as scene:
        click.echo(f"Payment is at http://127.0.0.1:{scene.port}, {scene.plan} is written. Ctrl-C ends it.")
        click.echo("Now, in another terminal here: pilotage run plan.yaml")
        try:
            time.sleep(3600)
        except KeyboardInterrupt:
            click.echo("The stage is taken down.")
    return 0
