"""Expressions that users type, as functions of no arguments."""

import ast
import linecache
import traceback
from collections.abc import Callable
from types import FunctionType, TracebackType
from typing import Any

__all__ = ["EXPRESSION", "SETUP", "as_function", "format_error"]

# What stands for a file's name in the traceback of what was typed.
SETUP = "<setup>"
EXPRESSION = "<expression>"


def as_function(expression: str, setup: str = "") -> Callable[[], object]:
    """Run the setup once, and return a function that evaluates the expression in the setup's namespace.

    Raises
    ------
    SyntaxError
        One of the texts is no Python, before any of them has run.
    Exception
        What the setup raises.
    """
    statements = compile(_remember(SETUP, setup), SETUP, "exec")
    text = _remember(EXPRESSION, expression.strip())
    compile(text, EXPRESSION, "eval")  # refuses what a function may contain and an expression may not, such as yield
    tree = ast.parse(text, EXPRESSION, "eval")
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    # A function of its own costs less than eval() would at each call.
    tree.body = ast.copy_location(ast.Lambda(nothing, tree.body), tree.body)
    maker = compile(ast.fix_missing_locations(tree), EXPRESSION, "eval")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(statements, namespace)  # noqa: S102 - that it does so is what the user asks for
    function: FunctionType = eval(maker, namespace)  # noqa: S307
    # As tracebacks call the place of what was not typed within a function.
    function.__code__ = function.__code__.replace(co_name="<module>", co_qualname="<module>")
    return function


def format_error(error: BaseException) -> str:
    """Return the traceback as of the user's code: it starts where what was typed does."""
    return "".join(traceback.format_exception(type(error), error, _typed_part(error.__traceback__)))


def _remember(name: str, text: str) -> str:
    """Have tracebacks show the lines of what was typed."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    return text


def _typed_part(trace: TracebackType | None) -> TracebackType | None:
    start = trace
    while start is not None and start.tb_frame.f_code.co_filename not in {SETUP, EXPRESSION}:
        start = start.tb_next
    return start or trace
