"""Exact covers: how many there are, and the first one."""

import array
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise, product
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels, count_exact_covers, find_exact_cover
from gilfree.kernels import _kernel, exact_cover
from gilfree.kernels.exact_cover import count_exact_covers_pure, find_exact_cover_pure

PENTOMINOES = {
    "F": ((0, 1), (0, 2), (1, 0), (1, 1), (2, 1)),
    "I": ((0, 0), (0, 1), (0, 2), (0, 3), (0, 4)),
    "L": ((0, 0), (1, 0), (2, 0), (3, 0), (3, 1)),
    "N": ((0, 1), (1, 1), (2, 0), (2, 1), (3, 0)),
    "P": ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0)),
    "T": ((0, 0), (0, 1), (0, 2), (1, 1), (2, 1)),
    "U": ((0, 0), (0, 2), (1, 0), (1, 1), (1, 2)),
    "V": ((0, 0), (1, 0), (2, 0), (2, 1), (2, 2)),
    "W": ((0, 0), (1, 0), (1, 1), (2, 1), (2, 2)),
    "X": ((0, 1), (1, 0), (1, 1), (1, 2), (2, 1)),
    "Y": ((0, 1), (1, 0), (1, 1), (2, 1), (3, 1)),
    "Z": ((0, 0), (0, 1), (1, 1), (2, 1), (2, 2)),
}


def orientations(cells):
    found = set()
    for turns, mirrored in product(range(4), (False, True)):
        turned = [(x, -y) for x, y in cells] if mirrored else list(cells)
        for _ in range(turns):
            turned = [(y, -x) for x, y in turned]
        left, top = min(x for x, _ in turned), min(y for _, y in turned)
        found.add(tuple(sorted((x - left, y - top) for x, y in turned)))
    return sorted(found)


def pentominoes(height, width):
    return [
        (name, *((x + dx, y + dy) for x, y in cells))
        for name, piece in PENTOMINOES.items()
        for cells in orientations(piece)
        for dx, dy in product(range(height), range(width))
        if all(x + dx < height and y + dy < width for x, y in cells)
    ]


def queens(n):
    """Rows and columns are to be covered; diagonals may be, which is what secondary items are for."""
    options = [(f"row {x}", f"column {y}", f"up {x + y}", f"down {x - y}") for x, y in product(range(n), repeat=2)]
    return options, {item for option in options for item in option[2:]}


def langford(n):
    return [(f"number {k}", i, i + k + 1) for k in range(1, n + 1) for i in range(2 * n - k - 1)]


