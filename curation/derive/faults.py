"""Which checks the prompts, answers and pairs of a segment do not pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from curation.export.strings import Render
from curation.frames import pl
from curation.quality.checks import Check, answer_fault
from curation.types import Message

BOTH_SIDES = frozenset({"empty", "pii", "too_long"})
"""Checks that a rejected answer must pass too; the others say what is bad, and rejected answers may be."""

FAULTS = {"answer_no": pl.UInt32, "fault_if_chosen": pl.String, "fault_if_rejected": pl.String}


@dataclass(frozen=True, slots=True)
class Checks:
    """What rows must pass.

    `prompt` gives the reason against a prompt, or null. `pair_faults` gives, of the texts of chosen and rejected
    answers, the check that each pair does not pass. `render` makes strings of rows: without it conversations stay
    conversations. `strings` says that only prompts of one message may pass.
    """

    answers: tuple[Check, ...]
    pair_faults: Callable[[pl.Series, pl.Series], pl.Series]
    prompt: Callable[[Sequence[Message]], str | None] | None = None
    render: Render | None = None
    strings: bool = False


def prompt_faults(prompts: pl.Series, checks: Checks) -> list[str | None]:
    """Return why each prompt gives no rows: what strings cannot hold, or the check that it does not pass."""
    if checks.prompt is None and not checks.strings:
        return [None] * len(prompts)
    return [_prompt_fault(_messages(turns), checks) for turns in prompts.to_list()]


def with_faults(answers: pl.DataFrame, sets: pl.DataFrame, checks: Checks) -> pl.DataFrame:
    """Return `answers` with fault_if_chosen and fault_if_rejected: the check that each does not pass, or null."""
    suspected = answers.filter(pl.any_horizontal(check.suspects for check in checks.answers)).join(
        sets.select("set_no", "prompt"), on="set_no", maintain_order="left"
    )
    of_bad = tuple(check for check in checks.answers if check.name in BOTH_SIDES)
    faults = []
    for answer_no, text, finish_reason, prompt in suspected.select(
        "answer_no", "text", "finish_reason", "prompt"
    ).iter_rows():
        fault_of = partial(answer_fault, prompt=partial(_messages, prompt), answer=text, finish_reason=finish_reason)
        fault = fault_of(checks.answers)
        is_of_bad = fault is None or fault in BOTH_SIDES
        faults.append((answer_no, fault, fault if is_of_bad else fault_of(of_bad)))
    return answers.join(
        pl.DataFrame(faults, schema=FAULTS, orient="row"), on="answer_no", how="left", maintain_order="left"
    )


def _prompt_fault(messages: Sequence[Message], checks: Checks) -> str | None:
    if checks.strings and len(messages) != 1:
        return "conversation"
    return checks.prompt(messages) if checks.prompt is not None else None


def _messages(turns: Sequence[dict[str, str]]) -> tuple[Message, ...]:
    return tuple(Message.model_validate(turn) for turn in turns)
