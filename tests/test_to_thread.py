"""`gilfree.to_thread`: that a cancelled task leaves no thread at work."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import gilfree

pytestmark = pytest.mark.thread_unsafe(reason="a loop on a busy machine is late for its time-outs")


class Recorder:
    """A function that calls an endless kernel, and what became of it."""

    def __init__(self, **options):
        self.options = options
        self.begun = threading.Event()
        self.ended = None

    def __call__(self):
        self.begun.set()
        try:
            gilfree.mandelbrot(20_000, 20_000, max_iterations=10**9, **self.options)
        except BaseException as error:
            self.ended = type(error)
            raise

    async def begins(self):
        while not self.begun.is_set():  # noqa: ASYNC110 - set in a thread
            await asyncio.sleep(0.001)


async def cancelled(task):
    """Cancel it and tell whether it then was."""
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


def test_gives_back_what_the_function_returns():
    async def main():
        return await gilfree.to_thread(divmod, 7, 2), await gilfree.to_thread(int, "11", base=2)

    assert asyncio.run(main()) == ((3, 1), 3)


def test_raises_what_the_function_raises():
    async def main():
        with pytest.raises(ZeroDivisionError):
            await gilfree.to_thread(divmod, 7, 0)
        with pytest.raises(ValueError, match="width"):
            await gilfree.to_thread(gilfree.mandelbrot, -1, 1)

    asyncio.run(main())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cancelled_task_stops_the_kernel(workers):
    async def main():
        recorder = Recorder(workers=workers)
        task = asyncio.create_task(gilfree.to_thread(recorder))
        await recorder.begins()
        assert await cancelled(task)
        return recorder

    assert asyncio.run(main()).ended is gilfree.Cancelled


def test_a_time_out_stops_the_kernel():
    async def main():
        recorder = Recorder()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await gilfree.to_thread(recorder)
        assert recorder.ended is gilfree.Cancelled
        recorder = Recorder()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gilfree.to_thread(recorder), 0.05)
        assert recorder.ended is gilfree.Cancelled

    asyncio.run(main())


def test_a_cancel_scope_around_holds():
    async def main():
        with pytest.raises(TimeoutError, match="cancel scope"), gilfree.cancel_scope(0.05) as scope:
            await gilfree.to_thread(Recorder())
        assert scope.timed_out
        gilfree.mandelbrot(3, 2)

    asyncio.run(main())


def test_one_task_s_end_is_not_another_s():
    async def main():
        doomed, other = Recorder(), Recorder()
        first, second = (asyncio.create_task(gilfree.to_thread(recorder)) for recorder in (doomed, other))
        await doomed.begins()
        await other.begins()
        assert await cancelled(first)
        assert doomed.ended is gilfree.Cancelled
        assert not second.done()
        assert await cancelled(second)

    asyncio.run(main())


def test_a_function_that_has_not_begun_never_does():
    async def main():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        busy, waiting = Recorder(), Recorder()
        first, second = (asyncio.create_task(gilfree.to_thread(recorder)) for recorder in (busy, waiting))
        await busy.begins()
        assert await cancelled(second)
        assert busy.ended is None
        assert await cancelled(first)
        assert await gilfree.to_thread(divmod, 7, 2) == (3, 1)
        assert not waiting.begun.is_set()

    asyncio.run(main())


def test_a_function_that_is_no_kernel_is_waited_for():
    """However often its task is cancelled."""
    begun, end = threading.Event(), threading.Event()

    def work():
        begun.set()
        end.wait(30)
        with pytest.raises(gilfree.Cancelled):
            gilfree.mandelbrot(3, 2)
        raise ZeroDivisionError

    async def main():
        task = asyncio.create_task(gilfree.to_thread(work))
        while not begun.is_set():  # noqa: ASYNC110 - set in a thread
            await asyncio.sleep(0.001)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.005)
            assert not task.done()
        end.set()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())


def test_the_loop_lives_while_a_kernel_runs():
    # Made before: a sanitizer takes longer to make this array than the beats are counted for, and holds the GIL.
    recorder = Recorder(out=np.empty((20_000, 20_000), np.int32))

    async def main():
        task = asyncio.create_task(gilfree.to_thread(recorder))
        beats = 0
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            await asyncio.sleep(0.001)
            beats += 1
        assert await cancelled(task)
        return beats

    assert asyncio.run(main()) > 10


@pytest.fixture(params=["trio", "anyio on asyncio", "anyio on trio"])
def run(request):
    """What runs an async function under another library than asyncio."""
    library, _, backend = request.param.partition(" on ")
    module = pytest.importorskip(library)
    if not backend:
        return module.run
    pytest.importorskip(backend)
    return lambda main: module.run(main, backend=backend)


@pytest.fixture
def anyio():
    return pytest.importorskip("anyio")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # their own
class TestOtherLoops:
    def test_results_and_errors(self, run):
        async def main():
            assert await gilfree.to_thread(divmod, 7, 2) == (3, 1)
            with pytest.raises(ZeroDivisionError):
                await gilfree.to_thread(divmod, 7, 0)
            with pytest.raises(TimeoutError, match="cancel scope"), gilfree.cancel_scope(0.05):
                await gilfree.to_thread(Recorder())

        run(main)

    def test_a_cancelled_scope_stops_the_kernel(self, run, anyio):
        async def main():
            recorder = Recorder()
            with anyio.move_on_after(0.05) as scope:
                await gilfree.to_thread(recorder)
            assert recorder.ended is gilfree.Cancelled
            with anyio.move_on_after(0.05) as outer:
                async with anyio.create_task_group() as group:
                    for _ in range(3):
                        group.start_soon(gilfree.to_thread, Recorder())
            return scope.cancelled_caught and outer.cancelled_caught

        assert run(main)

    def test_a_scope_that_is_cancelled_already_calls_nothing(self, run, anyio):
        async def main():
            recorder = Recorder()
            with anyio.CancelScope() as scope:
                scope.cancel()
                await gilfree.to_thread(recorder)
            return scope.cancelled_caught

        assert run(main)

    def test_other_work_is_waited_for_in_peace(self, run, anyio):
        """The loop is not kept busy by cancelling again and again."""

        async def main():
            with anyio.move_on_after(0.02):
                await gilfree.to_thread(time.sleep, 0.5)

        run(main)  # whatever is imported on first use
        begun = time.process_time()
        run(main)
        assert time.process_time() - begun < 0.1
