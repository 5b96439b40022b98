"""What the observer's tests share."""

import pytest
from gilfree.benchmarks.known import build_known


@pytest.fixture(scope="session")
def known(tmp_path_factory):
    """An extension module whose `work` knows for how long it held the GIL."""
    try:
        return build_known(tmp_path_factory.mktemp("known"))
    except FileNotFoundError as error:
        pytest.skip(str(error))
