"""What a button or a command in Slack does: for a person whom the settings name, with that person's rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import unescape
from typing import Any

import structlog

from pilotage.acting import Acting
from pilotage.chat.buttons import ACTIONS, OPEN, About, about, stopped_by
from pilotage.chat.saying import Saying
from pilotage.chat.shown import line
from pilotage.core.errors import DriverError, Forbidden, NotFound, PilotageError, Refused
from pilotage.core.people import Caller
from pilotage.core.state import Command
from pilotage.server.access import Access
from pilotage.settings.chat import USER, Slack
from pilotage.store import queries
from pilotage.store.listing import Wanted

log = structlog.get_logger()

HELP = (
    "/pilotage status [SERVICE or ROLLOUT]: how it stands\n"
    "/pilotage rollback [SERVICE or ROLLOUT] [why]: back to what was before, now\n"
    "/pilotage hold [SERVICE or ROLLOUT] [why]: the traffic stays where it is"
)
_VERBS = {"rollback": Command.ROLLBACK, "hold": Command.HOLD}
_MOST_TYPED, _MOST_ROWS, _MOST_WHY, _MOST_RUNNING = 1000, 20, 300, 1000


class SlackActs:
    def __init__(self, access: Access, settings: Slack) -> None:
        self.settings = settings
        self._access = access
        self._saying = Saying(settings)

    async def pressed(self, user: str, action: str, value: Any, response_url: str, trigger: str) -> None:
        """A button. What comes of it is told to whom pressed it, and shown by the rollout's message."""
        if action == OPEN:
            return

        async def act(acting: Acting) -> str:
            what = about(value)
            if action not in ACTIONS or what is None:
                raise Refused("this button is not one of this Pilotage's: type /pilotage status")
            if ACTIONS[action] is Command.RESUME:
                return await self._ask_why(acting, what, str(value), trigger)
            return await _command(acting, ACTIONS[action], what, "by a button in Slack")

        await self._answered(user, action, value, act, lambda said: self._saying.answer(response_url, said))

    async def go_on(self, user: str, value: str, why: str) -> None:
        """The form that asked why."""

        async def act(acting: Acting) -> str:
            what = about(value)
            if what is None:
                raise Refused("this form is not one of this Pilotage's: type /pilotage status")
            await _is_as_seen(acting, what)
            return await _command(acting, Command.RESUME, what, why.strip()[:_MOST_WHY])

        await self._answered(user, "resume", value, act, lambda said: self._saying.whisper(user, said))

    async def typed(self, user: str, text: str, response_url: str) -> None:
        """/pilotage. Slack escapes its three control characters in what was typed."""
        words = unescape(text[:_MOST_TYPED]).split()
        verb, name, why = (words[0].lower() if words else ""), (words[1] if words[1:] else ""), " ".join(words[2:])

        async def act(acting: Acting) -> str:
            if verb == "status":
                return await _status(acting, name)
            if verb not in _VERBS:
                return HELP
            found = await _meant(acting, name)
            return await _command(acting, _VERBS[verb], About(found), why[:_MOST_WHY] or "typed in Slack")

        await self._answered(user, verb, name, act, lambda said: self._saying.answer(response_url, said))

    async def _answered(
        self,
        user: str,
        what: str,
        value: Any,
        act: Callable[[Acting], Awaitable[str]],
        say: Callable[[str], Awaitable[None]],
    ) -> None:
        try:
            said = await act(await self._acting(user, what, value))
        except PilotageError as error:
            said = str(error)
        except Exception as error:
            log.error("what was asked in Slack has failed", what=what, error=type(error).__name__)
            said = f"Pilotage failed ({type(error).__name__}): its log says more. Nothing may have been done: "
            said += "/pilotage status shows how it stands"
        if said:
            await say(said)

    async def _acting(self, user: str, what: str, value: Any) -> Acting:
        """Raises Forbidden for somebody whom the settings do not name, and notes that they tried."""
        name = self.settings.users.get(user)
        if name is not None:
            caller = self._access.person(name, frozenset(), "person", f"slack {user}")
            return Acting(self._access.coordinator, caller)
        shown = user if USER.fullmatch(user) else "this person"
        said = f"not known here: ask an admin to add {shown} under slack: users: in the settings"
        nobody = Acting(self._access.coordinator, Caller(f"{shown} in Slack", "person", ()))
        known = about(value)
        await nobody.note(what or "help", known.rollout if known else "", f"denied: {said}")
        raise Forbidden(f"You are {said}.")

    async def _ask_why(self, acting: Acting, what: About, value: str, trigger: str) -> str:
        """Going on despite a hold is somebody's decision, with a reason; that costs no time that matters."""
        rollout = await _is_as_seen(acting, what)
        view = await acting.coordinator.telling.view(rollout)
        title = f"{view['service']} {view['version']} is {view['status']}: {view['reason'] or 'no reason was given'}"
        try:
            await self._saying.ask_why(trigger, value, title)
        except DriverError as error:
            return f"Slack could not open the form ({error}). Another way: pilotage resume {rollout} --reason WHY"
        return ""


async def _command(acting: Acting, command: Command, what: About, why: str) -> str:
    if command is Command.APPROVE and (what.phase is None or not what.digest):
        raise Refused("this button does not say what it approves: the rollout's message has a newer one")
    outcome = await acting.command(what.rollout, command, why, what.digest, what.phase)
    return f"{what.rollout}: {outcome.message}"


async def _is_as_seen(acting: Acting, what: About) -> str:
    """Raises Refused when something else has stopped the rollout since the button was shown."""
    rollout = await acting.rollout(what.rollout)
    record = await acting.coordinator.store.run(queries.events_of, rollout)
    if what.stopped is None or stopped_by(record) != what.stopped:
        raise Refused(f"{rollout} was stopped again since this button was shown: look at its message first")
    return rollout


async def _meant(acting: Acting, name: str) -> str:
    """The rollout that a person means by its id, by its service, or by nothing where only one runs."""
    rows = [one for one in await _running(acting) if name in ("", one["id"], one["service"])]
    if len(rows) == 1:
        return str(rows[0]["id"])
    if not rows and name:
        return await acting.rollout(name)
    if not rows:
        raise NotFound("nothing is running")
    raise Refused("which one?\n" + "\n".join(line(one) for one in rows[:_MOST_ROWS]))


async def _running(acting: Acting) -> list[dict[str, Any]]:
    """Those that the caller may see."""
    found, _ = await acting.coordinator.listing.rollouts(acting.places, Wanted(active=True), limit=_MOST_RUNNING)
    return found


async def _status(acting: Acting, name: str) -> str:
    if not name:
        rows = await _running(acting)
        return "\n".join(line(one) for one in rows[:_MOST_ROWS]) or "nothing is running"
    try:
        found = await _meant(acting, name)
    except Refused as error:
        return str(error)
    return line(await acting.coordinator.telling.view(await acting.rollout(found)))
