"""Which checks the prompts, answers and pairs of a segment do not pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from curation import quality
from curation.export.strings import Render
from curation.frames import pl
from curation.types import Message

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

    def pair_fault(self, chosen: str, rejected: str) -> str | None:
        """Return the check that a pair of texts does not pass."""
        return quality.pair_fault(self.pairs, chosen, rejected=rejected)


def prompt_faults(prompts: pl.Series, checks: Checks) -> list[str | None]:
    """Return why each prompt gives no rows: what strings cannot hold, or the check that it does not pass."""
    if checks.prompt is None and not checks.strings:
        return [None] * len(prompts)
    return [_prompt_fault(_messages(turns), checks) for turns in prompts.to_list()]


def with_faults(answers: pl.DataFrame, sets: pl.DataFrame, checks: Checks) -> pl.DataFrame:
    """Return `answers` with fault_if_chosen and fault_if_rejected: the check that each does not pass, or null."""
    prompts = dict(sets.select("set_no", "prompt").iter_rows())
    of_bad = tuple(check for check in checks.answers if check.name in BOTH_SIDES)
    chosen: list[str | None] = []
    rejected: list[str | None] = []
    for set_no, text, finish_reason in answers.select("set_no", "text", "finish_reason").iter_rows():

        def conversation(set_no: int = set_no) -> Sequence[Message]:
            return _messages(prompts[set_no])

        fault = quality.answer_fault(checks.answers, conversation, answer=text, finish_reason=finish_reason)
        chosen.append(fault)
        if fault is not None and fault not in BOTH_SIDES:
            fault = quality.answer_fault(of_bad, conversation, answer=text, finish_reason=finish_reason)
        rejected.append(fault)
    return answers.with_columns(
        fault_if_chosen=pl.Series(chosen, dtype=pl.String), fault_if_rejected=pl.Series(rejected, dtype=pl.String)
    )


def _prompt_fault(messages: Sequence[Message], checks: Checks) -> str | None:
    if checks.strings and len(messages) != 1:
        return "conversation"
    return checks.prompt(messages) if checks.prompt is not None else None


def _messages(turns: Sequence[dict[str, str]]) -> tuple[Message, ...]:
    return tuple(Message.model_validate(turn) for turn in turns)
