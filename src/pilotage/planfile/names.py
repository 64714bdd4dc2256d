"""How a plan's names and versions look."""

from __future__ import annotations

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
VERSION = r"[A-Za-z0-9][A-Za-z0-9._+/@:-]{0,127}"
LABEL = r"[A-Za-z0-9_.:/@-]{1,200}"
A_NAME = "a name of letters, digits, '.', '_', '-' (at most 63)"
A_VERSION = 'a version in quotes such as "2.4.1"'
