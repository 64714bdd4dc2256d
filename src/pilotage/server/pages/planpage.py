"""A plan's text as a document for people."""

from __future__ import annotations

from markupsafe import Markup

from pilotage import planfile
from pilotage.core.documents import plan_document
from pilotage.core.pages.documents import fragment
from pilotage.planfile.document import NotReadable


def document(text: str, digest: str, file: str = "plan.yaml", lowest: int = 2) -> Markup:
    """Empty of a text that is no plan any more. Our own reader of Markdown escapes all that is in it."""
    try:
        tree, _ = planfile.read(text)
    except NotReadable:
        return Markup("")
    return Markup(fragment(plan_document(tree.plain(), file=file, digest=digest), lowest))  # noqa: S704
