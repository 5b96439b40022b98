"""Searching for many patterns at once."""

import array
import mmap
import pickle
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilfree
from gilfree import PatternSet, _kernels
from gilfree.info import gil_enabled
from gilfree.kernels.pattern_set import count_pure, find_all_pure

# One-byte, two-byte and four-byte strings, and symbols whose low bytes are equal.
ALPHABETS = ["a", "ab", "abc", "aé", "aжв", "aġȡ!", "ab😀\ud800漢\U0010ffff"]


def pairs(found):
    return list(zip(*(part.tolist() if isinstance(part, np.ndarray) else part for part in found), strict=True))


def assert_as_the_twin(patterns, text, **options):
    words = PatternSet(patterns)
    expected = pairs(find_all_pure(words, text))
    assert pairs(words.find_all(text, **options)) == expected
    assert words.count(text, **options) == len(expected)


@st.composite
def searches(draw):
    alphabet = draw(st.sampled_from(ALPHABETS))
    patterns = draw(st.lists(st.text(alphabet, min_size=1, max_size=6), max_size=12))
    text = draw(st.text(alphabet + "z", max_size=60))
    return patterns, text * draw(st.sampled_from([1, 1, 7, 60]))


@given(searches())
def test_str_as_the_twin(search):
    assert_as_the_twin(*search)


@given(st.lists(st.binary(min_size=1, max_size=3), max_size=300), st.binary(max_size=400))
def test_bytes_as_the_twin(patterns, text):
    assert_as_the_twin(patterns, text)


@given(searches(), st.lists(st.integers(0, 4000), max_size=4))
def test_any_cut_gives_the_same(search, cuts):
    patterns, text = search
    words = PatternSet(patterns)
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    parts = [
        _kernels.pattern_set_find_all(words._automaton, text, range(start, stop)) for start, stop in pairwise(places)
    ]
    whole = words.find_all(text)
    for index in (0, 1):
        assert b"".join(part[index] for part in parts) == whole[index].tobytes()


@pytest.mark.parametrize(
    ("patterns", "text", "found"),
    [
        (["he", "she", "his", "hers"], "ushers", [(1, 1), (0, 2), (3, 2)]),  # Aho and Corasick 1975, figure 1
        (["a", "aa", "aaa"], "aaaa", [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (2, 1), (1, 2), (0, 3)]),
        (["ab", "ab"], "abab", [(0, 0), (1, 0), (0, 2), (1, 2)]),
        (["abcd", "bc"], "abce", [(1, 1)]),
        (["abcde", "bcdf", "cd"], "abcdf", [(2, 2), (1, 1)]),
        (["naïve"], "naive naïve", [(0, 6)]),
        (["\U0010ffff", "\ud800"], "x\U0010ffff\ud800", [(0, 1), (1, 2)]),
        ([b"\xff\x00"], b"\x00\xff\x00", [(0, 1)]),
        (["a"], "", []),
        ([], "abc", []),
        ([], b"abc", []),
        (["abc"], "ab", []),
    ],
)
def test_known_matches(patterns, text, found):
    assert pairs(PatternSet(patterns).find_all(text)) == found
    assert PatternSet(patterns).count(text) == len(found)


def test_results_are_arrays_of_int64():
    for text in ("aba", "zzz", "ab" * 9000):
        for workers in (1, 2):
            patterns, starts = PatternSet(["b", "a"]).find_all(text, workers=workers)
            assert patterns.dtype == starts.dtype == np.int64
            assert patterns.flags.writeable
            assert starts.flags.writeable


@pytest.mark.parametrize("length", [255, 256, 257, 511, 4096, 65_535, 65_536, 65_537, 262_144, 300_001])
@pytest.mark.parametrize("last", ["", "ж", "😀"])
def test_streams_meet_without_a_gap(length, last):
    """In a text of one symbol each place has a match, however the text is cut."""
    text = "a" * (length - len(last)) + last
    plain = length - len(last)
    for sizes in ([1], [1, 7], [40], [300]):
        found = PatternSet(["a" * size for size in sizes]).find_all(text)
        expected = sorted(
            (start + size, start, i) for i, size in enumerate(sizes) for start in range(max(0, plain - size + 1))
        )
        assert pairs(found) == [(i, start) for _, start, i in expected]


