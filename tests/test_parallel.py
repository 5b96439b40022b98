import threading

import pytest

_meeting = threading.Condition()
_present = 0


def test_the_parallel_run_is_parallel(request):
    """In a run with --parallel-threads, its threads are in here at one time: else that run proves nothing."""
    global _present  # noqa: PLW0603 - what the threads share
    threads = request.config.getoption("parallel_threads", 1)
    if threads in (1, "1"):
        pytest.skip("not a parallel run")
    with _meeting:
        _present += 1
        _meeting.notify_all()
        assert _meeting.wait_for(lambda: _present >= int(threads), timeout=30)
