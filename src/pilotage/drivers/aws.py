"""AWS, through botocore: how a driver gets its client, and calls it without blocking anybody else.

Credentials come from where AWS' own tools find them. botocore is told to try once: who calls Pilotage's drivers knows
whether trying again can help.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Self, TypeVar

from pydantic import Field, model_validator

from pilotage import __version__
from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import DriverOptions
from pilotage.drivers.answers import Answer, check_clock
from pilotage.drivers.aws_errors import Asked, forgets_credentials, meaning
from pilotage.drivers.files import to_the_end
from pilotage.drivers.service import Api

T = TypeVar("T")

_CONNECT_S = 3.0
_CREDENTIALS_S = 10.0
_MOST_CLIENTS = 64
_THREADS = ThreadPoolExecutor(16, thread_name_prefix="aws")
"""Of its own: an AWS that does not answer must not hold up what writes files."""
_LEEWAY_S = 0.5


class AwsOptions(DriverOptions):
    region: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]+$",
        description="such as eu-west-1; else what the environment or profile says",
    )
    profile: str | None = Field(
        default=None, min_length=1, description="of ~/.aws/config, for its credentials and region; else the usual chain"
    )
    role: str | None = Field(
        default=None, pattern=r"^arn:aws[\w-]*:iam::\d{12}:role/.+$", description="the ARN of a role to assume"
    )
    external_id: str | None = Field(
        default=None, min_length=2, max_length=1224, description="what the role's trust policy asks for"
    )
    endpoint_url: Api | None = Field(
        default=None, description="another address of the service, such as a VPC endpoint's"
    )
    timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each request to AWS")

    @model_validator(mode="after")
    def _an_id_is_for_a_role(self) -> Self:
        if self.external_id is not None and self.role is None:
            raise ValueError("external_id together with role")
        return self


class Aws:
    """One service's client; `who` is what errors call it. `prefix` is what its actions begin with in a policy.

    Safe to make without boto3 or credentials: both are asked for at the first call.
    """

    def __init__(self, service: str, who: str, options: AwsOptions, *, prefix: str, region: str | None = None) -> None:
        self.who = who
        self._service = service
        self._options = options
        self._prefix = prefix
        self._region = options.region or region

    async def look(self, operation: str, what: str, **given: Any) -> dict[str, Any]:
        """The answer to a call that changes nothing; `what` names the object. Cancelled, it ends at once."""
        client = await self._client(operation, what)
        limit_s = self._options.timeout_s + _CONNECT_S + _LEEWAY_S
        return await self._within(limit_s, "did not answer", self._call, client, operation, what, given)

    async def change(self, operation: str, what: str, **given: Any) -> dict[str, Any]:
        """As `look`, but cancelled it ends only when the request has: nothing changes after it."""
        client = await self._client(operation, what)
        return await to_the_end(self._call, client, operation, what, given, threads=_THREADS)

    def stranger(self, why: str) -> PermanentError:
        """For an answer that cannot be this service's."""
        where = self._options.endpoint_url or "what was asked"
        return PermanentError(f"{where} does not answer as {self.who} does: {why}. Is `endpoint_url` right?")

    def listed(self, answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        """A list of structures in an answer. Raises PermanentError where it is none."""
        found = answer.get(name)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.stranger(f"its answer has no {name}")
        return found

    def parts(self, answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        """As `listed`, of what may be missing."""
        return self.listed(answer, name) if answer.get(name) else []

    def text(self, answer: Mapping[str, Any], name: str) -> str:
        found = answer.get(name)
        if not isinstance(found, str) or not found:
            raise self.stranger(f"its answer has no {name}")
        return found

    def check_clock(self, answer: Mapping[str, Any]) -> None:
        """For what asks for a span of time. Raises PermanentError when our clock and AWS' are too far apart."""
        meta = answer.get("ResponseMetadata") or {}
        headers = {str(name).lower(): str(value) for name, value in (meta.get("HTTPHeaders") or {}).items()}
        check_clock(Answer(200, headers, None), self.who)

    async def _client(self, operation: str, what: str) -> Any:
        """With credentials that are there and fresh: where they come from may take its time, or a login."""
        return await self._within(_CREDENTIALS_S, "has got no credentials", self._ready, operation, what)

    async def _within(self, limit_s: float, what: str, func: Callable[..., T], *args: object) -> T:
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.get_running_loop().run_in_executor(_THREADS, func, *args)
        except TimeoutError:
            raise TemporaryError(f"{self.who} {what} within {limit_s:g} s") from None

    def _ready(self, operation: str, what: str) -> Any:
        asked = self._asked(operation, what)
        try:
            client, credentials = _clients.get(self._service, self._region, self._options)
            if credentials is not None:
                credentials.get_frozen_credentials()
        except Exception as error:
            _clients.forget(self._service, self._region, self._options)
            raise meaning(error, asked) from None
        return client

    def _call(self, client: Any, operation: str, what: str, given: Mapping[str, Any]) -> dict[str, Any]:
        _last.answer = None
        try:
            answer: dict[str, Any] = getattr(client, operation)(**given)
        except Exception as error:
            if forgets_credentials(error):
                _clients.forget(self._service, self._region, self._options)
            raise meaning(error, self._asked(operation, what, client), _last.answer) from None
        return answer

    def _asked(self, operation: str, what: str, client: Any = None) -> Asked:
        action = "".join(one.capitalize() for one in operation.split("_"))
        url = str(client.meta.endpoint_url) if client is not None else self._options.endpoint_url or ""
        region = str(client.meta.region_name) if client is not None else self._region or ""
        options = self._options
        action = f"{self._prefix}:{action}"
        return Asked(self.who, action, what, url, region, options.profile, options.role, bool(options.endpoint_url))


_last = threading.local()
"""`answer`: status and headers of what came last in this thread; botocore's errors do not always have them."""


def _note(response_dict: Mapping[str, Any], **_: Any) -> None:
    headers = {str(name).lower(): str(value) for name, value in response_dict["headers"].items()}
    _last.answer = Answer(int(response_dict["status_code"]), headers, None)
    announced = headers.get("content-length", "")
    if announced.isdigit() and len(response_dict["body"]) < int(announced) and "content-encoding" not in headers:
        raise TemporaryError("its answer broke off")


class _Clients:
    """Those of the process. Making one takes a fifth of a second, and its credentials may come from afar."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[Any, Any]] = {}

    def get(self, service: str, region: str | None, options: AwsOptions) -> tuple[Any, Any]:
        """The client, and its credentials (None: there are none)."""
        key = self._key(service, region, options)
        if (found := self._kept.get(key)) is None:
            found = _made(service, region, options)  # two at once do no harm: each has a session of its own
            if len(self._kept) >= _MOST_CLIENTS:
                self._kept.clear()
            self._kept[key] = found
        return found

    def forget(self, service: str, region: str | None, options: AwsOptions) -> None:
        """Files and variables are read anew the next time."""
        self._kept.pop(self._key(service, region, options), None)

    def _key(self, service: str, region: str | None, options: AwsOptions) -> Any:
        surroundings = hash(frozenset((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
        which = (options.profile, options.role, options.external_id, options.endpoint_url, options.timeout_s)
        return service, region, which, surroundings


_clients = _Clients()


def _made(service: str, region: str | None, options: AwsOptions) -> tuple[Any, Any]:
    try:
        from botocore.config import Config
        from botocore.session import Session
    except ImportError:
        raise PermanentError("needs boto3: pip install 'pilotage[aws]'") from None
    session = Session(profile=options.profile)
    session.register_component("data_loader", _descriptions())
    region = region or os.environ.get("AWS_REGION") or None  # botocore alone knows AWS_DEFAULT_REGION only
    if region is not None:
        session.set_config_variable("region", region)
    session.set_config_variable("metadata_service_num_attempts", 2)
    config = Config(
        connect_timeout=min(_CONNECT_S, options.timeout_s),
        read_timeout=options.timeout_s,
        retries={"total_max_attempts": 1, "mode": "standard"},
        user_agent_extra=f"pilotage/{__version__}",
        max_pool_connections=16,
    )
    for provider in session.get_component("credential_provider").providers:
        if hasattr(provider, "_prompter"):
            provider._prompter = _nobody_is_there
    session.set_default_client_config(config)  # also for what asks STS or SSO for credentials
    if options.role is not None:
        _assume(session, options.role, options.external_id)
    client = session.create_client(service, region_name=region, endpoint_url=options.endpoint_url)
    client.meta.events.register("before-parse", _note)
    return client, session.get_credentials()


@cache
def _descriptions() -> Any:
    """The services' descriptions, megabytes of JSON: read once."""
    from botocore.loaders import create_loader

    return create_loader()


def _nobody_is_there(*_: object) -> str:
    raise PermanentError("the profile's role asks for a one-time code (mfa_serial): use one that works unattended")


def _assume(session: Any, role: str, external_id: str | None) -> None:
    """The session's credentials become the role's, renewed before they end."""
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.exceptions import NoCredentialsError

    source = session.get_credentials()
    if source is None:
        raise NoCredentialsError()
    more = {"RoleSessionName": "pilotage"} | ({"ExternalId": external_id} if external_id else {})
    fetcher = AssumeRoleCredentialFetcher(session.create_client, source, role, extra_args=more)
    session._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
