"""What kinds of object there are. All come as plain JSON: what is in them is checked by who reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """Such as ``Kind("apps", "v1", "Deployment", "deployments")``; the core's group is empty."""

    group: str
    version: str
    kind: str
    plural: str
    subresource: str = ""
    """``status`` or ``scale``: a part of the object with rights of its own."""
    namespaced: bool = True

    @property
    def api(self) -> str:
        """As in an object's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As in a Role's `resources`."""
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural

    @property
    def full(self) -> str:
        """As kubectl takes it: ``deployments.apps``."""
        return f"{self.resource}.{self.group}" if self.group else self.resource
