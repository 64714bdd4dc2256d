"""Forges that answer as documented, each on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builds import serve
from tests.ci.forges import GitHubComments, GitLabNotes


@pytest.fixture
def hub() -> Iterator[GitHubComments]:
    with serve(GitHubComments()) as server:
        yield server


@pytest.fixture
def lab() -> Iterator[GitLabNotes]:
    with serve(GitLabNotes()) as server:
        yield server
