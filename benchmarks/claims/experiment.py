"""One claim's experiment, alone in a process: ``python -m gilfree.benchmarks.claims.experiment``.

Reads one line of JSON, ``{"claim": name}``, and answers with one: ``{"measured": ...}``, ``{"untestable": why}`` or
``{"error": ...}``.
"""

import sys

__all__: list[str] = []

if __name__ == "__main__":
    # Inside, because processes that the experiment starts import this module, too, and what they take is measured.
    import json
    from typing import TextIO

    from ..cell import answer, serve
    from .catalogue import CLAIMS
    from .claim import UntestableError

    def take_part(orders: TextIO, answers: TextIO) -> None:
        """Make the experiment."""
        name = json.loads(orders.readline())["claim"]
        try:
            measured = CLAIMS[name].experiment()
        except UntestableError as error:
            answer(answers, {"untestable": str(error)})
        else:
            answer(answers, {"measured": measured})

    sys.exit(serve(take_part))
