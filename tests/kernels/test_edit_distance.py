"""The Levenshtein distance, of two texts and of many with many."""

import array
import mmap
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gilfree
from gilfree import _kernels
from gilfree.cancel import Cancelled
from gilfree.kernels.edit_distance import edit_distance_pure, edit_distances_pure

KNOWN = [
    ("kitten", "sitting", 3),
    ("saturday", "sunday", 3),
    ("intention", "execution", 5),
    ("flaw", "lawn", 2),
    ("", "", 0),
    ("", "x" * 100, 100),
    ("same", "same", 0),
    ("ab", "ba", 2),
    ("naïve", "naive", 1),
    ("\ud800", "\udfff", 1),
    ("a😀b", "ab", 1),
    ("x" * 5000, "y" * 5000, 5000),
    ("x" * 5000, "x" * 4999 + "y", 1),
    ("ab" * 3000, "ba" * 3000, 2),
]

# One-byte, two-byte and four-byte strings, small alphabets and large ones, and symbols whose low bytes are equal.
ALPHABETS = ["a", "ab", "ACGT", "abcdefghijklmnopqrstuvwxyz", "aé", "aжв", "аġȡ!", "ab😀\ud800漢字\U0010ffff"]

# Where a word, a lane or a stripe ends.
EDGES = [
    0,
    1,
    7,
    8,
    9,
    15,
    16,
    17,
    31,
    32,
    33,
    63,
    64,
    65,
    127,
    128,
    129,
    255,
    256,
    257,
    511,
    512,
    513,
    1023,
    1024,
    1025,
]


def random_text(rng, length, alphabet):
    return "".join(alphabet[i] for i in rng.integers(0, len(alphabet), length))


def edited(rng, text, edits, alphabet):
    symbols = list(text)
    for _ in range(edits):
        place = int(rng.integers(0, len(symbols) + 1))
        match rng.integers(0, 3):
            case 0:
                symbols.insert(place, random_text(rng, 1, alphabet))
            case 1:
                del symbols[place : place + 1]
            case 2:
                symbols[place : place + 1] = random_text(rng, 1, alphabet)
    return "".join(symbols)


@st.composite
def texts(draw, max_size=90):
    return draw(st.text(alphabet=draw(st.sampled_from(ALPHABETS)), max_size=max_size))


limits = st.none() | st.integers(0, 100)


@pytest.mark.parametrize(("a", "b", "distance"), KNOWN)
def test_known_distances(a, b, distance):
    assert gilfree.edit_distance(a, b) == distance
    assert gilfree.edit_distance(b, a) == distance
    assert gilfree.edit_distances([a], [b]).tolist() == [[distance]]


@settings(max_examples=60, deadline=None)
@given(texts(150), texts(150), limits)
def test_two_texts_as_the_twin(a, b, limit):
    assert gilfree.edit_distance(a, b, max_distance=limit) == edit_distance_pure(a, b, max_distance=limit)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=150), st.binary(max_size=150), limits)
def test_two_byte_strings_as_the_twin(a, b, limit):
    assert gilfree.edit_distance(a, b, max_distance=limit) == edit_distance_pure(a, b, max_distance=limit)


@settings(max_examples=60, deadline=None)
@given(st.lists(texts(30), max_size=4), st.lists(texts(), max_size=20), limits)
def test_many_texts_as_the_twin(queries, choices, limit):
    result = gilfree.edit_distances(queries, choices, max_distance=limit)
    assert result.shape == (len(queries), len(choices))
    assert result.dtype == np.int32
    assert result.tolist() == edit_distances_pure(queries, choices, max_distance=limit)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=70), max_size=4), st.lists(st.binary(max_size=70), max_size=20))
def test_many_byte_strings_as_the_twin(queries, choices):
    assert gilfree.edit_distances(queries, choices).tolist() == edit_distances_pure(queries, choices)


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_every_length_around_the_edges_as_rapidfuzz(alphabet):
    levenshtein = pytest.importorskip("rapidfuzz.distance").Levenshtein
    rng = np.random.default_rng(1)
    for length in EDGES:
        for edits in (0, 1, 5, 40):
            a = random_text(rng, length, alphabet)
            b = edited(rng, a, edits, alphabet)
            assert gilfree.edit_distance(a, b) == levenshtein.distance(a, b)
            b = random_text(rng, int(rng.choice(EDGES)), alphabet)
            assert gilfree.edit_distance(a, b) == levenshtein.distance(a, b)