def sudoku(givens):
    """A grid of 81 digits, 0 where unknown: 324 items, so more than a mask has bits."""
    return [
        (("cell", x, y), ("row", x, digit), ("column", y, digit), ("box", x // 3, y // 3, digit))
        for x, y in product(range(9), repeat=2)
        for digit in ([int(givens[9 * x + y])] if givens[9 * x + y] != "0" else range(1, 10))
    ]


def with_more_items(options, count=130):
    """The same problem with so many items that it is searched without masks."""
    return [*options, *((("more", number),) for number in range(count))]


@pytest.mark.parametrize("n", range(1, 10))
def test_queens(n):
    options, secondary = queens(n)
    known = [1, 0, 0, 2, 10, 4, 40, 92, 352][n - 1]  # OEIS A000170
    assert count_exact_covers(options, secondary=secondary) == known
    assert count_exact_covers(with_more_items(options), secondary=secondary) == known
    placed = find_exact_cover(options, secondary=secondary)
    assert (placed is None) == (known == 0)
    if placed:
        squares = [divmod(option, n) for option in placed]
        for right, down in ((1, 0), (0, 1), (1, 1), (1, -1)):
            assert len({right * x + down * y for x, y in squares}) == n


def test_twelve_queens():
    options, secondary = queens(12)
    assert count_exact_covers(options, secondary=secondary) == 14_200


@pytest.mark.parametrize(("n", "known"), [(3, 2), (4, 2), (5, 0), (6, 0), (7, 52), (8, 300), (11, 35_584)])
def test_langford_pairs(n, known):
    """OEIS A014552, where a pair and its mirror image are one."""
    assert count_exact_covers(langford(n)) == known
    if n < 11:
        assert count_exact_covers(with_more_items(langford(n))) == known


def test_pentominoes():
    """Haselgrove and Haselgrove 1960: 2,339 in 6 × 10, of four symmetries; Golomb 1965: 2 in 3 × 20."""
    assert count_exact_covers(pentominoes(3, 20)) == 4 * 2
    assert count_exact_covers(pentominoes(6, 10), workers=2) == 4 * 2339


def test_a_sudoku():
    """From the English Wikipedia's article on Sudoku (CC BY-SA)."""
    puzzle = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
    solution = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
    options = sudoku(puzzle)
    assert count_exact_covers(options) == 1
    cells = {option[0][1:]: option[1][2] for option in map(options.__getitem__, find_exact_cover(options))}
    assert "".join(str(cells[cell]) for cell in sorted(cells)) == solution


@st.composite
def problems(draw):
    items = draw(st.integers(0, 9))
    options = draw(st.lists(st.lists(st.integers(0, items), unique=True, max_size=4), max_size=25))
    return options, draw(st.sets(st.integers(0, items), max_size=3))


@given(problems())
def test_as_the_twins(problem):
    options, secondary = problem
    expected = count_exact_covers_pure(options, secondary=secondary)
    first = find_exact_cover_pure(options, secondary=secondary)
    assert count_exact_covers(options, secondary=secondary) == expected
    assert find_exact_cover(options, secondary=secondary) == first
    more = with_more_items(options)
    assert count_exact_covers(more, secondary=secondary) == expected
    cover = find_exact_cover(more, secondary=secondary)
    assert (cover and cover[: len(cover) - 130]) == first or (first is None and cover is None) or first == []


@given(st.integers(0, 6), st.integers(0, 12), st.data())
def test_matrices_as_the_twins(columns, rows, data):
    cells = data.draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))
    matrix = np.array(cells, bool).reshape(rows, columns)
    secondary = data.draw(st.sets(st.integers(0, columns - 1))) if columns else set()
    assert count_exact_covers(matrix, secondary=secondary) == count_exact_covers_pure(matrix, secondary=secondary)
    assert find_exact_cover(matrix, secondary=secondary) == find_exact_cover_pure(matrix, secondary=secondary)
    assert count_exact_covers(np.asfortranarray(matrix)[:, ::-1]) == count_exact_covers_pure(matrix[:, ::-1])


@pytest.mark.parametrize("items", [1, 63, 64, 65, 127, 128, 129, 200])
def test_where_masks_end(items):
    """Each item by itself or with the next: as many ways as to write the number with 1 and 2."""
    options = [[item] for item in range(items)] + [[item, item + 1] for item in range(min(items, 16) - 1)]
    fibonacci = [1, 2]
    while len(fibonacci) < 16:
        fibonacci.append(sum(fibonacci[-2:]))
    assert count_exact_covers(options) == fibonacci[min(items, 16) - 1]
    assert find_exact_cover(options) == list(range(items))
    last = [[items - 1 - item for item in option] for option in options]
    assert count_exact_covers(last) == fibonacci[min(items, 16) - 1]
    assert count_exact_covers(last, secondary=range(items)) == 1
    assert count_exact_covers([*options, range(items)]) == fibonacci[min(items, 16) - 1] + (items > 1) + (items == 1)


def test_long_lists_of_options():
    """Sums of many masks, and sets of many options."""
    for count in (63, 64, 65, 1000, 70_000):
        options = [["a", "b"]] * count + [["c"]] * 3 + [["a"], ["b"]]
        assert count_exact_covers(options) == 3 * (count + 1)
        assert find_exact_cover(options) == [0, count]
    assert count_exact_covers([[0]] * 600_000) == 600_000  # too many for masks


def test_deep_trees():
    assert count_exact_covers([[item] for item in range(3000)]) == 1
    assert count_exact_covers([[item, -item - 1] for item in range(3000)]) == 1
    assert find_exact_cover([[item] for item in range(3000)]) == list(range(3000))


