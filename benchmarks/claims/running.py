"""Making the experiments, each in a process of its own with a time limit, so that a crash or a hang costs one row."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gilfree.info import facts

from ..remote import CellError, Remote
from . import interpreters
from .catalogue import CLAIMS
from .claim import UNTESTABLE, Claim, Judgement

__all__ = ["MODULE", "failed", "measure", "put_to_test", "read"]

MODULE = f"{__package__}.experiment"
SCHEMA = 1


def measure(names: Sequence[str], pythons: Sequence[str], tell: Callable[[str], None]) -> dict[str, Any]:
    """Test the claims of these names and return all that is to be known about it, ready for JSON.

    ``pythons`` are further interpreters to try. ``tell`` is given a line for each claim before it is tested.
    """
    started, begun = datetime.now(UTC), time.perf_counter()
    environment = {interpreters.VARIABLE: os.pathsep.join(pythons)}
    rows = []
    for number, name in enumerate(names, 1):
        tell(f"[{number}/{len(names)}] {name}")
        rows.append(put_to_test(CLAIMS[name], environment))
    return {
        "schema": SCHEMA,
        "started": started.isoformat(timespec="seconds"),
        "seconds": time.perf_counter() - begun,
        "machine": facts(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "claims": rows,
    }


def read(path: Path) -> dict[str, Any]:
    """Return results that were written as JSON."""
    results = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(results, dict) or results.get("schema") != SCHEMA or "claims" not in results:
        raise ValueError(f"--claims: wanted a file that gilfree claims --json wrote, got {path}")
    return results


def put_to_test(claim: Claim, environment: dict[str, str]) -> dict[str, Any]:
    """Make the experiment, and judge."""
    begun = time.perf_counter()
    error, measured = None, None
    try:
        answer = ask(claim, environment)
        if "untestable" in answer:
            judgement = Judgement(UNTESTABLE, sentence(answer["untestable"]))
        else:
            measured = answer["measured"]
            judgement = claim.rule(measured)
    except CellError as failure:
        error = str(failure)
        judgement = Judgement(UNTESTABLE, sentence(f"the experiment failed: {error}"))
    except Exception as failure:  # noqa: BLE001 - a rule that stumbles costs one row, too
        error = f"{type(failure).__name__}: {failure}"
        judgement = Judgement(UNTESTABLE, sentence(f"no verdict follows from the figures: {error}"))
    return {
        "name": claim.name,
        "statement": claim.statement,
        **judgement.as_json(),
        "error": error,
        "seconds": time.perf_counter() - begun,
        "measured": measured,
    }


def sentence(words: str) -> str:
    """Return the words with a capital at the beginning and a full stop."""
    return f"{words[:1].upper()}{words[1:]}."


def ask(claim: Claim, environment: dict[str, str]) -> dict[str, Any]:
    """Run the experiment in its own process."""
    remote = Remote(MODULE, {"claim": claim.name}, environment)
    try:
        return remote.listen(claim.seconds)
    finally:
        remote.close()


def failed(results: Mapping[str, Any]) -> list[str]:
    """Return what went wrong, a line for each claim."""
    return [f"{row['name']}: {row['error']}" for row in results["claims"] if row["error"]]
