"""For the project's own tests: pytester runs pytest inside a test, and slow tests run only when asked for, in parts."""

import zlib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--part", metavar="K/N", type=_part, help="with -m slow: only the K-th of N parts of the project's slow tests"
    )


def _part(text: str) -> tuple[int, int]:
    number, _, parts = text.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise ValueError(text)
    return int(number), int(parts)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: starts many processes, or takes long; run with -m slow")
    if not config.pluginmanager.hasplugin("hypothesispytest"):
        return
    from hypothesis import HealthCheck, settings

    # Shared machines stall: how long an example took says nothing about the code.
    settings.register_profile("paceline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("paceline")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = Path(__file__).parent / "tests"
    slow = [item for item in items if item.path.is_relative_to(ours) and item.get_closest_marker("slow")]
    if "slow" in config.option.markexpr:
        number, parts = config.option.part or (1, 1)
        # By the name alone: a part holds the same tests on every machine, and a test is in exactly one.
        slow = [item for item in slow if zlib.crc32(item.nodeid.encode()) % parts != number - 1]
        config.stash[LEFT_OUT] = len(slow)
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    if config.option.part is None or LEFT_OUT not in config.stash:
        return []
    number, parts = config.option.part
    return [f"slow tests, part {number} of {parts}: the other parts' {config.stash[LEFT_OUT]} tests are left out"]
