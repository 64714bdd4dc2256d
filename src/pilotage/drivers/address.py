"""An http address among a driver's options. Errors name it in full, so no password may stand in it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def check_address(url: str) -> str:
    """The address as it is. Raises ValueError (a noun phrase)."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise ValueError("an address that begins with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("an address without a password: give it as a secret, where there is an option for it")
    return url


def check_encrypted(url: str, secrets: object) -> None:
    """Raises ValueError (a noun phrase) where `secrets`, if there are any, would go unencrypted to another machine."""
    parts = urlsplit(url)
    if secrets and parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("an https:// address (http:// on this machine only), where secrets are sent")


Address = Annotated[str, AfterValidator(check_address)]
