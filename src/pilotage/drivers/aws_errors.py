"""What a failed call to AWS means, whatever way botocore says it: who, about what, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers.answers import Answer, again, one_line
from pilotage.drivers.unreached import broke_off, unreached

_MOST_SKEW_S = 240.0
"""AWS refuses signatures that are five minutes old."""
_SIGNED_IN = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "GetRoleCredentials", "CreateToken"})

_THROTTLED = re.compile(r"throttl|toomanyrequests|requestlimitexceeded|slowdown|bandwidthlimit", re.I)
_EXPIRED = re.compile(r"^(ExpiredToken|TokenRefreshRequired|RequestExpired$)", re.I)
_SKEWED = re.compile(r"^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture)", re.I)
_SIGNATURE = re.compile(r"^(SignatureDoesNotMatch|InvalidSignature|IncompleteSignature)", re.I)
_UNKNOWN = re.compile(
    r"^(UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|MissingAuthenticationToken|InvalidToken|OptIn|"
    r"AuthFailure|InvalidIdentityToken|UnauthorizedException$)",
    re.I,
)
_DENIED = re.compile(r"^(AccessDenied|UnauthorizedOperation|NotAuthorized|AuthorizationError|Forbidden)", re.I)
_MISSING = re.compile(r"(NotFound(Exception|Fault)?|^NoSuch\w+|DoesNotExist)$", re.I)
_CHANGED = re.compile(
    r"^(ResourceConflict|Conflict|PreconditionFailed|ResourceInUse|UpdateInProgress|OperationInProgress|"
    r"ConcurrentModification|PriorRequestNotComplete|TooManyUpdates|ResourceNotReady)",
    re.I,
)
_OURS = re.compile(r"^(Internal|Service(Unavailable|Exception)|RequestTimeout|EC2Unexpected|KMSInternal)", re.I)


@dataclass(frozen=True)
class Asked:
    """What a call was for: `who` and `action` (as a policy names it), `what` object, and where."""

    who: str
    action: str
    what: str
    url: str
    region: str
    profile: str | None
    role: str | None
    own: bool = False
    """`url` is the plan's, not AWS' own."""


def forgets_credentials(error: Exception) -> bool:
    """Those that were refused may have been renewed where they come from."""
    code = _code(error)
    return bool(_EXPIRED.search(code) or _UNKNOWN.search(code) or _SIGNATURE.search(code))


def meaning(error: Exception, asked: Asked, answer: Answer | None = None) -> DriverError:
    """`answer` is what came, where botocore made nothing of it."""
    if isinstance(error, DriverError):
        return type(error)(f"{asked.who}: {error}")
    from botocore import exceptions as b

    if isinstance(error, b.ClientError):
        return _refused(error, asked, answer)
    if found := _without_credentials(error, asked):
        return found
    if isinstance(error, b.ReadTimeoutError):
        return TemporaryError(
            f"{asked.who} did not answer in time for {asked.what}. After a change: it may have been made"
        )
    if isinstance(error, b.ConnectTimeoutError):
        return TemporaryError(f"{asked.who} does not answer: no connection to {one_line(asked.url, 100)} in time")
    if isinstance(error, b.ProxyConnectionError):
        return TemporaryError(f"{asked.who} is not reached: the proxy in HTTPS_PROXY does not answer")
    if isinstance(error, b.SSLError) and not broke_off(error):
        return _untrusted(error, asked)
    if isinstance(error, b.HTTPClientError | b.ConnectionError):
        return unreached(error, asked.who, asked.url, "endpoint_url" if asked.own else "region")
    if isinstance(error, b.ParamValidationError):
        return PermanentError(f"{asked.who} cannot be asked for {asked.what}: {one_line(str(error), 200)}")
    if answer is not None:
        return _senseless(asked, answer)
    if isinstance(error, b.BotoCoreError):
        return PermanentError(f"{asked.who} cannot be asked for {asked.what}: {one_line(str(error), 200)}")
    return TemporaryError(f"{asked.who} could not be asked for {asked.what} ({type(error).__name__})")


def _without_credentials(error: Exception, asked: Asked) -> DriverError | None:
    """What is wrong on this side, before anything is sent."""
    from botocore import exceptions as b

    who, profile = asked.who, asked.profile or "default"
    match error:
        case b.NoCredentialsError():
            return PermanentError(
                f"{who} needs credentials and there are none where the coordinator runs: expected AWS_ACCESS_KEY_ID "
                "and AWS_SECRET_ACCESS_KEY, a `profile`, or a role of the machine, task or service account"
            )
        case b.PartialCredentialsError():
            return PermanentError(f"{who} needs whole credentials ({one_line(str(error), 150)})")
        case b.NoRegionError():
            return PermanentError(f"{who} needs a region: give `region`, such as eu-west-1, or set AWS_REGION")
        case b.ProfileNotFound():
            return PermanentError(
                f"{who} has no credentials, for there is no profile {one_line(profile, 60)} in ~/.aws/config"
            )
        case b.ConfigParseError():
            return PermanentError(f"{who} has no credentials ({one_line(str(error), 150)})")
        case b.SSOError() | b.TokenRetrievalError() | b.NoAuthTokenError() | b.LoginError():
            return PermanentError(
                f"{who} has no credentials, for the login of profile {one_line(profile, 60)} has ended. Log in anew: "
                f"aws sso login --profile {one_line(profile, 60)} (where the coordinator runs)"
            )
        case b.CredentialRetrievalError() | b.MetadataRetrievalError():
            return TemporaryError(f"{who} gets no credentials ({one_line(str(error), 200)})")
    return None


def _refused(error: Any, asked: Asked, answer: Answer | None) -> DriverError:
    """What an error that AWS answered means."""
    code = _code(error)
    meta = error.response.get("ResponseMetadata") or {}
    status, headers = meta.get("HTTPStatusCode"), meta.get("HTTPHeaders")
    if isinstance(status, int) and isinstance(headers, Mapping):
        answer = Answer(status, {str(name).lower(): str(value) for name, value in headers.items()}, None)
    answer = answer or Answer(0, {}, None)
    if error.operation_name in _SIGNED_IN and not asked.action.endswith(f":{error.operation_name}"):
        role = asked.role or f"of profile {asked.profile or 'default'}"
        asked = Asked("AWS STS", f"sts:{error.operation_name}", f"the role {role}", "", "", asked.profile, asked.role)
    words = one_line(str((error.response.get("Error") or {}).get("Message") or ""), 250) or "(no explanation)"
    shown = f"{code} {answer.status}" if code else str(answer.status)
    if answer.limited or _THROTTLED.search(code):
        text = f"{asked.who} limits how often it may be asked ({shown}){again(answer)}"
        return TemporaryError(text, answer.after_s)
    if found := _identity(asked, code, words, answer):
        return found
    if _DENIED.search(code) or answer.status == 403:
        return PermanentError(
            f"{asked.who} denies {asked.action} on {asked.what} ({shown}): {words}. "
            "The least policy is in docs/drivers.md"
        )
    if answer.status == 401:
        return PermanentError(f"{asked.who} refuses the credentials ({shown}): are they right, and still valid?")
    if _MISSING.search(code) or answer.status == 404:
        where = f" in {asked.region}" if asked.region else ""
        return PermanentError(
            f"{asked.who} has no {asked.what}{where} ({shown}): {words}. Are name, region and account right?"
        )
    if _CHANGED.search(code):
        return TemporaryError(f"{asked.who}: {asked.what} is being changed by somebody else ({shown}): {words}")
    text = f"{asked.who} answered {shown} for {asked.action} on {asked.what}: {words}"
    if answer.status >= 500 or answer.status in (408, 425) or _OURS.search(code):
        return TemporaryError(text + again(answer), answer.after_s)
    if 300 <= answer.status < 400:
        return _senseless(asked, answer)
    return PermanentError(text)


def _identity(asked: Asked, code: str, words: str, answer: Answer) -> DriverError | None:
    """For whom AWS takes us. A signature's error repeats what was signed: its words are not shown."""
    skew = answer.skew_s
    if _SKEWED.search(code) or (
        _SIGNATURE.search(code) and ("expired" in words or "not yet current" in words or abs(skew or 0) > _MOST_SKEW_S)
    ):
        by = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'}" if skew else "not"
        return PermanentError(
            f"{asked.who} refuses the signature ({code}): this machine's clock is {by} AWS'. "
            "Set it right (timedatectl shows it)"
        )
    if _EXPIRED.search(code):
        return TemporaryError(
            f"{asked.who} says that the credentials have expired ({code}): they are read anew at the next try. "
            "Log in again where they come from"
        )
    if _SIGNATURE.search(code):
        return PermanentError(f"{asked.who} refuses the signature ({code}): is the secret key that of the access key?")
    if _UNKNOWN.search(code):
        return PermanentError(
            f"{asked.who} does not know these credentials ({code}): are they right, still valid, and of this partition?"
        )
    return None


