"""What the fixture `gil` of the pytest plugin asserts about a callable."""

import operator
from collections.abc import Callable
from typing import Any

from gilfree.observe._probe import Probe, Prober, name_of
from gilfree.observe._watching import NotMeasurableError
from gilfree.observe._words import duration, percent

__all__ = ["Gil"]

BUDGET = 0.3  # seconds for one assertion, unless a call takes longer
# Of a shorter call, what Python spends on making it is a part that counts.
SHORT = 50e-6
# A sampled share is of no use if this much of it is in doubt.
VAGUE = 0.2

# From here on, what was released is not the work.
HARDLY_RELEASED = 0.95

LET_GO = """\
Only compiled code can let it go, around what touches no Python object:
  Cython      with nogil:
  C           Py_BEGIN_ALLOW_THREADS ... Py_END_ALLOW_THREADS
  pybind11    py::call_guard<py::gil_scoped_release>()
  nanobind    nb::call_guard<nb::gil_scoped_release>()
  PyO3        py.detach(|| ...)
  Numba       @njit(nogil=True)"""
KEPT = """\
It lets the GIL go, but not for all of its work. What comes before, after or between releases takes long: conversions,
copies, allocations, making Python objects, waiting for a lock or a file. Move it to where the GIL is released."""
TOO_SHORT = """\
A call takes only {}: too short to judge by, since many functions keep the GIL for small inputs,
and making the call is part of it. Give it more to do."""
NO_LONGER_HELD = """\
Other threads can now run during the call, so that what it reads and writes has to be safe from them. If it is,
assert_releases is the assertion to make."""


class Gil:
    """Asserts how a callable treats the GIL. What other processes do meanwhile does not matter; it has no state.

    A callable is called several times, for some 0.2 seconds, or once or twice if a call takes longer; only from the
    calling thread, whose holds are counted alone.

    Thread safety: safe on shared objects, as far as the callables are.
    """

    def assert_releases(
        self,
        func: Callable[..., object],
        /,
        *args: Any,  # noqa: ANN401 - they are the callable's
        min_releases: int = 1,
        max_held: float = 0.05,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Assert that calls of ``func(*args, **kwargs)`` release the GIL.

        Parameters
        ----------
        func : callable
            Called repeatedly. What it raises, its caller sees unchanged.
        *args, **kwargs
            What it is called with.
        min_releases : int
            How often a call has to release it at least; the mean, where calls differ. Not looked at where releases
            cannot be counted, as in a free-threaded build.
        max_held : float
            The share of a call, 0 to 1, for which it may be held, not counting the time that other processes take from
            the call.

        Raises
        ------
        AssertionError
            It does not. The message shows the probe and says what to do.
        """
        __tracebackhide__ = True
        least, most = whole("min_releases", min_releases), share("max_held", max_held)

        def objection(found: Probe) -> str | None:
            return too_little_released(found, least, most)

        check(objection, func, args, kwargs)

    def assert_holds(
        self,
        func: Callable[..., object],
        /,
        *args: Any,  # noqa: ANN401
        min_held: float = 0.95,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Assert that calls of ``func(*args, **kwargs)`` hold the GIL: something to notice when that changes.

        Parameters
        ----------
        func : callable
            Called repeatedly. What it raises, its caller sees unchanged.
        *args, **kwargs
            What it is called with.
        min_held : float
            The share of a call, 0 to 1, for which it has to be held, not counting the time that other processes take
            from the call.

        Raises
        ------
        AssertionError
            It does not. The message shows the probe.
        """
        __tracebackhide__ = True
        least = share("min_held", min_held)

        def objection(found: Probe) -> str | None:
            return too_little_held(found, least)

        check(objection, func, args, kwargs)


def check(
    objection: Callable[[Probe], str | None],
    func: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """Probe a callable, and raise what there is to object to."""
    __tracebackhide__ = True
    prober = Prober(BUDGET, threads=(1,))
    try:
        found = prober.measure(name_of(func), func, args, kwargs, count_cpu=True)
        if found.calls == 1 and objection(found):  # a first call may have had to import or to allocate
            found = prober.measure(name_of(func), func, args, kwargs, count_cpu=True)
    except NotMeasurableError as error:
        import pytest  # noqa: PLC0415 - the observer does without

        pytest.skip(str(error))
    problem = objection(found)
    if problem:
        raise AssertionError(f"{found}\n\n{problem}")


def too_little_released(found: Probe, least: int, most: float) -> str | None:
    """Return what is wrong with what is to release the GIL, and what to do about it; None if nothing is."""
    if vague(found):
        return too_few_samples(found)
    low, held, _ = judged(found)
    enough = found.releases is None or found.releases >= least
    if enough and low <= most:
        return None
    counted = f"released at least {times(least)} a call, and " if found.releases is not None else ""
    whole_of = "it" if counted else "a call"
    lines = [f"Wanted: {counted}held for at most {percent(most)} of {whole_of}.", basis(found, held)]
    if found.releases == 0 or held >= HARDLY_RELEASED:
        how = "attached" if found.mechanism == "attached" else "with the GIL held"
        lines.append(f"It does its work {how}. {LET_GO}")
    elif not enough:
        lines.append("Does every way through the code, and every step of it, get to the release?")
    else:
        lines.append(KEPT)
    if found.seconds < SHORT:
        lines.append(TOO_SHORT.format(duration(found.seconds)))
    return "\n".join(lines)


def too_little_held(found: Probe, least: float) -> str | None:
    """Return what is wrong with what is to hold the GIL; None if nothing is."""
    if vague(found):
        return too_few_samples(found)
    _, held, high = judged(found)
    if high >= least:
        return None
    return f"Wanted: held for at least {percent(least)} of a call.\n{basis(found, held)}\n{NO_LONGER_HELD}"


def judged(found: Probe) -> tuple[float, float, float]:
    """Return the held share that counts, between the least and the most that it may be."""
    held = found.held_by_itself
    low, high = (held, held) if found.mechanism == "exact" else found.held_interval
    return low, held, high


def basis(found: Probe, held: float) -> str:
    """Return by what it was judged."""
    if found.releases is not None:
        often = f"released {times(found.releases)} a call"
        return f"Found: {often}, held for {percent(held)} of it, not counting what other processes took."
    if found.mechanism == "attached":
        return f"Found: attached for {percent(held)}. That alone counts: without a GIL there are no releases to count."
    return f"Found: held for {percent(held)}. That alone counts: releases cannot be counted on this platform."


def vague(found: Probe) -> bool:
    """Tell whether the share says next to nothing, for want of samples."""
    low, high = found.held_interval
    return found.mechanism != "exact" and high - low > VAGUE


def too_few_samples(found: Probe) -> str:
    """Return what to do about it."""
    low, high = found.held_interval
    return (
        f"There were too few samples to judge by: the share is between {percent(low)} and {percent(high)}. "
        "Give the call more to do."
    )


def times(releases: float) -> str:
    """Return "3 times"; a mean with its digit."""
    number = str(releases) if isinstance(releases, int) else f"{releases:.1f}"
    return {"0": "0 times", "1": "once", "2": "twice"}.get(number, f"{number} times")


def whole(name: str, value: object) -> int:
    """Check a number of releases."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name}: wanted a whole number, got {value!r}") from None
    if number < 0:
        raise ValueError(f"{name}: wanted 0 or more, got {value!r}")
    return number


def share(name: str, value: object) -> float:
    """Check a share."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name}: wanted a share from 0 to 1, got {value!r}") from None
    if not 0 <= number <= 1:
        raise ValueError(f"{name}: wanted a share from 0 to 1, got {value!r}")
    return number
