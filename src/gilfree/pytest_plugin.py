"""The fixture `gil` for pytest, which tests whether code releases the GIL. Suites that do not use it pay nothing."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gilfree.observe._assertions import Gil

__all__ = ["gil"]


@pytest.fixture(scope="session")
def gil() -> "Gil":
    """Assert that calls release the GIL, gil.assert_releases(func, ...), or hold it, gil.assert_holds(func, ...)."""
    from gilfree.observe._assertions import Gil  # noqa: PLC0415 - most suites have this plugin installed and unused

    return Gil()
