"""Secrets in HashiCorp Vault or OpenBao, in a key/value engine of version 2.

The read that developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 ("Read secret version") documents. Where Vault is
and who we are is said by the variables that Vault's own tools read.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import Answer, again, listed, one_line, said
from pilotage.drivers.secrets import hiding
from pilotage.drivers.secrets.kept import Ask, Gone, Read
from pilotage.drivers.secrets.reference import Secret
from pilotage.drivers.service import Api, Service

TIMEOUT_S = 5.0
_ADDRESS: TypeAdapter[str] = TypeAdapter(Api)
_VARIABLES = ("VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_TOKEN", "VAULT_TOKEN_FILE", "VAULT_CACERT")


def missing() -> str | None:
    """Why Vault cannot be asked, as far as that is known without asking it."""
    address = os.environ.get("VAULT_ADDR", "")
    if not address:
        return "the environment variable VAULT_ADDR is not set, which says where Vault is"
    try:
        _ADDRESS.validate_python(address)
    except ValidationError:
        return "VAULT_ADDR is not an address that begins with https:// (http:// on this machine only)"
    token = _token()
    if token is None:
        return "neither VAULT_TOKEN nor VAULT_TOKEN_FILE is set, and Vault tells nobody it does not know"
    if reason := token.missing():
        return f"{reason}, which VAULT_TOKEN_FILE names" if token.file else reason
    certificates = os.environ.get("VAULT_CACERT", "")
    if certificates and not os.access(certificates, os.R_OK):
        return "the file with certificates that VAULT_CACERT names cannot be read"
    return None


def surroundings() -> object:
    """Whoever is somebody else, or asks elsewhere, may get another value."""
    return hash(tuple(os.environ.get(one) for one in _VARIABLES))


def reading(reference: str) -> Ask:
    """Asks for a reference's value; it names the engine's mount, the secret's path there, and a key of it."""

    async def read() -> Read:
        place, _, key = reference.partition("#")
        mount, _, path = place.partition("//") if "//" in place else place.partition("/")
        if token := _token():
            hiding.remember("Vault's token", await token.reveal())
        service = _service()
        answer = await service.call("GET", f"/v1/{quote(mount)}/data/{quote(path)}")
        _refuse(service, answer, mount, path)
        return Read(_value(service, answer, place, key), _lease(answer))

    return read


def _token() -> Secret | None:
    if os.environ.get("VAULT_TOKEN"):
        return Secret(env="VAULT_TOKEN")
    file = os.environ.get("VAULT_TOKEN_FILE", "")
    return Secret(file=file) if file else None


def _service() -> Service:
    token = _token()
    if token is None:
        raise PermanentError(f"Vault cannot be asked: {missing()}")
    headers = {"X-Vault-Request": "true"}  # an agent may want it, against requests that were not meant for it
    if namespace := os.environ.get("VAULT_NAMESPACE"):
        headers["X-Vault-Namespace"] = namespace
    return Service(
        "Vault",
        os.environ.get("VAULT_ADDR", ""),
        None,
        TIMEOUT_S,
        keys={"X-Vault-Token": token},
        headers=headers,
        option="VAULT_ADDR",
        ca_file=os.environ.get("VAULT_CACERT", ""),
        exact=True,
    )


def _refuse(service: Service, answer: Answer, mount: str, path: str) -> None:
    """Raises what a status other than success means, and says what to do about it."""
    what = f"secret at {mount}/{path}"
    words = said(answer)
    if answer.status == 403 and not answer.limited:
        raise PermanentError(
            f"Vault refuses to show the {what} (403): {words}. Is {service.how()} still valid "
            f'(vault token lookup)? Its policy needs: path "{mount}/data/{path}" {{ capabilities = ["read"] }}'
        )
    if answer.status == 404:
        raise _gone(answer, mount, path)
    if answer.status == 503 and "sealed" in words.lower():
        text = f"Vault is sealed (503): somebody has to unseal it (vault operator unseal){again(answer)}"
        raise TemporaryError(text, answer.after_s)
    service.refuse(answer, what)


def _gone(answer: Answer, mount: str, path: str) -> PermanentError:
    data = answer.get("data")
    metadata = data.get("metadata") if isinstance(data, dict) else None
    if isinstance(metadata, dict):
        how = "destroyed" if metadata.get("destroyed") is True else "deleted"
        version = one_line(str(metadata.get("version")), 20)
        return Gone(f"the newest version ({version}) of the secret at {mount}/{path} in Vault was {how} (404)")
    words = said(answer)
    if "no handler for route" in words:
        return Gone(
            f"Vault has no secrets engine at {mount}/ (404). A mount with slashes ends with two: team/kv//{path}"
        )
    if isinstance(answer.get("errors"), list):  # only Vault says it so
        return Gone(
            f"Vault has no secret at {mount}/{path} (404). Is {mount}/ a key/value engine of version 2, and has "
            f"somebody written the secret (vault kv get -mount={mount} {path})?"
        )
    return PermanentError(f"no secret at {mount}/{path} (404): is `VAULT_ADDR` Vault's address? It says: {words}")


def _value(service: Service, answer: Answer, place: str, key: str) -> str:
    data = answer.get("data")
    found = data.get("data") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        raise service.stranger("its answer has no data.data")
    if key not in found:
        has = f"only {listed(sorted(map(str, found)), 20)}" if found else "and no other"
        raise Gone(f"the secret at {place} in Vault has no key {one_line(key, 60)}, {has}")
    value: Any = found[key]
    if not isinstance(value, str) or not value:
        kind = "empty" if value == "" else f"not text but {type(value).__name__}"
        raise PermanentError(f"the secret at {place}#{one_line(key, 60)} in Vault is {kind}: write it as text")
    return value


def _lease(answer: Answer) -> float | None:
    """Key/value engines lease nothing out and say 0; what stands in their place may."""
    lasts = answer.get("lease_duration")
    return float(lasts) if isinstance(lasts, int | float) and not isinstance(lasts, bool) and lasts > 0 else None
