"""Brief -> plan: strategy, phases by severity, what each can see, checklist, ways back, follow-ups."""

from pilotage.core.planning.draft import PlanDraft, draft, is_placeholder

__all__ = ["PlanDraft", "draft", "is_placeholder"]
