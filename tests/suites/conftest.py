"""One thread inside an operation, as the instrument has it: on a busy machine two spend their time waiting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paceline.fixtures.timing.guards import thread_count


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with thread_count(1):
        yield
