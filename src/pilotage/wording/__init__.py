"""The words of the messages: templates - the team's, else Pilotage's - filled in with what happened.

``language`` is what a template may say, ``facts`` what it may name, ``templates`` where it is found, ``message`` what
comes of it, ``checking`` whether a team's folder is in order, ``samples`` one event of each kind to try it with.
"""

from pilotage.wording.checking import check_templates
from pilotage.wording.message import Rendered, preview, render
from pilotage.wording.previews import Previewed, previews

__all__ = ["Previewed", "Rendered", "check_templates", "preview", "previews", "render"]
