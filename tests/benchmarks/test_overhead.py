import pytest
from gilfree.benchmarks import overhead

from gilfree.kernels import KERNELS


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
    assert [len(calls) for calls in (handed.compute, handed.run, handed.native, handed.empty, handed.direct)] == [
        1,
        1,
        1,
        1,
        0,
    ]
    call()
    assert len(handed.native) == 1


@pytest.mark.thread_unsafe(reason="captures output")
def test_prints_a_row_for_each(capsys):
    overhead.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(overhead.smallest())
