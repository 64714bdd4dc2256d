"""How to log in to a server of the team's own: a token, or a name and a password."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pilotage.drivers import DriverOptions
from pilotage.drivers.secrets import Secret


class LoginOptions(DriverOptions):
    token: Secret | None = Field(default=None, description="a bearer token, when one is asked for")
    username: str | None = Field(default=None, min_length=1, description="whom to log in as, with `password` (Basic)")
    password: Secret | None = Field(default=None, description="the password of `username`")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.username is None) != (self.password is None) or (self.token and self.password):
            raise ValueError("token, or username and password, or nothing")
        return self

    @property
    def secret(self) -> Secret | None:
        """Whichever is sent."""
        return self.token or self.password
