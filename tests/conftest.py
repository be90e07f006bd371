"""What all tests share: folders that need an optional package are left out, and say so, when it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import _guard
import pytest
from _device_skips import SKIPS
from hypothesis import HealthCheck, settings

import torchlean_nb as tl
from torchlean_nb.backend import devices
from torchlean_nb.errors import BackendError
from torchlean_nb.minimizers import METHODS
from torchlean_nb.optim.compose import TRANSFORMS, WRAPPERS

HERE = Path(__file__).parent
NEEDS = {"oracle": ("torch", "python3 run.py oracle"), "browser": ("playwright", "python3 run.py browser")}
LEFT_OUT = {name: need for name, need in NEEDS.items() if (HERE / name).exists() and find_spec(need[0]) is None}

collect_ignore = list(LEFT_OUT)

SLOW = [HealthCheck.too_slow]  # a loaded machine is no failure
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None, suppress_health_check=SLOW)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--device guard``: everything on a stand-in for CuPy that refuses to turn into NumPy by itself."""
    parser.addoption("--device", default="cpu", help="default device of every session: cpu, guard or cuda")


def pytest_configure(config: pytest.Config) -> None:
    """Make the asked device the default one."""
    name = config.getoption("--device")
    devices.LIBRARIES["guard"] = _guard.lib  # beside "cuda": tests name it where they compare with the CPU
    try:
        devices.set_default_device(name)
    except BackendError as e:
        raise pytest.UsageError(str(e)) from None


def pytest_report_header() -> list[str]:
    """Name the folders that were left out, and the command that runs them."""
    return [f"left out: tests/{name} ({package} is not installed: {how})" for name, (package, how) in LEFT_OUT.items()]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in tests/oracle, tests/browser and tests/gpu carry the mark of their folder."""
    away = devices.get_default_device().name != "cpu"
    for item in items:
        if HERE in item.path.parents:
            area = item.path.relative_to(HERE).parts[0]
            if area in ("oracle", "browser", "gpu"):
                item.add_marker(area)
        if away:
            why = next((why for part, why in SKIPS.items() if part in item.nodeid), None)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(autouse=True, scope="module")
def all_stays() -> Iterator[None]:
    """No file leaves a row behind that passes for one of the library's, takes one away, or another default device."""
    before = _ours()
    yield
    assert _ours() == before


def _ours() -> dict[str, Any]:
    tables = {
        "ops": tl.ops, "rules": tl.optim.rules, "transforms": TRANSFORMS, "wrappers": WRAPPERS, "methods": METHODS,
        "schedules": tl.schedules.SCHEDULES, "surfaces": tl.surfaces.SURFACES,
    }  # fmt: skip
    counts = {kind: sum(row.builtin for row in table.values()) for kind, table in tables.items()}
    return counts | {"device": devices.get_default_device().name}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip GPU tests where CuPy finds no device; importing it alone says nothing. A stand-in is a device."""
    if item.get_closest_marker("gpu") and devices.get_default_device().name == "cpu":
        cupy = pytest.importorskip("cupy")
        if not cupy.is_available():
            pytest.skip("no CUDA device")