@pytest.mark.parametrize(
    ("options", "secondary", "count", "cover"),
    [
        ([], (), 1, []),
        ([[]], (), 1, []),
        ([[], ["a"], []], (), 1, [1]),
        ([["a"]], "a", 1, []),
        ([["a"], ["a", "b"]], "b", 2, [0]),
        ([["a"], ["a"]], (), 2, [0]),
        ([["a", "b"], ["b", "c"]], (), 0, None),
        ([["a", "b"], ["b", "c"]], "b", 0, None),
        ([["a", "b"], ["c"]], "b", 1, [0, 1]),
        ([["a"]], "xyz", 1, [0]),
        (["ab", "c"], (), 1, [0, 1]),
        ([frozenset("ab"), ("c", None), {"d": 1}], (), 1, [0, 1, 2]),
        ([(True, 2)], (), 1, [0]),
        (np.zeros((0, 0), bool), (), 1, []),
        (np.zeros((0, 2), bool), (), 0, None),
        (np.zeros((0, 2), bool), (0, 1), 1, []),
        (np.zeros((2, 0), bool), (), 1, []),
        (np.array([[1, 0], [0, 0]], bool), (), 0, None),
        (np.array([[1, 0], [0, 0]], bool), np.array([1]), 1, [0]),
        (np.array([[1, 0], [0, 1]], bool)[::-1], (), 1, [0, 1]),
        (iter([iter("ab")]), (), 1, [0]),
    ],
)
def test_edges(options, secondary, count, cover):
    if not isinstance(options, (list, np.ndarray)):
        assert count_exact_covers(options, secondary=secondary) == count
        return
    for workers in (1, 2, map):
        assert count_exact_covers(options, secondary=secondary, workers=workers) == count
        assert find_exact_cover(options, secondary=secondary, workers=workers) == cover


BAD = [
    ((5,), {}, TypeError, ["options", "matrix", "int"]),
    (("ab",), {}, TypeError, ["options", "one str"]),
    (([1, 2],), {}, TypeError, ["options[0]", "iterable", "int"]),
    (([["a"], 7],), {}, TypeError, ["options[1]", "iterable", "int"]),
    (([[["a"]]],), {}, TypeError, ["options", "hashable"]),
    (([["a"], ["b", "c", "b"]],), {}, ValueError, ["options[1]", "once", "'b'"]),
    ((np.eye(3),), {}, TypeError, ["options", "bool", "float64"]),
    ((np.eye(3, dtype=np.int8),), {}, TypeError, ["options", "bool", "int8"]),
    ((np.eye(3, dtype=bool),), {"secondary": [3]}, ValueError, ["secondary", "0 to 2", "3"]),
    ((np.eye(3, dtype=bool),), {"secondary": [-1]}, ValueError, ["secondary", "0 to 2", "-1"]),
    ((np.eye(3, dtype=bool),), {"secondary": ["a"]}, TypeError, ["secondary", "columns", "'a'"]),
    (([["a"]],), {"secondary": 5}, TypeError, ["secondary", "iterable", "5"]),
    (([["a"]],), {"secondary": [["a"]]}, TypeError, ["secondary", "hashable"]),
    (([["a"]],), {"workers": 0}, ValueError, ["workers", "0"]),
    (([["a"]],), {"workers": "all"}, TypeError, ["workers", "str"]),
]


@pytest.mark.parametrize("function", [count_exact_covers, find_exact_cover])
@pytest.mark.parametrize(("args", "kwargs", "error", "words"), BAD)
def test_bad_input(function, args, kwargs, error, words):
    with pytest.raises(error) as caught:
        function(*args, **kwargs)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.fixture
def always_cut(monkeypatch):
    """Cuts small trees too, and finely."""
    monkeypatch.setattr(exact_cover, "HELD_POLLS", 0)
    monkeypatch.setattr(exact_cover, "ALONE_POLLS", 0)
    monkeypatch.setattr(_kernel, "CHUNK_SECONDS", 1e-9)


@pytest.mark.thread_unsafe(reason="changes how work is cut")
@pytest.mark.parametrize("more", [0, 130])
def test_the_same_for_holding_releasing_and_any_workers(always_cut, more):
    for options, secondary in (queens(9), (langford(8), ()), (langford(10), ())):
        options = with_more_items(options, more)  # noqa: PLW2901
        count = count_exact_covers(options, secondary=secondary, release_gil=False)
        cover = find_exact_cover(options, secondary=secondary, release_gil=False)
        for choice in ({"release_gil": True}, {}, {"workers": 2}, {"workers": 3}, {"workers": 7}, {"workers": map}):
            assert count_exact_covers(options, secondary=secondary, **choice) == count
            assert find_exact_cover(options, secondary=secondary, **choice) == cover
        with ThreadPoolExecutor(3) as pool:
            assert count_exact_covers(options, secondary=secondary, workers=pool) == count
            assert find_exact_cover(options, secondary=secondary, workers=pool) == cover


