"""Names under which a secret may stand: the values of such options are never shown."""

from __future__ import annotations

import re

SECRET_NAME = re.compile(
    r"secret|token|pas+w|pwd|credential|auth|api_?key|private|url|header|cookie|hook|env|file", re.I
)