def _senseless(asked: Asked, answer: Answer) -> DriverError:
    """For an answer that botocore cannot read."""
    status = answer.status
    if status == 429:
        text = f"{asked.who} limits how often it may be asked ({status}){again(answer)}"
        return TemporaryError(text, answer.after_s)
    if status >= 500:
        return TemporaryError(f"{asked.who} answered {status} for {asked.what}{again(answer)}", answer.after_s)
    if 300 <= status < 400:
        return PermanentError(f"{asked.who} sends elsewhere ({status}): is `endpoint_url` or `region` right?")
    return PermanentError(
        f"{one_line(asked.url, 100)} does not answer as {asked.who} does ({status}). Is `endpoint_url` right?"
    )


def _untrusted(error: Exception, asked: Asked) -> PermanentError:
    found = unreached(error, asked.who, asked.url, "endpoint_url")
    why = re.search(r"\((.*?)\):", str(found))
    return PermanentError(
        f"no encrypted connection to {asked.who} ({why[1] if why else 'certificate'}): is the certificate of "
        f"{one_line(asked.url, 100)} right? A company's own authority is trusted where AWS_CA_BUNDLE names its "
        "certificate (where the coordinator runs)"
    )


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    found = (response.get("Error") or {}).get("Code") if isinstance(response, dict) else ""
    return one_line(str(found or ""), 80)
