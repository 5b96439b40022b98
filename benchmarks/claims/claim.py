"""What a claim consists of, and how figures become a verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, TypeAlias

from ..summary import fewest_rounds, summarise

__all__ = [
    "FAILS",
    "HOLDS",
    "UNCLEAR",
    "UNTESTABLE",
    "VERDICTS",
    "Answer",
    "Claim",
    "Figure",
    "Judgement",
    "UntestableError",
    "all_of",
    "figure",
    "judge",
    "opposite",
]

HOLDS = "holds"
FAILS = "does not hold here"
UNCLEAR = "cannot be told"
UNTESTABLE = "cannot be tested here"
VERDICTS = (HOLDS, FAILS, UNCLEAR, UNTESTABLE)

# To a question put to figures. None: they are too noisy to tell.
Answer: TypeAlias = bool | None


class UntestableError(Exception):
    """An experiment cannot be made here; the message says why."""


@dataclass(frozen=True)
class Figure:
    """Something measured: the median, and the ends of its 95 % confidence interval."""

    name: str
    median: float
    low: float
    high: float
    unit: str  # "×", "s", "B", "%" of 1, or "" for a count

    def above(self, bound: float) -> Answer:
        """Tell whether it is above the bound; None where the interval contains the bound."""
        if self.low > bound:
            return True
        return False if self.high < bound else None

    def below(self, bound: float) -> Answer:
        """Tell whether it is below the bound; None where the interval contains the bound."""
        return opposite(self.above(bound))


def figure(name: str, values: Sequence[float] | float, unit: str) -> Figure:
    """Return the figure of repeated measurements, or of a number that was counted and has no error.

    Fewer measurements than an interval takes get one without end, so that nothing is concluded from them.
    """
    if isinstance(values, (int, float)):
        return Figure(name, values, values, values, unit)
    if len(values) < fewest_rounds():
        return Figure(name, median(values), float("-inf"), float("inf"), unit)
    found = summarise(values)
    return Figure(name, found.median, found.low, found.high, unit)


def opposite(answer: Answer) -> Answer:
    """Return yes for no and no for yes; what cannot be told stays so."""
    return None if answer is None else not answer


def all_of(*answers: Answer) -> Answer:
    """Return no if any answer is no, else None if any cannot be told, else yes."""
    if False in answers:
        return False
    return None if None in answers else True


@dataclass(frozen=True)
class Judgement:
    """A verdict, why, and the figures that it rests on."""

    verdict: str
    because: str
    figures: tuple[Figure, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the fields by name; an interval without end has None for its ends."""
        fields = asdict(self)
        fields["figures"] = [
            {key: None if value in (float("inf"), float("-inf")) else value for key, value in entry.items()}
            for entry in fields["figures"]
        ]
        return fields


def judge(answer: Answer, because: Mapping[Answer, str], figures: Sequence[Figure]) -> Judgement:
    """Return the verdict that follows from the answer, with the sentence for it."""
    verdict = UNCLEAR if answer is None else HOLDS if answer else FAILS
    return Judgement(verdict, because[answer], tuple(figures))


@dataclass(frozen=True)
class Claim:
    """Something people say, and how to find out.

    ``experiment`` measures, in a process of its own, and returns what can be written as JSON; `UntestableError` says
    that it cannot. ``rule`` is given that and judges. It measures nothing, so that tests can feed it any figures.
    """

    name: str
    statement: str
    experiment: Callable[[], dict[str, Any]]
    rule: Callable[[dict[str, Any]], Judgement]
    seconds: float = 150.0  # after which the experiment is given up: far more than it takes, even on a busy machine