@pytest.mark.parametrize("alphabet", ["ACGT", "abcdefghijklmnopqrstuvwxyz", "aжв漢字"])
@pytest.mark.parametrize("edits", [0, 3, 100, 600, 3000])
@pytest.mark.parametrize("limit", [None, 0, 2, 99, 511, 512, 513, 10_000])
def test_long_texts_as_rapidfuzz(alphabet, edits, limit):
    levenshtein = pytest.importorskip("rapidfuzz.distance").Levenshtein
    rng = np.random.default_rng(edits)
    a = random_text(rng, 6000, alphabet)
    b = edited(rng, a, edits, alphabet)
    wanted = levenshtein.distance(a, b)
    assert gilfree.edit_distance(a, b, max_distance=limit) == (wanted if limit is None else min(wanted, limit + 1))


@pytest.mark.parametrize("shift", [1, 63, 255, 256, 257, 400, 1100, 2500])
@pytest.mark.parametrize("surplus", [0, 1, 300])
def test_a_shift_that_leaves_the_first_bands(shift, surplus):
    """The best path runs far from the diagonal: along the border of a band as wide as the distance, to the cell."""
    levenshtein = pytest.importorskip("rapidfuzz.distance").Levenshtein
    rng = np.random.default_rng(shift)
    body, head, tail = random_text(rng, 5000, "ACGT"), "x" * shift, "y" * (shift + surplus)
    for a, b in ((head + body, body + tail), (body + head, tail + body)):
        wanted = levenshtein.distance(a, b)
        assert gilfree.edit_distance(a, b) == wanted
        assert gilfree.edit_distance(b, a) == wanted
        assert gilfree.edit_distance(a, b, max_distance=wanted) == wanted
        assert gilfree.edit_distance(a, b, max_distance=wanted - 1) == wanted


def test_every_length_of_choice_as_rapidfuzz():
    process = pytest.importorskip("rapidfuzz.process")
    levenshtein = pytest.importorskip("rapidfuzz.distance").Levenshtein
    rng = np.random.default_rng(2)
    for alphabet in ALPHABETS:
        queries = [random_text(rng, int(length), alphabet) for length in rng.integers(0, 80, 150)]
        choices = [random_text(rng, int(length), alphabet) for length in rng.permutation(np.arange(700) % 70)]
        wanted = process.cdist(queries, choices, scorer=levenshtein.distance, dtype=np.int32)
        assert np.array_equal(gilfree.edit_distances(queries, choices), wanted)


def test_a_query_of_very_many_symbols():
    queries = ["ab" * 40_000, "abc", "ba" * 30_000, "b" * 40_000]
    choices = ["ab", "", "ba" * 50]
    result = gilfree.edit_distances(queries, choices)
    assert result.tolist() == [[gilfree.edit_distance(query, choice) for choice in choices] for query in queries]
    assert result[0].tolist() == [79_998, 80_000, 79_900]


