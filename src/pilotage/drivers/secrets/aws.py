"""Secrets in AWS Secrets Manager: GetSecretValue, by botocore (`pilotage[aws]`), with region and credentials from where
AWS' own tools find them."""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
from typing import Any

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.aws import Aws, AwsOptions
from pilotage.drivers.secrets.kept import Ask, Gone, Read

_ARN = re.compile(r"arn:[\w-]+:secretsmanager:([a-z0-9-]+):\d{12}:secret:.+")
_GONE = re.compile(r" has no secret |marked (for deletion|deleted)")
"""As `aws_errors` says ResourceNotFoundException, and AWS itself what it will delete."""


def missing() -> str | None:
    """Why AWS cannot be asked, as far as that is known without asking."""
    if find_spec("botocore") is None:
        return "boto3 is not there, which asks AWS: pip install 'pilotage[aws]'"
    return None


def surroundings() -> object:
    return hash(frozenset((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))


def reading(reference: str) -> Ask:
    """Asks for a reference's value: the secret's whole text, or a key of the JSON in it."""

    async def read() -> Read:
        secret_id, _, key = reference.partition("#")
        name = secret_id.rpartition(":secret:")[2]
        arn = _ARN.fullmatch(secret_id)
        region = arn[1] if arn else None
        client = Aws("secretsmanager", "AWS Secrets Manager", AwsOptions(), prefix="secretsmanager", region=region)
        try:
            answer = await client.look("get_secret_value", f"secret {name}", SecretId=secret_id)
        except TemporaryError as error:
            raise TemporaryError(_shown(error), error.after_s) from None
        except PermanentError as error:
            raise (Gone if _GONE.search(str(error)) else PermanentError)(_shown(error)) from None
        return Read(_value(client, answer, name, key))

    return read


def _shown(error: Exception) -> str:
    """The action as it is: with its service before it, it would be taken for a secret and hidden."""
    text = str(error).replace("secretsmanager:GetSecretValue", "GetSecretValue")
    return text.replace("docs/drivers.md", "docs/secrets.md")


def _value(client: Aws, answer: dict[str, Any], name: str, key: str) -> str:
    if "SecretString" not in answer and "SecretBinary" in answer:
        raise PermanentError(f"AWS' secret {name} is binary: store it as text")
    text = client.text(answer, "SecretString")
    if not key:
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise PermanentError(
            f"AWS' secret {name} is not JSON with keys: leave #{one_line(key, 60)} out, or store it so"
        )
    if key not in found:
        has = f"only {listed(sorted(found), 20)}" if found else "and no other"
        raise Gone(f"AWS' secret {name} has no key {one_line(key, 60)}, {has}")
    value = found[key]
    if not isinstance(value, str) or not value:
        kind = "empty" if value == "" else f"not text but {type(value).__name__}"
        raise PermanentError(f"AWS' secret {name}#{one_line(key, 60)} is {kind}: write it as text")
    return value
