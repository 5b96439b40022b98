"""How much memory the processes of a group take together."""

from contextlib import suppress
from pathlib import Path

__all__ = ["Group", "pss"]

PROC = Path("/proc")
FIELDS_AFTER_NAME = 3  # state, parent and process group
KIB = 1024


class Group:
    """The processes of a group at one moment, whose proportional set sizes (PSS) can be added up.

    PSS counts a page that n processes map as an n-th of a page for each, so that the sum is what they take in all.
    """

    def __init__(self, leader: int) -> None:
        self._members = members(leader)

    def pss(self) -> int | None:
        """Return the bytes; None where the system does not tell."""
        sizes = [size for size in map(pss, self._members) if size is not None]
        return sum(sizes) if sizes else None


def members(leader: int) -> list[int]:
    """Return the processes of a group; none where there is no /proc to ask."""
    found = []
    for stat in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            # The name, in parentheses, may contain anything.
            state, _, group = stat.read_text().rpartition(")")[2].split()[:FIELDS_AFTER_NAME]
            if int(group) == leader and state != "Z":
                found.append(int(stat.parent.name))
    return found


def pss(pid: int) -> int | None:
    """Return what a process takes, in bytes; None if it has ended or may not be asked."""
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "Pss":
                return int(value.split()[0]) * KIB
    return None
