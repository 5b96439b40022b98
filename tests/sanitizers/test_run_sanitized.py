"""Whose race a report is about: the reader of reports must neither blame CPython for ours nor us for CPython's."""

import os
from types import SimpleNamespace

import gate
import pytest
import run_sanitized

READER = [
    ("unicode_eq", "python3.13t"),
    ("_Py_dict_lookup", "python3.13t"),
    ("PyCode_NewEmpty", "python3.13t"),
    ("__Pyx_CreateCodeObjectForTraceback", "_kernels.cpython-313t-x86_64-linux-gnu.so"),
    ("__pyx_pf_shortest_paths", "_kernels.cpython-313t-x86_64-linux-gnu.so"),
    ("_PyEval_EvalFrameDefault", "python3.13t"),
]
WRITER = [("immortalize_interned", "libpython3.13t.so.1.0"), *READER[2:]]
NOT_OURS = [("immortalize_interned", "python3.13t"), ("PyDict_New", "python3.13t"), ("pythread", "libc.so.6")]


def report(*stacks):
    """What ThreadSanitizer writes of accesses with these stacks."""
    accesses = [
        "\n".join(
            [
                f"  {what} of size 4 at 0x7f0000000000 by thread T{number}:",
                *(
                    f"    #{depth} {function} /src/{function}.c:{depth + 1}:2 ({file}+0x{depth}a) (BuildId: 0)"
                    for depth, (function, file) in enumerate(stack)
                ),
            ]
        )
        for number, (what, stack) in enumerate(zip(("Read", "Previous write"), stacks, strict=True))
    ]
    return "\n".join(
        ["WARNING: ThreadSanitizer: data race (pid=1)", *"\n\n".join(accesses).splitlines(), "", "  Thread T1:", ""]
    )


@pytest.mark.parametrize("stacks", [(READER, WRITER), (READER, NOT_OURS), (NOT_OURS, NOT_OURS)])
def test_races_of_python_are_not_ours(stacks):
    text = report(*stacks)
    assert run_sanitized.ours(text) == []
    assert sum(run_sanitized.foreign(text).values()) == 1


@pytest.mark.parametrize(
    "stacks",
    [
        pytest.param(
            (READER, [("immortalize_interned", READER[3][1]), *WRITER[1:]]), id="a function of ours of that name"
        ),
        pytest.param((READER, WRITER[:1] + WRITER[2:]), id="what ours called is something else"),
        pytest.param((READER, [WRITER[0], WRITER[1], *WRITER[3:]]), id="who called it is somebody else"),
        pytest.param((READER, [("memcmp", "python3.13t"), *WRITER[1:]]), id="another function of the interpreter"),
        pytest.param((READER, [WRITER[0], ("sort", "libc.so.6"), *WRITER[1:]]), id="by way of another library"),
        pytest.param((READER, WRITER[2:]), id="another race"),
        pytest.param((READER[3:], NOT_OURS), id="ours makes the access"),
    ],
)
def test_races_of_ours_are(stacks):
    text = report(*stacks)
    assert len(run_sanitized.ours(text)) == 1
    assert run_sanitized.foreign(text) == {}


def test_a_stack_that_is_not_understood_is_ours():
    text = report(READER, WRITER).replace("(python3.13t+0x0a)", "<null>")
    assert len(run_sanitized.ours(text)) == 1


@pytest.mark.thread_unsafe(reason="starts processes")
@pytest.mark.parametrize("ends", [True, False])
def test_tests_that_come_to_no_end_fail_whatever_the_exit_code(ends, tmp_path):
    """With something else in place of pytest, that exits with 0."""
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / gate.ENDED).touch()  # by those who ran before
    touch = f"import pathlib; pathlib.Path({str(reports / gate.ENDED)!r}).touch()" if ends else ""
    (tmp_path / "pytest.py").write_text(touch)
    variables = os.environ | {"PYTHONPATH": str(tmp_path)}
    if ends:
        assert run_sanitized.run_pytest("thread", variables, "", reports, [], at_least=1) == 0
    else:
        with pytest.raises(run_sanitized.Failure, match="no end"):
            run_sanitized.run_pytest("thread", variables, "", reports, [], at_least=1)


def test_a_process_that_died_is_no_clean_run(monkeypatch):
    text = "==1==ERROR: ThreadSanitizer: SEGV on unknown address 0x0"
    monkeypatch.setattr(run_sanitized, "run_suite", lambda *_: (0, text))
    with pytest.raises(run_sanitized.Failure, match="SEGV"):
        run_sanitized.check_threads(SimpleNamespace(), "", "")
