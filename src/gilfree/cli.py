"""The ``gilfree`` command. Each subcommand imports what it needs when it runs."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gilfree import __version__

__all__ = ["main"]

USAGE_ERROR = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
TERMINATED = 143  # 128 + SIGTERM
NEEDED_BY_BENCH = ("rich", "matplotlib")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default the process's own, and return its exit status."""
    options = parser().parse_args(argv)
    if options.has_processes:
        # Without a handler this process would leave those that it started behind, in the middle of their work.
        signal.signal(signal.SIGTERM, _terminate)
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        print("gilfree: interrupted", file=sys.stderr)
        return INTERRUPTED
    return status


def _terminate(*_: object) -> None:
    raise SystemExit(TERMINATED)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="gilfree",
        description="Shows who holds the GIL, and measures what kernels gain that let it go.",
        epilog="gilfree COMMAND --help tells more of each.",
    )
    top.set_defaults(has_processes=False)
    top.add_argument("--version", action="version", version=f"gilfree {__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Command)
    _add_info(commands.add_parser("info", help="show versions, GIL, instruction-set level and CPUs"))
    _add_bench(commands.add_parser("bench", help="measure how the kernels scale, with the GIL held and released"))
    _add_claims(commands.add_parser("claims", help="test what people say about the GIL"))
    _add_probe(commands.add_parser("probe", help="measure how an expression treats the GIL"))
    _add_atlas(commands.add_parser("atlas", help="measure how well-known functions treat the GIL"))
    _add_watch(commands.add_parser("watch", help="run a program, and show what its threads do with the GIL"))
    return top


class _Command(argparse.ArgumentParser):
    """A command's parser, which refuses itself what it does not know: the one above would show its own usage."""

    def parse_known_args(self, *args: Any, **keywords: Any) -> tuple[Any, list[str]]:  # noqa: ANN401
        options, unknown = super().parse_known_args(*args, **keywords)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options, unknown


def _add_info(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Show what runs here: versions, GIL, instruction-set level, CPUs and where their number is from."
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> int:
    from gilfree.info import as_text, facts  # noqa: PLC0415

    print(json.dumps(facts(), indent=2) if options.json else as_text(facts()))
    return 0


def _add_bench(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Run kernels in pure Python, holding the GIL and releasing it; serially, in threads, in processes and by other "
        "execution models; with 1, 2, 4 ... workers. Results are checked, repeated in interleaved rounds, and shown "
        "with confidence intervals beside what the machine itself can reach."
    )
    command.epilog = (
        "Prints a table and writes results.json, report.html, speedup.png and speedup-dark.png; with --peers no "
        "pictures. "
        "Exit status: 0, 1 if a measurement failed, 2 for wrong usage or missing packages. With --compare: 0 if "
        "nothing is slower in the second file, 1 if something is or was not measured again, 2 if the files cannot be "
        "compared."
    )
    length = command.add_mutually_exclusive_group()
    length.add_argument(
        "--quick",
        dest="mode",
        action="store_const",
        const="quick",
        help="a first look: four kernels, or those of -k, a minute on two CPUs (default)",
    )
    length.add_argument(
        "--full",
        dest="mode",
        action="store_const",
        const="full",
        help="all kernels and execution models, in more rounds, and the claims: some 20 minutes on two CPUs",
    )
    command.set_defaults(mode="quick", run=_bench, has_processes=True)
    command.add_argument(
        "-k",
        metavar="PATTERN",
        dest="pattern",
        help="only kernels whose name contains PATTERN, or matches it as a glob",
    )
    command.add_argument(
        "--models",
        metavar="A,B",
        type=_names,
        help="only these execution models, or those that match a glob: threads, processes-spawn, processes-forkserver, "
        "processes+shm, interpreters, asyncio, joblib-threads, joblib-loky, dask (serial is always run)",
    )
    command.add_argument(
        "--python",
        metavar="PATH",
        nargs="+",
        help="run the same in these interpreters too, which need to have gilfree, or get it by --install",
    )
    command.add_argument(
        "--install",
        action="store_true",
        help="make an environment with gilfree, in DIR/environments, for each interpreter of --python that lacks it",
    )
    command.add_argument(
        "--size", choices=("medium", "large"), help="of the kernels' problems (default: medium, 50 to 200 ms of work)"
    )
    command.add_argument(
        "--compare",
        metavar=("A.json", "B.json"),
        nargs=2,
        type=Path,
        help="measure nothing, but tell what is faster and what slower in the second file than in the first",
    )
    command.add_argument(
        "--workers",
        metavar="1,2,4",
        type=_counts,
        help="numbers of workers (default: 1, 2, 4 ... up to the CPUs this process may use, and twice as many threads)",
    )
    command.add_argument(
        "--peers",
        action="store_true",
        help="instead, measure each kernel beside other libraries and the machine's limits, on one thread",
    )
    command.add_argument(
        "--sizes", metavar="A,B", type=_names, help="with --peers, only these problems: small, medium, large"
    )
    command.add_argument(
        "--markdown", metavar="FILE", type=Path, help="with --peers, also write a page of documentation"
    )
    command.add_argument(
        "--output", metavar="DIR", type=Path, default=Path("results"), help="where the files go (default: ./results)"
    )
    command.add_argument(
        "--figures", action="store_true", help="also write each figure of the report as SVG and PNG, to DIR/figures"
    )
    command.add_argument(
        "--claims",
        metavar="FILE",
        nargs="?",
        type=Path,
        const=True,
        help="also test what people say about the GIL, for the report, as --full does without -k and --models; with a "
        "FILE, show the verdicts that gilfree claims --json wrote",
    )


def _bench(options: argparse.Namespace) -> int:
    missing = [package for package in NEEDED_BY_BENCH if find_spec(package) is None]
    if missing:
        print(
            f"gilfree bench needs {' and '.join(missing)}, which this Python lacks: pip install 'gilfree[bench]'",
            file=sys.stderr,
        )
        return USAGE_ERROR
    # By name, because in a checkout the suite stands elsewhere, where type checkers do not find it under this one.
    return int(import_module("gilfree.benchmarks.command").bench(options))


def _add_claims(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Test what people say about the GIL: an experiment for each claim, in a process of its own, and a verdict that "
        "follows from its figures: holds, does not hold here, cannot be told (for noise), cannot be tested here. All "
        "of them take some two or three minutes on two CPUs."
    )
    command.epilog = (
        "Exit status: 0 whatever the verdicts, 1 if an experiment crashed or took too long, 2 for wrong usage."
    )
    command.add_argument(
        "-k",
        metavar="PATTERN",
        dest="pattern",
        help="only claims whose name contains PATTERN, or matches it as a glob",
    )
    command.add_argument("--list", action="store_true", help="list the claims, and test nothing")
    command.add_argument("--show", metavar="NAME", help="print the code of a claim, and test nothing")
    command.add_argument("--json", metavar="FILE", type=Path, help="also write all figures as JSON")
    command.add_argument("--markdown", metavar="FILE", type=Path, help="also write a page of documentation")
    command.add_argument(
        "--python",
        metavar="PATH",
        nargs="+",
        default=[],
        help="other interpreters to try, besides those on PATH that are called python3.13t, pypy3, jython and the like",
    )
    command.set_defaults(run=_claims, has_processes=True)


def _claims(options: argparse.Namespace) -> int:
    return int(import_module("gilfree.benchmarks.claims.command").claims(options))


def _add_probe(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Measure for how much of its time an expression holds the GIL, how often it releases it, and how much faster "
        "two and more threads are. EXPRESSION and STATEMENTS are executed as Python code: the statements once, the "
        "expression many times, later in several threads at once."
    )
    command.epilog = (
        'Example: gilfree probe "np.sort(a)" --setup "import numpy as np; a = np.random.rand(10**6)". '
        "Exit status: 0, 1 if the code raised an exception or nothing can be measured here, 2 for wrong usage or "
        "syntax."
    )
    command.add_argument("expression", metavar="EXPRESSION", help="what to measure: a Python expression")
    command.add_argument(
        "-s", "--setup", metavar="STATEMENTS", default="", help="Python code to run once before, not measured"
    )
    command.add_argument(
        "--budget", metavar="SECONDS", type=float, default=1.0, help="time to spend on it (default: %(default)g)"
    )
    command.add_argument(
        "--threads",
        metavar="1,2",
        type=_counts,
        help="numbers of threads to compare (default: 1, 2, 4 ... up to the CPUs this process may use)",
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_probe)


def _probe(options: argparse.Namespace) -> int:
    from gilfree.observe._probe_command import run  # noqa: PLC0415

    return run(options)


def _add_atlas(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Measure how well-known functions treat the GIL, some hundreds of the standard library and of whichever "
        "popular packages are installed. Each runs in a process of its own, in an empty directory, without network."
    )
    command.epilog = "Exit status: 0, 1 if a function could not be measured though it is there, 2 for wrong usage."
    command.add_argument(
        "-k",
        metavar="PATTERN",
        dest="pattern",
        help="only functions and packages whose name contains PATTERN, or matches it as a glob",
    )
    command.add_argument("--json", metavar="FILE", type=Path, help="also write the figures as JSON")
    command.add_argument("--markdown", metavar="FILE", type=Path, help="also write a page of documentation")
    command.add_argument(
        "--budget",
        metavar="SECONDS",
        type=float,
        default=0.3,
        help="time to spend on a function (default: %(default)g)",
    )
    command.add_argument(
        "--jobs",
        metavar="N",
        type=_count,
        default=1,
        help="measure so many functions at once, for which there should be twice as many CPUs (default: %(default)d)",
    )
    command.set_defaults(run=_atlas, has_processes=True)


def _atlas(options: argparse.Namespace) -> int:
    from gilfree.observe._atlas_command import run  # noqa: PLC0415

    return run(options)


def _count(text: str) -> int:
    [count, *more] = _counts(text)
    if more:
        raise argparse.ArgumentTypeError(f"wanted one whole number from 1 up, got {text!r}")
    return count


def _add_watch(command: argparse.ArgumentParser) -> None:
    command.usage = "gilfree watch [-h] [-o OUT] [--stall SECONDS] (SCRIPT | -m MODULE) [ARGS ...]"
    command.description = (
        "Run a program in this process, as Python itself would, and show how long each of its threads held the GIL, "
        "waited for it, ran without it and was idle; and which holds were long."
    )
    command.epilog = (
        "The table goes to standard error. Exit status: the program's; 1 if it ends by an exception or nothing can be "
        "measured here, 2 for wrong usage, 130 if it is interrupted. A program that calls os._exit leaves no report."
    )
    command.add_argument(
        "-o",
        metavar="OUT",
        dest="output",
        help="write the timeline to this file instead: .html, .svg, .png or .json (a trace for Perfetto)",
    )
    command.add_argument(
        "--stall",
        metavar="SECONDS",
        type=float,
        help="report holds of the GIL that last so long or longer (default: 0.1)",
    )
    command.add_argument("-m", dest="module", action="store_true", help="run a module, as python -m does")
    command.add_argument(
        "program", metavar="PROGRAM", nargs=argparse.REMAINDER, help="the script or the module, and its arguments"
    )
    command.set_defaults(run=_watch)


def _watch(options: argparse.Namespace) -> int:
    from gilfree.observe._watch_command import watch  # noqa: PLC0415

    return watch(options)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _counts(text: str) -> tuple[int, ...]:
    try:
        counts = sorted({int(count) for count in text.split(",")})
    except ValueError:
        counts = []
    if not counts or counts[0] < 1:
        raise argparse.ArgumentTypeError(f"wanted whole numbers from 1 up, such as 1,2,4, got {text!r}")
    return tuple(counts)
