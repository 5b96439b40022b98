from functools import partial

import pytest
from gilfree.benchmarks import overhead

from gilfree.cancel import current_scope
from gilfree.kernels import KERNELS
from gilfree.watching import watching


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(overhead, "ROUNDS", 5)
    monkeypatch.setattr(overhead, "REPEATS", 2)


def test_every_function_is_there():
    functions = [function.__qualname__ for kernel in KERNELS.values() for function in kernel.functions]
    assert sorted(overhead.smallest()) == sorted(functions)


@pytest.mark.parametrize("name", overhead.smallest())
@pytest.mark.thread_unsafe(reason="patches")
def test_the_stages_add_up_to_the_whole(name):
    whole, stages = overhead.stages(overhead.smallest()[name])
    assert tuple(stages) == overhead.STAGES
    assert stages["buffers"] is not None
    assert sum(filter(None, stages.values())) == pytest.approx(whole)


@pytest.mark.thread_unsafe(reason="patches")
def test_arrays_take_every_step():
    _, stages = overhead.stages(overhead.smallest()["convolve2d"])
    assert None not in stages.values()
    _, stages = overhead.stages(overhead.smallest()["edit_distance"])
    assert [stage for stage in stages if stages[stage] is not None] == ["face", "buffers"]


@pytest.mark.thread_unsafe(reason="patches")
def test_recording_leaves_everything_as_it_was():
    call = overhead.smallest()["mandelbrot"]
    with overhead.recording() as handed:
        call()
    assert [len(calls) for calls in (handed.compute, handed.native, handed.empty)] == [1, 1, 1]
    call()
    assert len(handed.native) == 1


def test_a_call_as_written_is_the_same_call():
    def function(*args, **kwargs):
        return args, kwargs

    for call in (partial(function), partial(function, 1, "two"), partial(function, 3, second=4, first=[5])):
        assert overhead.as_written(call)() == call()
    assert overhead.as_written(function) is function


@pytest.mark.thread_unsafe(reason="patches")
def test_parts_are_differences(monkeypatch):
    parts = overhead.known_parts()
    within = []

    def seconds_of(calls):
        [call] = calls
        open_scope, watch = current_scope.get(), watching()
        within.append((call, open_scope is not None, watch is not None))
        return 3.0 if len(within) % 2 == 0 else 1.0

    monkeypatch.setattr(overhead, "seconds_of", seconds_of)
    assert overhead.seconds_of_parts(parts) == [2.0] * len(parts)
    once = within[: 2 * len(parts)]
    assert [call for call, _, _ in once] == [call for part in parts for call in (part.without, part.call)]
    assert [parts[i // 2].name for i, (_, scope, _) in enumerate(once) if scope] == [
        "look for a cancel scope, and find one"
    ]
    assert [parts[i // 2].name for i, (_, _, watch) in enumerate(once) if watch] == ["be watched"]
    assert all(i % 2 for i, (_, scope, watch) in enumerate(once) if scope or watch)


def test_parts_can_be_called():
    for part in overhead.known_parts():
        part.without()
        with part.within():
            part.call()


@pytest.mark.thread_unsafe(reason="captures output")
def test_prints_a_row_for_each(capsys):
    overhead.main()
    stages, parts = capsys.readouterr().out.split("\n\n")
    assert [line.split()[0] for line in stages.splitlines()[1:]] == list(overhead.smallest())
    assert [line[:54].strip() for line in parts.splitlines()[1:]] == [part.name for part in overhead.known_parts()]
