"""The faults of single rows of a preference dataset: a name for each, its severity, and a sentence about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from curation.categories import category_of, is_benign
from curation.linting.safety import chosen_faults, rejected_refuses
from curation.preferences.examples import REFUSED_LAYOUTS, Example
from curation.quality.answers import has_ai_tell, holds_reasoning, is_empty, is_refusal, is_truncated, leaked_names
from curation.quality.pairs import is_identical, length_ratio
from curation.quality.pii import find_pii

Severity = Literal["error", "warning"]

FAULTS: MappingProxyType[str, tuple[Severity, str]] = MappingProxyType(
    {
        # A trainer fails, or trains on something else than was meant.
        "unreadable": ("error", "no example can be read from the row"),
        "row_too_large": ("error", "the row is larger than 16,777,216 characters, and was not checked"),
        "mixed_layouts": ("error", "the row has another layout than the first; trainers look at the first alone"),
        "mixed_text_and_messages": (
            "error",
            "prompt and answers are not all texts or all messages; DPO, KTO and Reward raise a TypeError",
        ),
        "prompt_repeated": ("error", "the answer holds the prompt, which trainers then read twice"),
        "answer_not_by_assistant": (
            "error",
            "an answer has turns of the user or the system, also within its text, or ends with another role than "
            "assistant; all of it is trained as the answer",
        ),
        "completion_without_prompt": ("error", "there is no prompt; KTO raises a KeyError"),
        "messages_with_label": ("error", "KTO reads prompt and completion, not messages, and raises a KeyError"),
        "messages_as_text": ("error", "messages are written as a text; trainers read them as that text, or not at all"),
        "empty_prompt": (
            "error",
            "there is nothing in the prompt; texts are trained without it, an empty list of messages raises an error",
        ),
        "question_not_read": (
            "error",
            "there is no column prompt; trainers do not read question, instruction or input",
        ),
        "empty_answer": ("error", "there is nothing in the answer"),
        "identical": ("error", "chosen and rejected are the same"),
        "label_missing": ("error", "the label is null; KTO raises a TypeError"),
        "label_not_boolean": ("error", "the label is not a boolean; KTO raises a TypeError or miscounts"),
        "null_chat_template_kwargs": (
            "error",
            "chat_template_kwargs is null, or missing although other rows have it; trainers raise a TypeError",
        ),
        "empty_tools": ("error", "tools is an empty text; trainers raise an error"),
        "template_refuses": (
            "error",
            "the tokenizer's chat template does not accept the messages; trainers raise an error",
        ),
        "prompt_in_two_splits": ("error", "the prompt is in an earlier split too: a model is tested on training data"),
        # Trainers accept these, but the model may learn something that is not intended.
        "duplicate": ("warning", "the same row came before"),
        "contradiction": ("warning", "another row with the same answers says the opposite"),
        "near_duplicate": ("warning", "the prompt is nearly the same as an earlier one"),
        "refusal": ("warning", "the wanted answer is a refusal"),
        "ai_tell": ("warning", "the wanted answer says that an AI wrote it"),
        "model_name": ("warning", "the wanted answer introduces itself with the name of a model or its company"),
        "truncated": ("warning", "the wanted answer is cut off"),
        "reasoning_in_answer": (
            "warning",
            "an answer contains a model's thoughts (<think> ... </think>); they are trained as the answer",
        ),
        "pii": ("warning", "personal data in the prompt or an answer"),
        "length_ratio": ("warning", "one answer is far longer than the other"),
        "too_long": (
            "warning",
            "more than max_length tokens; DPO and KTO cut the answer off, or drop the row if the prompt alone has as "
            "many, Reward drops it",
        ),
        "score_contradicts": ("warning", "the scores say the opposite of chosen and rejected, or of the label"),
        "sorted_by_label": (
            "warning",
            "all rows of one label come before the others; KTO trains in the order of the rows",
        ),
        "score_tied": ("warning", "chosen and rejected have the same score"),
        "prompt_ends_with_assistant": ("warning", "the prompt ends with the assistant's turn"),
        "column_margin": ("warning", "RewardTrainer uses a column margin without being asked"),
        "column_images": ("warning", "a column image or images makes trainers ask for a vision model"),
        "column_label": ("warning", "a column label in pairs breaks ORPO"),
        "column_messages": (
            "warning",
            "a column messages breaks ORPO, CPO and SFT, and makes KTO's end tokens depend on PYTHONHASHSEED",
        ),
        # The safety checklist.
        "unknown_category": ("warning", "the category is not in the safety checklist"),
        "chosen_too_short": ("warning", "the chosen answer has fewer than 50 characters"),
        "lectures": ("warning", "the chosen answer lectures"),
        "offers_no_alternative": ("warning", "the chosen answer offers no alternative"),
        "rejected_refuses": ("warning", "the rejected answer refuses too"),
    }
)
"""Every fault of a row: its severity and what it means."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of the checks. `max_length` is the most tokens of prompt and answer (TRL's default).

    With `safety` True every row is compared with the checklist for refusal data; with None, only rows with one of its
    categories are.
    """

    max_length_ratio: float = 5.0
    max_length: int = 1024
    safety: bool | None = False


def row_faults(example: Example, bounds: Bounds) -> Iterator[str]:
    """Yield the names of the faults of one row. Each is a key of `FAULTS`.

    Faults that depend on other rows (duplicates, splits, mixed layouts) or on a tokenizer are not looked for here.
    Refusals, AI tells, model names and cut-off answers count only in wanted answers (chosen, or labelled true), because
    a model should unlearn the others. If the safety checklist applies to the row, a wanted answer may refuse. It never
    applies to a benign twin, which a model should answer.
    """
    yield from example.faults
    if example.layout in REFUSED_LAYOUTS:
        yield example.layout
    if any(
        is_empty(text) and not attachment for text, attachment in zip(example.answers, example.attachments, strict=True)
    ):
        yield "empty_answer"
    elif example.chosen is not None and example.rejected is not None:
        yield from _pair_faults(example.chosen, example.rejected, example, bounds)
    if _has_empty_prompt(example):
        yield "empty_prompt"
    safe = not is_benign(example.category) and (
        bounds.safety or (bounds.safety is None and category_of(example.category) is not None)
    )
    if example.wanted is not None and not is_empty(example.wanted):
        yield from _wanted_faults(example.wanted, may_refuse=safe)
    if any(map(holds_reasoning, example.answers)):
        yield "reasoning_in_answer"
    if find_pii("\n\n".join((example.prompt_text, *example.answers))):
        yield "pii"
    if safe:
        yield from _safety_faults(example)


def _has_empty_prompt(example: Example) -> bool:
    # A question that stands in another column is named already.
    if example.prompt is None or example.media or "question_not_read" in example.faults:
        return False
    return is_empty(example.prompt_text) and not any(turn.attachments for turn in example.prompt)


def _pair_faults(chosen: str, rejected: str, example: Example, bounds: Bounds) -> Iterator[str]:
    if len(set(example.attachments)) == 1 and is_identical(chosen, rejected):
        yield "identical"
    elif not any(example.attachments) and length_ratio(chosen, rejected) > bounds.max_length_ratio:
        yield "length_ratio"
    if example.chosen_score is not None and example.rejected_score is not None:
        if example.chosen_score < example.rejected_score:
            yield "score_contradicts"
        elif example.chosen_score == example.rejected_score:
            yield "score_tied"


def _wanted_faults(text: str, *, may_refuse: bool) -> Iterator[str]:
    if not may_refuse and is_refusal(text):
        yield "refusal"
    if has_ai_tell(text):
        yield "ai_tell"
    if leaked_names(text):
        yield "model_name"
    if is_truncated(text, None):
        yield "truncated"


def _safety_faults(example: Example) -> Iterator[str]:
    category = category_of(example.category)
    if category is None:
        yield "unknown_category"
    if example.wanted is not None and not is_empty(example.wanted):
        yield from chosen_faults(example.wanted, category)
    if example.unwanted is not None and rejected_refuses(example.unwanted):
        yield "rejected_refuses"