def test_strings_of_different_widths():
    for one in ("abc", "abé", "abж", "ab😀"):
        for other in ("abc", "abé", "abж", "ab😀"):
            assert gilfree.edit_distance(one, other) == (one != other)
            assert gilfree.edit_distance(one * 500, other * 500) == (500 if one != other else 0)
    assert gilfree.edit_distances(["abc", "ab😀"], ["abé", "ab😀", "abc"]).tolist() == [[1, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize("length", [5, 64, 200, 3000])
def test_thousands_of_different_symbols(length):
    """Whatever slot or page symbols share, they are not taken for one another."""
    one = "".join(map(chr, range(0x4E00, 0x4E00 + length)))
    other = "".join(map(chr, range(0x10000, 0x10000 + 4000))) + "".join(map(chr, range(0x100, 0x2000)))
    assert gilfree.edit_distance(one, other) == len(other)
    assert gilfree.edit_distance(one, other[: length - 1]) == length
    assert gilfree.edit_distances([other], [one, other[:64]]).tolist() == [[len(other), len(other) - 64]]


def test_bytes_are_compared_by_bytes_and_text_by_code_points():
    assert gilfree.edit_distance("é", "e") == 1
    assert gilfree.edit_distance("é".encode(), b"e") == 2


@pytest.mark.parametrize(
    "make", [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8), lambda b: array.array("B", b)]
)
def test_every_bytes_like_object(make):
    assert gilfree.edit_distance(make(b"kitten"), b"sitting") == 3
    assert gilfree.edit_distances([make(b"kitten")], [make(b"sitting"), b"mitten"]).tolist() == [[3, 1]]


def test_mmap(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"sitting")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        assert gilfree.edit_distance(b"kitten", text) == 3
        assert gilfree.edit_distances([text], [b"kitten"], workers=map).tolist() == [[3]]


def test_subclasses_of_str():
    class Word(str):
        __slots__ = ()

    assert gilfree.edit_distance(Word("kitten"), "sitting") == 3
    assert gilfree.edit_distances([Word("kitten")], ["sitting"]).tolist() == [[3]]


def test_any_iterable_will_do():
    assert gilfree.edit_distances(iter(["a"]), {"b": 1, "a": 2}).tolist() == [[1, 0]]
    assert gilfree.edit_distances(np.array(["a"], object), (w for w in ["b"])).tolist() == [[1]]


@pytest.mark.parametrize("limit", [2**31 - 2, 2**31 - 1, 2**31, 2**63, 10**100, np.int64(7)])
def test_limits_of_any_size(limit):
    assert gilfree.edit_distance("kitten", "sitting", max_distance=limit) == 3
    assert gilfree.edit_distances(["kitten"], ["sitting"], max_distance=limit).tolist() == [[3]]


@pytest.mark.parametrize("limit", [0, 2**31 - 1, 2**31, 2**63 - 1])
def test_limits_of_any_size_for_compiled_callers(limit):
    wanted, distances = min(3, limit + 1), np.empty((1, 1), np.int32)
    assert _kernels.edit_distance("kitten", "sitting", limit) == wanted
    _kernels.edit_distances(("kitten",), ("sitting",), limit, distances)
    assert distances.tolist() == [[wanted]]


BAD_PAIRS = [
    (("a", b"a"), {}, TypeError, ["b", "str", "bytes"]),
    ((b"a", "a"), {}, TypeError, ["b", "bytes-like", "str"]),
    ((1, "a"), {}, TypeError, ["a", "bytes-like", "int"]),
    (("a", None), {}, TypeError, ["b", "str", "NoneType"]),
    ((b"a", memoryview(b"abcd")[::2]), {}, TypeError, ["b", "bytes-like", "memoryview"]),
    ((b"a", np.arange(3)), {}, TypeError, ["b", "bytes-like", "ndarray"]),
    (("a", "b"), {"max_distance": -1}, ValueError, ["max_distance", "0 or more", "-1"]),
    (("a", "b"), {"max_distance": 1.5}, TypeError, ["max_distance", "int", "float"]),
    (("a", "b"), {"workers": 0}, ValueError, ["workers", "0"]),
    (("a", "b"), {"workers": "two"}, TypeError, ["workers", "str"]),
]


@pytest.mark.parametrize(("args", "kwargs", "error", "words"), BAD_PAIRS)
def test_bad_pairs(args, kwargs, error, words):
    with pytest.raises(error) as caught:
        gilfree.edit_distance(*args, **kwargs)
    assert all(word in str(caught.value) for word in words)


BAD_LISTS = [
    (("abc", ["a"]), {}, TypeError, ["queries", "sequence", "str"]),
    ((["a"], b"abc"), {}, TypeError, ["choices", "sequence", "bytes"]),
    ((1, ["a"]), {}, TypeError, ["queries", "sequence", "int"]),
    ((["a", "b", "c", 4], ["a"]), {}, TypeError, ["queries[3]", "str", "int"]),
    ((["a"], ["a", None]), {}, TypeError, ["choices[1]", "str", "NoneType"]),
    ((["a"], ["a", b"b"]), {}, TypeError, ["choices[1]", "str", "bytes"]),
    (([b"a"], ["b"]), {}, TypeError, ["choices[0]", "bytes-like", "str"]),
    ((["a"], [b"b"]), {}, TypeError, ["choices[0]", "str", "bytes"]),
    (([b"a", 5], [b"b"]), {}, TypeError, ["queries[1]", "bytes-like", "int"]),
    ((["a"], ["b"]), {"max_distance": -1}, ValueError, ["max_distance", "-1"]),
    ((["a"], ["b"]), {"max_distance": "1"}, TypeError, ["max_distance", "str"]),
    ((["a"], ["b"]), {"out": np.zeros((1, 2), np.int32)}, ValueError, ["out", "(1, 1)", "(1, 2)"]),
    ((["a"], ["b"]), {"out": np.zeros((1, 1), np.int64)}, ValueError, ["out", "int32", "int64"]),
    ((["a"], ["b"]), {"out": [[0]]}, TypeError, ["out", "list"]),
    ((["a"], ["b"]), {"workers": 0}, ValueError, ["workers", "0"]),
]


@pytest.mark.parametrize("workers", [1, 2, map])
@pytest.mark.parametrize(("args", "kwargs", "error", "words"), BAD_LISTS)
def test_bad_lists(args, kwargs, error, words, workers):
    with pytest.raises(error) as caught:
        gilfree.edit_distances(*args, **{"workers": workers, **kwargs})
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_nothing_is_computed_where_one_text_is_bad(workers):
    out = np.full((300, 400), -1, np.int32)
    for queries, choices in ((["a"] * 299 + [1], ["b"] * 400), (["a"] * 300, ["b"] * 399 + [b"b"])):
        with pytest.raises(TypeError, match=r"queries\[299\]|choices\[399\]"):
            gilfree.edit_distances(queries, choices, out=out, workers=workers)
        assert (out == -1).all()


def test_out():
    out = np.full((2, 3), -1, np.int32)
    assert gilfree.edit_distances(["a", "bb"], ["", "b", "a"], out=out) is out
    assert out.tolist() == [[1, 1, 0], [2, 1, 2]]
    strided = np.full((2, 6), -1, np.int32)[:, ::2]
    assert gilfree.edit_distances(["a", "bb"], ["", "b", "a"], out=strided) is strided
    assert strided.tolist() == out.tolist()
    read_only = np.zeros((1, 1), np.int32)
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match=r"out.*writable"):
        gilfree.edit_distances(["a"], ["b"], out=read_only)
    with pytest.raises(ValueError, match=r"out.*share memory"):
        gilfree.edit_distances(["a"], ["b"], out=np.zeros((1, 1), np.int32), workers=map)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_compare(shape):
    for workers in (1, 3):
        assert gilfree.edit_distances(["a"] * shape[0], ["b"] * shape[1], workers=workers).shape == shape