@pytest.mark.thread_unsafe(reason="starts processes")
def test_processes():
    options, secondary = queens(9)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert count_exact_covers(options, secondary=secondary, workers=pool) == 352
        expected = find_exact_cover(options, secondary=secondary)
        assert find_exact_cover(options, secondary=secondary, workers=pool) == expected


@pytest.mark.thread_unsafe(reason="changes how work is cut")
def test_the_search_of_later_subtrees_ends(always_cut):
    """After the first cover nothing else is searched: here that would take for ever."""
    pigeons = [(("pigeon", x), ("hole", y)) for x in range(14) for y in range(13)]
    options = [("choice", *(("pigeon", x) for x in range(14))), ("choice", "other"), *pigeons]
    secondary = ["other", *(("hole", y) for y in range(13))]
    assert find_exact_cover(options, secondary=secondary, workers=2) == [0]
    assert find_exact_cover(with_more_items(options), secondary=secondary, workers=2)[0] == 0


def flat(options):
    """What the core is given."""
    return exact_cover._read(options, ())


@given(problems())
def test_options_become_rows_of_numbers(problem):
    options, secondary = problem
    items, offsets, item_count, primary_count = exact_cover._read(options, secondary)
    came = list(dict.fromkeys(item for option in options for item in option))
    order = [item for item in came if item not in secondary] + [item for item in came if item in secondary]
    rows = [items[start:end].tolist() for start, end in pairwise(offsets)]
    assert rows == [[order.index(item) for item in option] for option in options]
    assert item_count == len(order)
    assert primary_count == len(set(came) - secondary)
    assert items.typecode == offsets.typecode == "i"


@pytest.mark.parametrize("secondary", ["", "b", "abc"])
def test_an_item_twice_is_found_wherever_it_stands(secondary):
    for options, index, item in (
        (["ab", "aa"], 1, "a"),
        (["bab"], 0, "b"),
        (["abc", "bca", "cabc"], 2, "c"),
    ):
        with pytest.raises(ValueError, match=rf"^options\[{index}\]: wanted each item once, got '{item}' twice$"):
            count_exact_covers(options, secondary=secondary)
    assert count_exact_covers(["abc", "bc", "a"], secondary=secondary) >= 1


@pytest.mark.parametrize("method", ["__hash__", "__eq__"])
def test_what_an_item_raises_goes_through(method):
    class Item:
        def __hash__(self):
            return 1

    def fail(*_):
        raise ZeroDivisionError

    setattr(Item, method, fail)
    with pytest.raises(ZeroDivisionError):
        count_exact_covers([[Item(), Item()]])


@pytest.mark.parametrize("more", [0, 130])
def test_paths_lead_to_all_subtrees(more):
    problem = flat(with_more_items(langford(8), more))
    for deepest in range(5):
        finished, paths = _kernels.exact_cover(*problem, mode="expand", deepest=deepest)
        assert finished
        assert len(set(paths)) == len(paths)
        counts = [_kernels.exact_cover(*problem, (path,), range(i, i + 1)) for i, path in enumerate(paths)]
        assert sum(count for _, count in counts) == 300
        assert _kernels.exact_cover(*problem, paths) == (True, 300)
        first = _kernels.exact_cover(*problem, mode="find")
        assert _kernels.exact_cover(*problem, paths, mode="find") == first


def test_a_budget_that_does_not_suffice():
    problem = flat(langford(11))
    assert _kernels.exact_cover(*problem, budget=0) == (False, None)
    assert _kernels.exact_cover(*problem, budget=2) == (False, None)
    assert _kernels.exact_cover(*flat(langford(3)), budget=0) == (True, 2)