@pytest.mark.parametrize("longest", [5, 100, 1000, 3000, 20_000, 150_000])
def test_long_patterns(longest):
    rng = np.random.default_rng(longest)
    text = "".join("abc"[i] for i in rng.integers(0, 3, 200_000))
    places = rng.integers(0, len(text) - longest, 50)
    words = PatternSet([text[place : place + longest] for place in places] + ["abca"])
    patterns, starts = words.find_all(text)
    assert all(
        (text[start : start + len(words.patterns[p])]) == words.patterns[p] for p, start in pairs((patterns, starts))
    )
    assert set(places.tolist()) <= set(starts[patterns < 50].tolist())
    assert words.count(text) == patterns.size


def test_more_outputs_than_an_entry_can_say():
    for copies in (253, 254, 255, 256, 1000):
        words = PatternSet([*["ab"] * copies, "b", "bab"])
        text = "ab" * 3000
        assert words.count(text) == 3000 * copies + 3000 + 2999
        patterns, starts = words.find_all("zab" * 1000)
        assert patterns.size == 1000 * (copies + 1)
        assert patterns[: copies + 1].tolist() == [*range(copies), copies]
        assert starts[: copies + 1].tolist() == [1] * copies + [2]
    nested = PatternSet(["a" * size for size in range(1, 1001)])
    assert nested.count("a" * 3000) == sum(3000 - size + 1 for size in range(1, 1001))


def many_words(count, seed=1, size=12):
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz漢字かなжшщюя"))
    return ["".join(letters[row]) for row in rng.integers(0, letters.size, (count, size))]


def test_more_states_than_have_a_row():
    """Beyond the table: edges and failure links."""
    words = many_words(20_000)
    automaton = PatternSet(words)
    text = "".join(words[::7]) + "".join(word[:-1] for word in words[::5]) + "".join(word[3:] for word in words[::9])
    expected = pairs(find_all_pure(automaton, text))
    assert len(expected) > 2800
    assert pairs(automaton.find_all(text)) == expected
    assert automaton.count(text) == len(expected)
    assert automaton.count(text, workers=3) == len(expected)


def test_nested_words_beyond_the_table():
    words = many_words(20_000)
    nested = [*words, *(word[4:] for word in words[:500]), *(word[6:9] for word in words[:500])]
    text = "".join(words[:500]) * 3
    subset = PatternSet(nested[:500] + nested[20_000:])
    numbers = {i: i if i < 500 else i + 19_500 for i in range(1500)}
    expected = [(numbers[p], s) for p, s in pairs(find_all_pure(subset, text))]
    found = [pair for pair in pairs(PatternSet(nested).find_all(text)) if pair[0] in set(numbers.values())]
    assert found == expected


def test_thousands_of_different_symbols():
    words = [chr(code) + chr(code + 1) for code in range(0x3000, 0x9000, 2)]
    text = "".join(words) + "\0" * 100
    assert PatternSet(words).count(text) == len(words)
    assert PatternSet([chr(code) for code in range(0x100, 0xD800)]).count("".join(map(chr, range(0x10000)))) == 0xD700


@pytest.mark.filterwarnings("ignore")
def test_as_its_peers():
    ahocorasick_rs = pytest.importorskip("ahocorasick_rs")
    rng = np.random.default_rng(3)
    text = "".join("abcdé"[i] for i in rng.integers(0, 5, 30_000))
    words = sorted({text[place : place + size] for place, size in rng.integers([0, 1], [29_000, 9], (500, 2)).tolist()})
    expected = ahocorasick_rs.AhoCorasick(words).find_matches_as_indexes(text, overlapping=True)
    assert pairs(PatternSet(words).find_all(text)) == [match[:2] for match in expected]


def test_every_bytes_like_object(tmp_path):
    expected = [(0, 1), (0, 3)]
    (tmp_path / "text").write_bytes(b"banana")
    with (tmp_path / "text").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for text in (
            b"banana",
            bytearray(b"banana"),
            memoryview(b"banana"),
            memoryview(b"xbananay")[1:7],
            np.frombuffer(b"banana", np.uint8),
            np.frombuffer(b"banana", np.uint8).reshape(2, 3),
            array.array("B", b"banana"),
            mapped,
        ):
            for pattern in (b"ana", bytearray(b"ana"), memoryview(b"ana"), np.frombuffer(b"ana", np.uint8)):
                for workers in (1, 2, map):
                    assert pairs(PatternSet([pattern]).find_all(text, workers=workers)) == expected
                assert PatternSet([pattern]).count(text) == 2