def test_the_same_for_holding_releasing_and_any_workers():
    rng = np.random.default_rng(3)
    queries = [random_text(rng, int(n), "abcdef") for n in rng.integers(0, 40, 201)]
    choices = [random_text(rng, int(n), "abcdef") for n in rng.integers(0, 100, 333)]
    wanted = gilfree.edit_distances(queries, choices, release_gil=False)
    for options in ({"release_gil": True}, {"workers": 2}, {"workers": 3}, {"workers": 7}, {"workers": map}):
        assert np.array_equal(gilfree.edit_distances(queries, choices, **options), wanted)
    with ThreadPoolExecutor(2) as pool:
        data = [bytearray(query, "ascii") for query in queries]
        result = gilfree.edit_distances(data, [choice.encode() for choice in choices], workers=pool)
        assert np.array_equal(result, wanted)
    a, b = "".join(queries), "".join(choices[:150])
    distance = gilfree.edit_distance(a, b, release_gil=False)
    assert {gilfree.edit_distance(a, b, workers=n, release_gil=True) for n in (1, 2, 3, 7)} == {distance}


def one_huge_pair():
    """Return a call that takes many seconds, almost all of them in stripes."""
    rng = np.random.default_rng(1)
    a, b = (random_text(rng, 400_000, "ACGTUVWXYZ") for _ in range(2))
    return lambda stop: _kernels.edit_distance(a, b, None, stop=stop)


