"""What a stage gives back: facts, one line for people, and the next command."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from curation.generation import JudgeStatistics
from curation.generation.meter import money
from curation.store.markdown import number
from curation.types import Measure


class Report(BaseModel):
    """The base of all reports. `lines` is for people; the fields are what `--format json` prints."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def exit_code(self) -> int:
        """0 done or nothing to do, 1 config, data or refusal, 3 temporary."""
        return 0

    @property
    def lines(self) -> tuple[str, ...]:
        """What happened, in sentences."""
        raise TypeError(f"{type(self).__name__} must say what happened.")

    @property
    def next_verb(self) -> str | None:
        """The verb to run next with the same config, if there is an obvious one."""
        return None


def counted(number: int, noun: str) -> str:
    """Return "1 row", "2 rows", "1,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def reasons(dropped: Mapping[str, int]) -> str:
    """Return "2 duplicate, 1 empty", the most frequent first; "" if there are none."""
    ordered = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in ordered)


def dollars(cost: float | None) -> str:
    """Return US dollars, or "cost unknown" if there was no price."""
    return "cost unknown (price_in or price_out was not given)" if cost is None else money(cost)


def share(part: float | None) -> str:
    """Return a share of 1 as "12.3 %", "none" if it is null."""
    return "none" if part is None else f"{100 * part:.3g} %"


def measured(measure: Measure) -> str:
    """Return "0.71 (0.64 to 0.78, 95 % interval)", or why there is no number."""
    if measure.value is None:
        return f"not defined: {measure.reason}"
    if measure.low is None or measure.high is None:
        return number(measure.value)
    return f"{number(measure.value)} ({number(measure.low)} to {number(measure.high)}, 95 % interval)"


def duration(seconds: float) -> str:
    """Return "45 s", "12 min" or "3.4 h"."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def judge_line(judge: JudgeStatistics) -> str:
    """Return what a judge's ratings were like, as a sentence."""
    histogram = ", ".join(f"{rating}: {count:,}" for rating, count in judge.histogram.items())
    consistent = judge.swap_consistency
    swapped = "" if consistent is None else f", {share(consistent)} of pairs in the same order when swapped"
    tied = "no two ratings to compare" if judge.ties is None else f"best and worst tied in {share(judge.ties)} of sets"
    return (
        f"Judge {judge.judge}: {share(judge.parsed)} of ratings read{swapped}, {tied}; ratings {histogram or 'none'}."
    )


def excerpt(text: str, length: int) -> str:
    """Return the start of a text on one line of at most `length` characters, without what a terminal would obey."""
    plain = "".join(character if character.isprintable() else " " for character in text[: 4 * length])
    line = " ".join(plain.split())
    return line if len(line) <= length and len(text) <= 4 * length else f"{line[: length - 3]}..."
