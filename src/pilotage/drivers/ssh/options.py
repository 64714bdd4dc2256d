"""The options that every driver has which logs in over SSH."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from pilotage.drivers import DriverOptions
from pilotage.drivers.secrets import Secret
from pilotage.drivers.ssh.remote import JUMP, Login

HOST = r"^[A-Za-z0-9_.][A-Za-z0-9_.:%-]*$"


class LoginOptions(DriverOptions):
    """Paths start at the plan's folder, or with ~."""

    port: int = Field(default=22, ge=1, le=65535, description="the server's port for SSH")
    user: str | None = Field(
        default=None,
        pattern=r"^[^\s@:/-][^\s@:/]*$",
        max_length=64,
        description="whom to log in as; without it the name of the coordinator's own user",
    )
    key: Path | None = Field(
        default=None,
        description="the private key; without it the agent's, then those in ~/.ssh without a passphrase",
    )
    passphrase: Secret | None = Field(default=None, description="the passphrase of `key`")
    known_hosts: Path = Field(default=Path("~/.ssh/known_hosts"), description="the file with the keys of known hosts")
    jump: str | None = Field(
        default=None, description="[user@]host[:port] to go through, with the same key and known hosts"
    )
    connect_timeout_s: float = Field(
        default=8.0, gt=0, le=120, description="seconds for each connection, from the name to the login"
    )

    @field_validator("jump")
    @classmethod
    def _is_a_host(cls, jump: str | None) -> str | None:
        found = jump is None or JUMP.fullmatch(jump)
        if not found or (jump is not None and found is not True and not 0 < int(found["port"] or 22) < 65536):
            raise ValueError("a host as in user@bastion.example.org:22")
        return jump

    def login(self, host: str, folder: Path) -> Login:
        """To this host; relative paths start in `folder`."""
        return Login(
            host,
            self.port,
            self.user,
            None if self.key is None else folder / self.key.expanduser(),
            self.passphrase,
            folder / self.known_hosts.expanduser(),
            self.jump,
            self.connect_timeout_s,
        )