def many_short_pairs():
    out = np.empty((20_000, 20_000), np.int32)
    queries, choices = ("abcdefgh" * 5,) * 20_000, ("hgfedcba" * 6,) * 20_000
    return lambda stop: _kernels.edit_distances(queries, choices, None, out, stop=stop)


def many_long_pairs():
    out = np.empty((1000, 1000), np.int32)
    queries, choices = ("abcdefgh" * 200,) * 1000, ("hgfedcba" * 300,) * 1000
    return lambda stop: _kernels.edit_distances(queries, choices, None, out, stop=stop)


@pytest.mark.parametrize("prepare", [one_huge_pair, many_short_pairs, many_long_pairs])
def test_a_stop_ends_a_long_call(prepare):
    call = prepare()  # first, so that the stop comes while the core is at work and not before it
    stop = array.array("i", [0])
    timer = threading.Timer(0.15, _kernels.stop, [stop])
    timer.start()
    with pytest.raises(Cancelled):
        call(stop)
    timer.join()


@pytest.mark.thread_unsafe(reason="compares two calls' times")
def test_a_stop_ends_a_few_words_late_in_the_call():
    """By then all symbols are numbered, which polls too."""
    a, b = "abcdefgh" * 30, "hgfedcba" * 5_000_000
    for _ in range(10):  # as calls differ, one may have ended before the stop comes
        started = time.perf_counter()
        _kernels.edit_distance(a, b, None)
        stop = array.array("i", [0])
        timer = threading.Timer(0.6 * (time.perf_counter() - started), _kernels.stop, [stop])
        timer.start()
        try:
            _kernels.edit_distance(a, b, None, stop=stop)
        except Cancelled:
            return
        finally:
            timer.join()
    pytest.fail("no stop ended a call")


def test_a_bytearray_cannot_be_resized_while_it_is_compared():
    text, other = bytearray(b"ab" * 400_000), b"cd" * 400_000
    stop = array.array("i", [0])
    outcome = []

    def compare():
        try:
            _kernels.edit_distance(text, other, None, stop=stop)
        except Cancelled:
            outcome.append("cancelled")

    thread = threading.Thread(target=compare)
    thread.start()
    refused = 0
    while thread.is_alive() and not refused:
        try:
            text.append(1)
        except BufferError:
            refused += 1
    _kernels.stop(stop)
    thread.join()
    assert refused
    text.append(1)


def test_bytes_that_change_meanwhile():
    """Whatever the distance then is, memory is safe and the range is right."""
    rng = np.random.default_rng(4)
    data = [bytearray(rng.integers(0, 256, 60, dtype=np.uint8).tobytes()) for _ in range(200)]
    long = bytearray(rng.integers(0, 256, 5000, dtype=np.uint8).tobytes())
    ended = threading.Event()

    def flip():
        while not ended.is_set():
            for text in data:
                text[7] ^= 0xFF
            long[100:200] = long[300:400]

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        for _ in range(20):
            result = gilfree.edit_distances(data, data, release_gil=True)
            assert (result >= 0).all()
            assert (result <= 60).all()
            assert 0 <= gilfree.edit_distance(long, bytes(5000), release_gil=True) <= 5000
    finally:
        ended.set()
        thread.join()


def test_buffers_are_given_back():
    good, bad = bytearray(b"abc"), 5
    with pytest.raises(TypeError):
        gilfree.edit_distances([good, good], [good, bad])
    with pytest.raises(TypeError):
        gilfree.edit_distance(good, bad)
    gilfree.edit_distances([good, good], [good])
    gilfree.edit_distance(good, good)
    good.append(1)


def test_edit_distance_imports_no_numpy():
    code = (
        "import sys, gilfree; assert gilfree.edit_distance('kitten', 'sitting') == 3; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
