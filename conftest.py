"""For the project's own tests: pytester runs pytest inside a test, and slow tests run only when asked for."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


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
    if "slow" in config.option.markexpr:
        return
    ours = Path(__file__).parent / "tests"
    slow = [item for item in items if item.path.is_relative_to(ours) and item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
