"""What kept a model from answering, in a sentence for the person at the keyboard. Needs the extra ``agent``."""

from __future__ import annotations

from pydantic_ai import exceptions as ai

from pilotage.core.quantities import duration
from pilotage.core.redact import redact
from pilotage.core.words import printable

MAY_PASS = (
    ai.ModelRateLimitError,
    ai.ModelUnavailableError,
    ai.ModelServerError,
    ai.ModelConnectionError,
    ai.ModelRequestTimeout,
)
"""Worth another try."""


def sentence(error: BaseException, tries: int, seconds: float) -> str:
    again = f", also at the {_nth(tries)} try" if tries > 1 else ""
    code = f" (HTTP {error.status_code})" if isinstance(error, ai.ModelHTTPError) else ""
    match error:
        case ai.ModelOverloadedError() | ai.ModelUnavailableError():
            return f"the model is overloaded{code}{again}"
        case ai.ModelQuotaExceededError():
            return f"the account's quota is used up{code}"
        case ai.ModelRateLimitError():
            return f"the provider takes no more requests for now{code}{again}"
        case ai.ModelAuthenticationError():
            return f"the provider refuses the key{code}: look at its environment variable"
        case ai.ModelNotFoundError():
            return f"the provider knows no model {error.model_name}{code}"
        case ai.ModelContextWindowExceededError():
            return f"it has read more than the model can hold{code}"
        case ai.ModelConnectionError() | ai.ModelRequestTimeout():
            return f"the provider cannot be reached, or does not answer{again}"
        case ai.ModelServerError():
            return f"the provider failed{code}{again}"
        case ai.UsageLimitExceeded():
            return f"a limit is reached: {str(error).partition('. Consider')[0]}"
        case ai.RunCancelled() | TimeoutError():
            return f"it took longer than {duration(seconds)}"
        case KeyboardInterrupt():
            return "it was interrupted"
        case ai.UnexpectedModelBehavior():
            return "the model gave no answer that holds"
    return printable(f"{type(error).__name__}: {redact(str(error))[:300]}")


def _nth(number: int) -> str:
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"
