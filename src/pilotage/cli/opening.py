"""`open`: the page in a browser, also where nobody can tell who sits there."""

from __future__ import annotations

import os
import sys
from html import escape
from pathlib import Path
from typing import Any

import click

from pilotage.cli.client import Api
from pilotage.cli.output import as_json
from pilotage.paths import state_folder

REDIRECT = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={url}"><title>Pilotage</title>'
)


def register(cli: click.Group) -> None:
    cli.add_command(open_page)


@click.command("open")
@click.option("--print", "only_print", is_flag=True, help="Print an address that works once, within a minute.")
@as_json
def open_page(only_print: bool, json_out: bool) -> None:
    """Open the page in a browser."""
    api = Api()
    answer = api.post("/v1/open", {})
    base = answer["url"] or api.url
    address = f"{base}{answer['path']}"
    if json_out:
        import json

        click.echo(json.dumps({"url": address}, indent=2))
        return
    if only_print or not _launched(address, base, answer):
        click.echo(address)


def _launched(address: str, base: str, answer: dict[str, Any]) -> bool:
    """Whether a browser was started. Its command line can be read by others on this machine, so it never has the key:
    on Linux the coordinator sees by itself whose browser it is, elsewhere a private file leads there."""
    import webbrowser

    if answer["path"] == "/" or (sys.platform == "linux" and not answer["url"]):
        return webbrowser.open(f"{base}/")
    return webbrowser.open(_private_file(address).as_uri())


def _private_file(address: str) -> Path:
    path = state_folder() / "open.html"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(REDIRECT.format(url=escape(address)))
    return path
