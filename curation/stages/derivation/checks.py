"""What rows must pass before they are published, and which check something does not pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from curation import quality
from curation.export import Completions, Demonstrations, Pairs, Resolved
from curation.export.strings import Render
from curation.stages.derivation.sets import SegmentSets
from curation.types import Drop, Message

BOTH_SIDES = frozenset({"empty", "pii", "too_long"})
"""Checks that a rejected answer must pass too; the others say what is bad, and rejected answers may be."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What rows must pass: `prompt` gives the reason against a prompt, or null; `render` makes strings of rows.

    Without `render` conversations stay conversations; `strings` says that only prompts of one message may pass.
    """

    answers: tuple[quality.Check, ...]
    pairs: tuple[quality.Check, ...]
    prompt: Callable[[Sequence[Message]], str | None] | None = None
    render: Render | None = None
    strings: bool = False


class Faults:
    """Why something of a segment gives no row, null if nothing speaks against it; each text is looked at once."""

    def __init__(self, sets: SegmentSets, checks: Checks, *, ties_are_dropped: bool) -> None:
        self._sets = sets
        self._checks = checks
        self._ties_are_dropped = ties_are_dropped
        self._of_bad = tuple(check for check in checks.answers if check.name in BOTH_SIDES)
        self._prompts: dict[int, str | None] = {}
        # Where both have the same to pass, each text is looked at once.
        of_good: dict[int, str | None] = {}
        self._known = {False: of_good, True: of_good if self._of_bad == checks.answers else {}}

    def records(self, resolved: Resolved) -> list[str | None]:
        """Why records give no rows at all."""
        tied = (resolved.tied() & self._ties_are_dropped).tolist()
        return ["tie" if tie else self.prompt(row) for tie, row in zip(tied, resolved.prompts.tolist(), strict=True)]

    def prompt(self, row: int) -> str | None:
        """Why the prompt of a set gives no rows: what strings cannot hold, or the check that it does not pass."""
        if self._checks.strings and len(self._sets.prompts[row]) != 1:
            return "conversation"
        return self._failed(row)

    def unshown(self, row: int) -> str:
        """Why nobody was asked about a set: the check that left it fewer than two answers, if it was one."""
        candidate_set = self._sets.candidate_set(row)
        if len(candidate_set.candidates) < 2:
            return "fewer_than_two_answers"
        found = quality.passed(candidate_set, self._checks.answers, prompt_fault=self._failed(row), fewest=2)
        return found.reason if isinstance(found, Drop) else "not_shown"

    def _failed(self, row: int) -> str | None:
        """The check that the prompt of a set does not pass, whatever the rows are."""
        if row not in self._prompts:
            self._prompts[row] = self._checks.prompt(self._sets.messages(row)) if self._checks.prompt else None
        return self._prompts[row]

    def pairs(self, pairs: Pairs) -> list[str | None]:
        """The check that each pair, or one of its sides, does not pass."""
        texts, resolved = self._sets.texts, pairs.resolved
        sides = [resolved.row[answers].tolist() for answers in pairs.answers]
        together = [
            quality.pair_fault(self._checks.pairs, texts[chosen], rejected=texts[rejected])
            for chosen, rejected in zip(*sides, strict=True)
        ]
        of_sides = [
            self._answers(resolved, answers, bad=repeat(bad, len(pairs)))
            for answers, bad in zip(pairs.answers, (False, True), strict=True)
        ]
        return [first or second or third for first, second, third in zip(together, *of_sides, strict=True)]

    def completions(self, completions: Completions) -> list[str | None]:
        """The check that each completion does not pass."""
        bad = (~completions.label).tolist()
        return self._answers(completions.resolved, completions.completion, bad=bad)

    def demonstrations(self, demonstrations: Demonstrations) -> list[str | None]:
        """The check that each demonstration does not pass."""
        good = repeat(False, len(demonstrations))
        return self._answers(demonstrations.resolved, demonstrations.answer, bad=good)

    def _answers(self, resolved: Resolved, answers: Any, *, bad: Iterable[bool]) -> list[str | None]:
        """The check that each of these answers does not pass; one there as a `bad` example has fewer to pass."""
        rows, prompts = resolved.row[answers].tolist(), resolved.prompts[resolved.record[answers]].tolist()
        found = []
        for row, prompt, is_bad in zip(rows, prompts, bad, strict=True):
            known = self._known[is_bad]
            if row not in known:
                known[row] = self._answer(row, prompt, bad=is_bad)
            found.append(known[row])
        return found

    def _answer(self, row: int, prompt: int, *, bad: bool) -> str | None:
        return quality.answer_fault(
            self._of_bad if bad else self._checks.answers,
            lambda: self._sets.messages(prompt),
            answer=self._sets.texts[row],
            # What a person wrote ends where that person stopped.
            finish_reason=self._sets.finish_reasons[row] if row < len(self._sets.finish_reasons) else "stop",
        )
