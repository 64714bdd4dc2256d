"""How a container behaves on the fake node: told by its image's tag, by an annotation or by the test.

`runs` is the default. Others: `slow-5` (ready after 5 s), `never-ready`, `pull-fails`, `crash-loop`, `oom` (killed for
want of memory, again and again), `crash-later-3` (serves 3 s, then as crash-loop), `completes` (ends with 0; for jobs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ANNOTATION = "pilotage.test/behaviour"
WORDS = ("runs", "slow", "never-ready", "pull-fails", "crash-loop", "crash-later", "oom", "completes")
AFTER_S = {"slow": 5.0, "crash-later": 1.0}
_SAID = re.compile(rf"(?:^|[-_.:])({'|'.join(WORDS)})(?:-(\d+(?:\.\d+)?))?$")


@dataclass(frozen=True)
class Behaviour:
    word: str
    after_s: float = 0.0


def read(text: str) -> Behaviour | None:
    """From `slow-5`, or from an image's name whose tag ends so: `payment:2.1-slow-5`."""
    found = _SAID.search(text)
    if found is None:
        return None
    return Behaviour(found[1], float(found[2]) if found[2] else AFTER_S.get(found[1], 0.0))


def of(image: str, annotations: dict[str, str], told: dict[str, str]) -> Behaviour:
    for text in (told.get(image), annotations.get(ANNOTATION)):
        if text is not None:
            given = read(text)
            assert given, f"{text!r} is no behaviour; known are {', '.join(WORDS)}"
            return given
    tag = image.rpartition("/")[2].partition(":")[2]
    return read(tag) or Behaviour("runs")
