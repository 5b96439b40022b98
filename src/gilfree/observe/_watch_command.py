"""``gilfree watch``: runs a program in this process, as Python itself would, and tells what its threads did."""

import argparse
import os
import sys
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
from importlib.util import find_spec
from pathlib import Path
from pkgutil import get_importer
from types import CodeType, ModuleType
from typing import Any

from gilfree.observe._observation import Observation
from gilfree.observe._timeline import check_path
from gilfree.observe._watching import NotMeasurableError

__all__ = ["watch"]

FAILED = 1
USAGE_ERROR = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
OPTIONS = {"path": "-o", "stall": "--stall"}  # what the arguments of the library are called here


def watch(options: argparse.Namespace) -> int:
    """Run the program that the options name, report, and return its exit status."""
    program = options.program[1:] if options.program[:1] == ["--"] else options.program
    try:
        # Checked before the program has run for hours; absolute, since it may change the directory.
        output = None if options.output is None else _checked(_absolute(options.output))
        seen = Observation() if options.stall is None else Observation(options.stall)
    except (ImportError, ValueError) as error:
        argument, colon, wanted = str(error).partition(":")
        return _refuse(f"{OPTIONS.get(argument, argument)}{colon}{wanted}")
    if not program:
        return _refuse("wanted a script, or -m and a module")
    return _watch(seen, _Module(program) if options.module else _Script(program), output)


def _refuse(why: object) -> int:
    _tell(f"gilfree watch: {why}")
    return USAGE_ERROR


def _tell(text: object) -> None:
    """Write where the program's own output does not go."""
    print(text, file=sys.stderr)


def _checked(output: str) -> Path:
    path = check_path(output)
    if not path.parent.is_dir():
        raise ValueError(f"{str(path.parent)!r} is no directory")
    return path


def _absolute(path: str) -> str:
    """Return the path as Python makes a script's absolute."""
    return os.path.abspath(path) if os.name == "nt" else os.path.join(os.getcwd(), path)  # noqa: PTH100, PTH109, PTH118


def _watch(seen: Observation, program: "_Module | _Script", output: Path | None) -> int:
    process = os.getpid()
    try:
        with seen:
            status = _outcome(program.run)
            status = _outcome(_await_threads, status)
    except _NoProgramError as error:
        return _refuse(error)
    except NotMeasurableError as error:
        _tell(f"gilfree watch: {error}")
        return FAILED
    if os.getpid() != process:
        return status  # a fork's child that has come to the end of the program; the parent reports
    return _report(seen, output, status)


def _report(seen: Observation, output: Path | None, status: int) -> int:
    _flush(sys.stdout)
    if output is None:
        _tell(f"\n{seen}")
        return status
    try:
        seen.save(output)
    except OSError as error:
        _tell(f"gilfree watch: cannot write {output}: {error.strerror or error}\n\n{seen}")
        return status or FAILED
    _tell(f"gilfree watch: wrote {output}")
    return status


def _flush(stream: Any) -> None:  # noqa: ANN401 - programs replace it by what they like
    try:
        stream.flush()
    except (AttributeError, OSError, ValueError):
        return  # Python will tell when it ends


def _await_threads() -> None:
    """Wait as Python does before it ends: what runs until then is part of the program. Handlers of atexit are later."""
    hook, interrupts = sys.unraisablehook, []

    def note(raised: Any) -> None:  # noqa: ANN401 - sys.UnraisableHookArgs is not there when it runs
        if issubclass(raised.exc_type, KeyboardInterrupt):
            interrupts.append(raised.exc_value)
        else:
            hook(raised)

    sys.unraisablehook = note  # from 3.13 on, an interrupt goes there
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001
    finally:
        sys.unraisablehook = hook
    if interrupts:
        raise interrupts[0]


def _outcome(run: Callable[[], object], status: int = 0) -> int:
    """Run, and return the exit status of what comes of it: by default, as it was."""
    try:
        run()
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return int(error.code or 0)
        _tell(error.code)
        return FAILED
    except _NoProgramError:
        raise
    except BaseException as error:  # noqa: BLE001 - shown as Python does
        _show(error)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
    return status


def _show(error: BaseException) -> None:
    """Show the program's own traceback: the frames that led to it are ours, or the import system's on our behalf."""
    trace = error.__traceback__
    while trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith((__name__, "importlib.")):
        trace = trace.tb_next
    error.__traceback__ = trace
    sys.excepthook(type(error), error, trace)


class _NoProgramError(Exception):
    """There is nothing to run."""


class _Script:
    """A file, or a directory or archive with a ``__main__`` in it, and its arguments."""

    def __init__(self, argv: list[str]) -> None:
        self.argv = argv

    def run(self) -> None:
        [path, *_] = sys.argv = self.argv
        place = _absolute(path)
        importer = get_importer(place)
        if importer is not None:
            _put_first(place, always=True)
            spec = importer.find_spec("__main__", None)
            code = None if spec is None else _code(spec)
            if spec is None or code is None:
                raise _NoProgramError(f"there is no __main__ in {path!r}")
            _execute(code, spec.origin, spec)
            return
        loader = (SourcelessFileLoader if path.endswith(".pyc") else SourceFileLoader)("__main__", place)
        try:
            code = _file_code(loader)
        except OSError as error:
            raise _NoProgramError(f"cannot open {path!r}: {error.strerror or error}") from None
        _put_first(str(Path(path).resolve().parent))
        _execute(code, loader.path, None, loader)


class _Module:
    """What stands behind ``-m``: a module, or a package with a ``__main__``; and its arguments."""

    def __init__(self, argv: list[str]) -> None:
        self.argv = argv

    def run(self) -> None:
        name = self.argv[0]
        sys.argv = ["-m", *self.argv[1:]]  # until it is found, as Python has it
        _put_first(str(Path.cwd()))
        spec = _find(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = _find(f"{name}.__main__")
        code = None if spec is None else _code(spec)
        if spec is None or code is None:
            raise _NoProgramError(f"no module named {name!r}, or it cannot be run")
        sys.argv = [spec.origin or "-m", *self.argv[1:]]
        _execute(code, spec.origin, spec)


def _find(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            return None  # a package on the way; any other is missed by that package
        raise
    except ValueError:
        return None


def _code(spec: ModuleSpec) -> CodeType | None:
    code: CodeType | None = None if spec.loader is None else spec.loader.get_code(spec.name)  # type: ignore[attr-defined]
    return code


def _file_code(loader: SourceFileLoader | SourcelessFileLoader) -> CodeType | None:
    if isinstance(loader, SourceFileLoader):
        # No get_code, which would leave a __pycache__.
        code: CodeType = loader.source_to_code(loader.get_data(loader.path), loader.path)
        return code
    return loader.get_code("__main__")


def _put_first(path: str, *, always: bool = False) -> None:
    """Replace the first entry of sys.path, which is ours, unless Python was told to have none (-P)."""
    if not sys.flags.safe_path:
        sys.path[:1] = [path]
    elif always:
        sys.path.insert(0, path)


def _execute(code: CodeType | None, file: str | None, spec: ModuleSpec | None, loader: object = None) -> None:
    """Run code as ``__main__``, which stays after it: threads may go on, and pickle looks there."""
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=file,
        __spec__=spec,
        __loader__=loader if spec is None else spec.loader,
        __package__=None if spec is None else spec.parent,
        __cached__=None if spec is None else spec.cached,
        __builtins__=sys.modules["builtins"],
    )
    sys.modules["__main__"] = main
    exec(code, main.__dict__)  # type: ignore[arg-type]  # noqa: S102 - this is what it is for
