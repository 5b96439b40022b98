import subprocess
import sys
import sysconfig
from array import array
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from drawdown import largest_drop

LONG = array("d", range(1_000_000, 0, -1))


@pytest.mark.parametrize(
    ("values", "drop"),
    [
        ([5], 0),
        ([1, 2, 3], 0),
        ([3, 1, 4, 1, 5, 9, 2, 6], 7),
        ([4, 2, 8, 7], 2),
        ([0, float("-inf")], float("inf")),
    ],
)
def test_known_drops(values, drop):
    assert largest_drop(array("d", values)) == drop


def test_equals_the_definition():
    random = Random(1)
    for _ in range(100):
        values = [random.gauss() for _ in range(random.randrange(1, 30))]
        pairs = [before - after for index, before in enumerate(values) for after in values[index:]]
        assert largest_drop(array("d", values)) == max(pairs)


@pytest.mark.parametrize("values", [[1.0, 2.0], array("f", [1]), array("d"), None])
def test_bad_input(values):
    with pytest.raises((TypeError, ValueError)):
        largest_drop(values)


def test_releases_the_gil(gil):
    gil.assert_releases(largest_drop, LONG)


def test_threads_share_values():
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(largest_drop, [LONG] * 32)) == {999_999}


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="not a free-threaded Python")
def test_import_leaves_the_gil_off():
    code = "import sys, drawdown; sys.exit(sys._is_gil_enabled())"
    subprocess.run([sys.executable, "-c", code], check=True)
