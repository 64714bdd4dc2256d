"""What the API server's refusals mean, for a person: its Status object says it, for those who know its words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers.answers import Answer, again, one_line
from pilotage.drivers.kubernetes.kinds import Kind

_RIGHT = re.compile(r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"')
_WHOLE = re.compile(r'Invalid value: "\{(?:[^"\\]|\\.)*": ')
_MOST = 100_000

_NO_LOG = re.compile(
    r'(container "[^"]*" in pod "[^"]*" (is (waiting to start|terminated|not available)|not found)'
    r"|unable to retrieve container logs|no logs available|failed to (open|try|find|read|seek))"
)


class Conflict(TemporaryError):
    """The object is another one than was read: somebody changed it meanwhile."""


class NoLog(PermanentError):
    """The container has no log: it waits to start, or what it had is gone with it or its pod."""


class Unfit(PermanentError):
    """The change cannot be made of the object as it is now."""


def refusal(answer: Answer, who: str, verb: str, kind: Kind, name: str, namespace: str) -> DriverError:
    """`who` is the cluster; `verb` as in a Role's rules."""
    where = f" in the namespace {namespace}" if kind.namespaced else ""
    what = f"{kind.kind} {name}".strip() + where
    reason, status = answer.get("reason"), answer.status
    if answer.limited:
        return TemporaryError(f"{who} limits how often it may be asked ({status}){again(answer)}", answer.after_s)
    if status == 401:
        return PermanentError(
            f"{who} does not know who asks (401): the kubeconfig's token or certificate is refused. Is it still valid?"
        )
    if status == 403:
        return _forbidden(answer, who, verb, kind, where)
    if kind.resource == "pods/log" and _without_log(answer):
        return NoLog(f"{what} has no log ({status}): {_words(answer)}")
    if status == 404:
        return PermanentError(_missing(answer, who, kind, what))
    if status == 409 and reason == "AlreadyExists":
        return PermanentError(f"{who} already has the {what} (409)")
    if status == 409:
        return Conflict(f"{who}: somebody else changed the {what} at the same moment (409): {_words(answer)}")
    if 300 <= status < 400:
        return PermanentError(f"{who} sends elsewhere ({status}): is `server` in the kubeconfig right?")
    text = f"{who} answered {status} to {verb} the {what}: {_words(answer)}"
    if status in (408, 410, 425) or status >= 500:  # 410: the list that was begun is not kept any longer
        return TemporaryError(text + again(answer), answer.after_s)
    return Unfit(text) if status == 422 else PermanentError(text)


def not_allowed(who: str, user: str, verb: str, kind: Kind, where: str) -> PermanentError:
    rule = f'{{apiGroups: ["{kind.group}"], resources: [{kind.resource}], verbs: [{verb}]}}'
    role = "Role" if kind.namespaced else "ClusterRole"
    return PermanentError(
        f"{who} does not allow {user} to {verb} {kind.full}{where} (403): give it a {role} with the rule {rule}"
    )


def _forbidden(answer: Answer, who: str, verb: str, kind: Kind, where: str) -> PermanentError:
    missing = _RIGHT.search(str(answer.get("message") or "")[:2000])
    if missing is None:  # not a right, but an admission policy, a quota or a namespace that is being deleted
        return PermanentError(f"{who} refuses to {verb} {kind.full}{where} (403): {_words(answer)}")
    return not_allowed(who, one_line(missing["user"], 100), one_line(missing["verb"], 20), kind, where)


def _without_log(answer: Answer) -> bool:
    """The API server passes on what the kubelet says."""
    details, message = answer.get("details"), str(answer.get("message") or "")
    if answer.status == 404:
        return answer.get("reason") == "NotFound" and isinstance(details, Mapping) and bool(details.get("name"))
    return answer.status == 400 and answer.get("reason") == "BadRequest" and _NO_LOG.search(message) is not None


def _missing(answer: Answer, who: str, kind: Kind, what: str) -> str:
    details = answer.get("details")
    found = details if isinstance(details, Mapping) else {}
    if answer.get("reason") == "NotFound" and found.get("name"):
        if found.get("kind") in ("namespaces", "namespace"):
            return f"{who} has no namespace {one_line(str(found['name']), 100)} (404): is `namespace` right?"
        return f"{who} has no {what} (404): are its name and `namespace` right?"
    group = f"its CRDs are not installed there, or are of another version (kubectl api-resources | grep {kind.plural})"
    hint = group if "." in kind.group else "is `server` in the kubeconfig an API server's address?"
    return f"{who} does not know the API {kind.api} with the kind {kind.kind} (404): {hint}"


def _words(answer: Answer) -> str:
    """Its message, and which fields it is about."""
    details: Any = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    fields = [str(one.get("field")) for one in causes or [] if isinstance(one, dict) and one.get("field")]
    # An object that is refused is repeated in whole, with its quotes escaped: what is wrong with it comes after.
    text = one_line(_WHOLE.sub("", str(answer.get("message") or "")[:_MOST]), 300) or "(no explanation)"
    more = [field for field in dict.fromkeys(fields) if field not in text][:3]
    return f"{text} (in {', '.join(one_line(one, 60) for one in more)})" if more else text
