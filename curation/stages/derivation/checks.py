"""What rows must pass before they are published, and which check something does not pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from curation import quality
from curation.export import Answer, Completion, Pair, Resolved
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
        self._answers = {False: of_good, True: of_good if self._of_bad == checks.answers else {}}

    def record(self, record: Resolved) -> str | None:
        """Why a record gives no rows at all."""
        if self._ties_are_dropped and record.tied:
            return "tie"
        return self.prompt(record.prompt)

    def prompt(self, row: int) -> str | None:
        """Why the prompt of a set gives no rows: what strings cannot hold, or the check that it does not pass."""
        if self._checks.strings and len(self._sets.prompts[row]) != 1:
            return "conversation"
        return self._failed(row)

    def unshown(self, row: int) -> str:
        """Why nobody was asked about a set: the check that left it fewer than two answers, if it was one."""
        candidate_set = self._sets.candidate_set(row)
        if not candidate_set.reviewable:
            return "fewer_than_two_answers"
        found = quality.passed(candidate_set, self._checks.answers, prompt_fault=self._failed(row))
        return found.reason if isinstance(found, Drop) else "not_shown"

    def _failed(self, row: int) -> str | None:
        """The check that the prompt of a set does not pass, whatever the rows are."""
        if row not in self._prompts:
            self._prompts[row] = self._checks.prompt(self._sets.messages(row)) if self._checks.prompt else None
        return self._prompts[row]

    def pair(self, pair: Pair) -> str | None:
        """The check that a pair, or one of its sides, does not pass."""
        chosen, rejected = self._sets.texts[pair.chosen.row], self._sets.texts[pair.rejected.row]
        return (
            quality.pair_fault(self._checks.pairs, chosen, rejected=rejected)
            or self.answer(pair.record, pair.chosen)
            or self.answer(pair.record, pair.rejected, bad=True)
        )

    def completion(self, completion: Completion) -> str | None:
        """The check that a completion does not pass."""
        return self.answer(completion.record, completion.answer, bad=not completion.label)

    def answer(self, record: Resolved, answer: Answer, *, bad: bool = False) -> str | None:
        """The check that an answer does not pass; one that is there as a `bad` example has fewer to pass."""
        known, at = self._answers[bad], answer.row
        if at in known:
            return known[at]
        # What a person wrote ends where that person stopped.
        finish = self._sets.finish_reasons[at] if at < len(self._sets.finish_reasons) else "stop"
        known[at] = quality.answer_fault(
            self._of_bad if bad else self._checks.answers,
            lambda: self._sets.messages(record.prompt),
            answer=self._sets.texts[at],
            finish_reason=finish,
        )
        return known[at]
