"""A team's chat: one message for each rollout, edited in place, with what happens in its thread.

``shown`` is what people see, with its ``buttons``, and ``thread`` what is told of events; ``follower`` keeps both as
the record is. ``heard`` says whether something comes from Slack, ``saying`` tells one person something, ``doubles`` is
what a plan's own channel leaves to the app.
"""

from pilotage.chat.doubles import told_by_app
from pilotage.chat.follower import Follower

__all__ = ["Follower", "told_by_app"]
