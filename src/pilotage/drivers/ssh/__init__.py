"""SSH for drivers: how to log in, and one connection to a server, kept and renewed."""

from pilotage.drivers.ssh.options import HOST, LoginOptions
from pilotage.drivers.ssh.remote import Login, Remote

__all__ = ["HOST", "Login", "LoginOptions", "Remote"]