def test_subclasses_of_str_and_bytes():
    class Word(str):
        __slots__ = ()

    class Data(bytes):
        __slots__ = ()

    assert PatternSet([Word("ana")]).count(Word("banana")) == 2
    assert PatternSet([Data(b"ana")]).count(Data(b"banana")) == 2
    assert {type(pattern) for pattern in PatternSet([Word("a"), "b"]).patterns} == {str}


@pytest.mark.parametrize(
    ("patterns", "error", "words"),
    [
        (["a", ""], ValueError, ["patterns[1]", "symbol"]),
        ([b""], ValueError, ["patterns[0]", "symbol"]),
        (["a", b"b"], TypeError, ["patterns[1]", "str", "bytes"]),
        ([b"a", "b"], TypeError, ["patterns[1]", "bytes", "str"]),
        (["a", 1], TypeError, ["patterns[1]", "str", "int"]),
        ([None], TypeError, ["patterns[0]", "NoneType"]),
        ([array.array("i", [1])], TypeError, ["patterns[0]", "array"]),
        ([memoryview(b"abcd")[::2]], TypeError, ["patterns[0]", "memoryview"]),
        ("abc", TypeError, ["patterns", "several", "str"]),
        (b"abc", TypeError, ["patterns", "several", "bytes"]),
        (7, TypeError, ["patterns", "iterable", "int"]),
        ([chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000], ValueError, ["patterns", "65,535"]),
        (["".join("abcdefg"[i % 7] for i in range(17_000_000))], ValueError, ["patterns", "eight million"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bad_patterns(patterns, error, words):
    with pytest.raises(error) as caught:
        PatternSet(patterns)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("method", [PatternSet.find_all, PatternSet.count])
@pytest.mark.parametrize("workers", [1, 2, map])
@pytest.mark.parametrize(
    ("patterns", "text", "words"),
    [
        (["a"], b"a", ["text", "str", "bytes"]),
        ([b"a"], "a", ["text", "bytes-like", "str"]),
        (["a"], 5, ["text", "str", "int"]),
        (["a"], None, ["text", "str", "NoneType"]),
        ([b"a"], ["a"], ["text", "bytes-like", "list"]),
        ([b"a"], np.arange(3), ["text", "bytes-like", "ndarray"]),
        ([b"a"], memoryview(b"abcd")[::2], ["text", "bytes-like", "memoryview"]),
    ],
)
def test_bad_text(method, workers, patterns, text, words):
    with pytest.raises(TypeError) as caught:
        method(PatternSet(patterns), text, workers=workers)
    assert all(word in str(caught.value) for word in words)


def test_the_same_for_holding_releasing_and_any_workers():
    rng = np.random.default_rng(5)
    text = "".join("abcde"[i] for i in rng.integers(0, 5, 600_000))
    words = PatternSet([text[i : i + 3 + i % 5] for i in range(0, 4000, 13)])
    expected = pairs(words.find_all(text, release_gil=False))
    for options in ({"release_gil": True}, {"workers": 2}, {"workers": 3}, {"workers": 7}, {"workers": map}):
        assert pairs(words.find_all(text, **options)) == expected
        assert words.count(text, **options) == len(expected)
    with ThreadPoolExecutor(3) as pool:
        assert pairs(words.find_all(text, workers=pool)) == expected
    data = PatternSet([pattern.encode() for pattern in words.patterns])
    assert pairs(data.find_all(bytearray(text.encode()), workers=3)) == expected


@pytest.mark.thread_unsafe(reason="starts processes")
def test_processes_are_sent_what_they_need():
    words = PatternSet([b"ana", b"nab"])
    text = memoryview(bytearray(b"banana" * 50_000))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert words.count(text, workers=pool) == words.count(text) == 149_999
        assert pairs(words.find_all(text, workers=pool)) == pairs(words.find_all(text))


def test_a_set_can_be_pickled_and_not_be_changed():
    words = PatternSet(["b", "ab"])
    copy = pickle.loads(pickle.dumps(words))
    assert copy.patterns == words.patterns == ("b", "ab")
    assert copy.count("abab") == 4
    assert len(words) == 2
    assert "2 pattern" in repr(words)
    with pytest.raises(AttributeError):
        words.patterns = ()
    with pytest.raises(AttributeError):
        words.other = 1


def automaton_of(patterns):
    return bytearray(_kernels.pattern_set(tuple(patterns)))


class TestAutomata:
    """Memory that is no automaton: refused where that can be seen, harmless in any case."""

    @pytest.mark.parametrize("automaton", [b"", bytes(64), bytes(72), bytes(100_000), b"\xff" * 72, b"\xff" * 100_000])
    def test_that_are_none(self, automaton):
        for function in (_kernels.pattern_set_count, _kernels.pattern_set_find_all):
            with pytest.raises(ValueError, match="automaton"):
                function(automaton, "text")

    @pytest.mark.parametrize("automaton", [None, 5, "text", memoryview(bytes(200))[::2]])
    def test_that_are_no_buffer(self, automaton):
        with pytest.raises(TypeError, match="automaton"):
            _kernels.pattern_set_count(automaton, "text")

    def test_misaligned(self):
        data = bytes(1) + bytes(automaton_of(["a"]))
        with pytest.raises(ValueError, match=r"automaton.*aligned"):
            _kernels.pattern_set_count(memoryview(data)[1:], "a")

    def test_cut_short_or_longer(self):
        data = automaton_of(["ab", "abc"])
        for wrong in (data[:-1], data[:-2], data + b"\0\0"):
            with pytest.raises(ValueError, match="automaton"):
                _kernels.pattern_set_count(wrong, "abc")

    @pytest.mark.parametrize("patterns", [["a", "ab", "bab", "c"], ["a"] * 300 + ["ba", "é", "漢"]])
    def test_with_any_byte_changed(self, patterns):
        """No index is believed, so at the worst the answer is wrong."""
        good = automaton_of(patterns)
        text = "ababcabc漢é" * 40
        rng = np.random.default_rng(9)
        refused = 0
        for place in [*range(0, len(good), max(1, len(good) // 400)), *range(72, 300)]:
            bad = bytearray(good)
            width = 4 - place % 4 if rng.integers(2) else 1
            bad[place : place + width] = rng.integers(0, 256, len(bad[place : place + width]), dtype=np.uint8).tobytes()
            try:
                _kernels.pattern_set_count(bad, text)
                _kernels.pattern_set_find_all(bad, text)
            except (ValueError, MemoryError):
                refused += 1
        assert refused

    def test_large_ones_with_random_parts(self):
        good = automaton_of(many_words(9_000))
        assert len(good) > 1 << 22
        text = "".join(many_words(500))
        rng = np.random.default_rng(10)
        words = np.frombuffer(good, np.uint32)
        for start in range(18, words.size - 100_000, words.size // 40):
            bad = words.copy()
            bad[start : start + 100_000] = rng.integers(0, 2**32, 100_000, dtype=np.uint32)
            for function in (_kernels.pattern_set_count, _kernels.pattern_set_find_all):
                try:
                    function(bad, text)
                except (ValueError, MemoryError) as error:
                    assert "automaton" in str(error) or isinstance(error, MemoryError)  # noqa: PT017


@pytest.mark.parametrize("ends", [range(1, 9), range(-1, 2), range(3, 2), range(0, 4, 2)])
def test_bad_ranges(ends):
    automaton = _kernels.pattern_set(("a",))
    for function in (_kernels.pattern_set_count, _kernels.pattern_set_find_all):
        with pytest.raises(ValueError, match="ends"):
            function(automaton, "abcd", ends)


@pytest.mark.parametrize("offset", [-1, 2**40, 2**62])
def test_bad_offsets(offset):
    with pytest.raises(ValueError, match="offset"):
        _kernels.pattern_set_find_all(_kernels.pattern_set(("a",)), "abcd", None, offset)


def test_matches_are_written_where_there_is_room_for_them():
    automaton = _kernels.pattern_set(("a", "ba"))
    made = []

    def empty(count, dtype):
        made.append(np.empty(count, dtype))
        return made[-1]

    patterns, starts = _kernels.pattern_set_find_all(automaton, "abba", empty=empty, dtype=np.int64)
    assert [patterns is made[0], starts is made[1], len(made)] == [True, True, 2]
    assert list(zip(patterns.tolist(), starts.tolist(), strict=True)) == [(0, 0), (1, 2), (0, 3)]
    for value in (None, np.empty(2, np.int64), np.empty(4, np.int64), np.empty(25, np.int8)[1:], bytes(24)):
        with pytest.raises((TypeError, ValueError, BufferError)):
            _kernels.pattern_set_find_all(automaton, "abba", empty=lambda _, dtype: dtype, dtype=value)
    with pytest.raises(ZeroDivisionError):
        _kernels.pattern_set_find_all(automaton, "abba", empty=lambda count, _: count // 0)


def building():
    words = tuple(many_words(150_000))
    return lambda stop: _kernels.pattern_set(words, stop=stop)


def counting():
    automaton, text = _kernels.pattern_set((b"ab", b"ba")), b"abc" * 200_000_000
    return lambda stop: _kernels.pattern_set_count(automaton, text, stop=stop)


def counting_slowly():
    automaton, text = _kernels.pattern_set(("a",) * 300), "a" * 60_000_000
    return lambda stop: _kernels.pattern_set_count(automaton, text, stop=stop)


def counting_in_one_stream():
    automaton, text = _kernels.pattern_set(("a", "b" * 50_000)), "ж" + "abcd" * 60_000_000
    return lambda stop: _kernels.pattern_set_count(automaton, text, stop=stop)


def finding():
    automaton, text = _kernels.pattern_set(tuple("a" * size for size in range(1, 200))), "a" * 1_000_000
    return lambda stop: _kernels.pattern_set_find_all(automaton, text, stop=stop)


@pytest.mark.thread_unsafe(reason="takes much memory")
@pytest.mark.parametrize("prepare", [building, counting, counting_slowly, counting_in_one_stream, finding])
def test_a_stop_ends_a_long_call(prepare):
    call = prepare()  # first, so that the stop comes while the core is at work and not before it
    stop = array.array("i", [0])
    timer = threading.Timer(0.04, _kernels.stop, [stop])
    timer.start()
    with pytest.raises(gilfree.Cancelled):
        deque(map(call, [stop] * 1000))  # on a fast machine, one call might be over by then
    timer.join()


@pytest.mark.skipif(
    not gil_enabled() and sys.version_info < (3, 14), reason="without a GIL, bytearray takes no lock before Python 3.14"
)
def test_a_bytearray_cannot_be_resized_during_a_search():
    text, words = bytearray(b"abc" * 3_000_000), PatternSet([b"a"] * 300)
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(words.count(text, workers=2, release_gil=True)))
    thread.start()
    refused = 0
    while thread.is_alive():
        try:
            text.append(1)
            text.pop()
        except BufferError:
            refused += 1
    thread.join()
    assert outcome == [900_000_000]
    text.append(1)


def test_a_text_that_changes_meanwhile():
    text, words = bytearray(b"ab" * 50_000), PatternSet([b"ab", b"ba", b"bb" * 20, b"aab"])
    ended = threading.Event()

    def change():
        while not ended.is_set():
            text[1000:2000] = b"bb" * 500
            text[1000:2000] = b"ab" * 500

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(50):
            patterns, starts = words.find_all(text, release_gil=True)
            assert ((patterns >= 0) & (patterns < 4)).all()
            assert ((starts >= 0) & (starts < len(text))).all()
    finally:
        ended.set()
        thread.join()


def test_the_twins_count_what_they_find():
    words = PatternSet(["a", "ab"])
    assert count_pure(words, "abab") == len(find_all_pure(words, "abab")[0]) == 4


def test_count_imports_no_numpy():
    code = (
        "import sys, gilfree\n"
        "words = gilfree.PatternSet(['he', 'she'])\n"
        "assert words.count('ushers' * 9000) == words.count('ushers' * 9000, workers=2) == 18000\n"
        "assert words.count('ushers' * 9000, workers=map) == 18000\n"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
