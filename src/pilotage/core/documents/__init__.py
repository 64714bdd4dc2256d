"""The plan as people read it."""

from pilotage.core.documents.plan import plan_document

__all__ = ["plan_document"]