def test_what_is_known_of_other_subtrees():
    problem = flat(langford(11))
    best = array.array("i", [2**31 - 1])
    finished, cover = _kernels.exact_cover(*problem, ((),), range(7, 8), "find", best)
    assert finished
    assert len(cover) == 11
    assert best[0] == 7
    assert _kernels.exact_cover(*problem, ((),), range(8, 9), "find", best) == (True, None)
    assert _kernels.exact_cover(*problem, ((),), range(3, 4), "find", best)[1] == cover
    assert best[0] == 3


GOOD = (array.array("i", [0, 1, 0]), array.array("i", [0, 2, 3]), 2, 2)


@pytest.mark.parametrize(
    ("index", "value", "words"),
    [
        (0, array.array("i", [0, 200, 0]), "items"),
        (0, array.array("i", [0, -1, 0]), "items"),
        (0, array.array("i", [0]), "items"),
        (0, array.array("q", [0, 1, 0]), "items"),
        (0, None, "items"),
        (1, array.array("i", [0, 3, 2]), "offsets"),
        (1, array.array("i", [0, 2, 4]), "offsets"),
        (1, array.array("i", [1, 2, 3]), "offsets"),
        (1, array.array("i", [0, -1, 3]), "offsets"),
        (1, array.array("i"), "offsets"),
        (1, b"", "offsets"),
        (2, -1, "item_count"),
        (2, 2**30, "item_count"),
        (2, 1, "primary_count"),
        (3, 3, "primary_count"),
        (3, -1, "primary_count"),
        (4, ((2,),), "paths"),
        (4, ((-1,),), "paths"),
        (4, ((0, 1),), "paths"),
        (4, ((0, 0),), "paths"),
        (6, "all", "mode"),
        (7, array.array("i", [1, 2]), "best"),
        (7, b"1234", "best"),
    ],
)
@pytest.mark.parametrize("more", [0, 130])
def test_bad_buffers_are_refused(index, value, words, more):
    arguments = [*GOOD, ((),), None, "find", None]
    arguments[index] = value
    if more and index not in (2, 3):
        arguments[2] += more
    with pytest.raises((TypeError, ValueError), match=words):
        _kernels.exact_cover(*arguments)


def test_an_item_twice_in_an_option_is_harmless():
    """The functions refuse it; the core need only survive."""
    rng = np.random.default_rng(1)
    for items in (5, 140):
        for _ in range(50):
            offsets = np.r_[0, np.cumsum(rng.integers(0, 5, 40))].astype(np.int32)
            numbers = rng.integers(0, items, offsets[-1]).astype(np.int32)
            finished, count = _kernels.exact_cover(numbers, offsets, items, min(items, 5))
            assert finished
            assert count >= 0


@pytest.mark.parametrize("more", [0, 130])
@pytest.mark.parametrize("mode", ["count", "expand"])
def test_a_stop_ends_a_long_call(more, mode):
    problem = flat(with_more_items(langford(20), more))
    stop = array.array("i", [0])
    timer = threading.Timer(0.1, _kernels.stop, [stop])
    timer.start()
    with pytest.raises(gilfree.Cancelled):
        _kernels.exact_cover(*problem, mode=mode, deepest=100, stop=stop)
    timer.join()


@pytest.mark.parametrize("package", ["exact_cover", "xcover"])
@pytest.mark.filterwarnings("ignore")
def test_as_its_peers(package):
    peer = pytest.importorskip(package)
    rng = np.random.default_rng(8)
    for _ in range(30):
        matrix = rng.random((40, 12)) < 0.25
        matrix = matrix[matrix.any(axis=1)]
        expected = (
            peer.get_solution_count(matrix.astype(np.int32))
            if package == "exact_cover"
            else sum(1 for _ in peer.covers_bool(matrix))
        )
        assert count_exact_covers(matrix) == expected


def test_the_functions_can_be_pickled():
    assert pickle.loads(pickle.dumps(find_exact_cover)) is find_exact_cover


def test_imports_no_numpy():
    code = (
        "import sys, gilfree\n"
        "options = [(f'n{k}', i, i + k + 1) for k in range(1, 9) for i in range(15 - k)]\n"
        "assert gilfree.count_exact_covers(options) == gilfree.count_exact_covers(options, workers=2) == 300\n"
        "assert gilfree.count_exact_covers(options, workers=map) == 300\n"
        "assert gilfree.find_exact_cover(['ab', 'c']) == [0, 1]\n"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
