"""The device these tests are about: the one asked for by ``--device``, else ``cuda``."""

import pytest

from torchlean_nb.backend import devices


@pytest.fixture(scope="session")
def there():
    """A device that is not the CPU."""
    asked = devices.get_default_device()
    return devices.device("cuda") if asked.kind == "cpu" else asked
