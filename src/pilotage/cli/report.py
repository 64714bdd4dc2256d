"""`report` and `review`: what the record says, for those who read it afterwards."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import click

from pilotage.cli.client import Api
from pilotage.cli.output import as_json, say

HTML = (".html", ".htm")

_rollout = click.argument("rollout", default="latest", metavar="[ID]")
_output = click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it here.")


def register(cli: click.Group) -> None:
    """Adds the commands of this file."""
    for command in (report, review):
        cli.add_command(command)


@click.command()
@_rollout
@_output
@as_json
def report(rollout: str, output: Path | None, json_out: bool) -> None:
    """The report: impact, comparison, verdicts with their evidence, timeline.

    A file that ends in .html is one page with everything in it; any other is Markdown with its picture beside it.
    """
    api = Api()
    rollout = api.get(f"/v1/rollouts/{rollout}")["id"]  # `latest` may become another one between two questions
    if output is not None:
        files = write_report(api, rollout, output)
        say(json_out, files, f"{' and '.join(files.values())} {'are' if len(files) > 1 else 'is'} written.")
        return
    text = api.get(f"/v1/rollouts/{rollout}/report")
    say(json_out, {"report": text, "picture": api.get(f"/v1/rollouts/{rollout}/picture")} if json_out else {}, text)


@click.command()
@_rollout
@_output
@as_json
def review(rollout: str, output: Path | None, json_out: bool) -> None:
    """The draft of the review (Markdown): what is known, what is open, and room for the causes."""
    text = Api().get(f"/v1/rollouts/{rollout}/review")
    if output is None:
        say(json_out, {"review": text}, text)
        return
    output.write_text(text, encoding="utf-8")
    say(json_out, {"file": str(output)}, f"{output} is written.")


def write_report(api: Api, rollout: str, output: Path) -> dict[str, str]:
    """Writes it; returns the files: ``file``, and of Markdown the ``picture`` beside it."""
    if output.suffix.lower() in HTML:
        output.write_text(api.get(f"/v1/rollouts/{rollout}/report?format=html"), encoding="utf-8")
        return {"file": str(output)}
    picture = output.with_suffix(".svg")
    if picture == output:
        picture = output.with_name(f"{output.stem}-picture.svg")
    picture.write_text(api.get(f"/v1/rollouts/{rollout}/picture"), encoding="utf-8")
    address = quote(picture.name, safe="")  # in the report it is a link
    text = api.get(f"/v1/rollouts/{rollout}/report?picture={quote(address, safe='')}")
    output.write_text(text, encoding="utf-8")
    return {"file": str(output), "picture": str(picture)}
