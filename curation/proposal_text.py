"""The description of a proposal: how its rows differ from the published ones, and which gates failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from curation.derive.row_changes import ConfigChange, RowChange
from curation.review_statistics import Measure
from curation.wording import measured, number


def proposal_text(
    changes: Mapping[str, ConfigChange],
    examples: Sequence[RowChange],
    *,
    alpha: Measure,
    alpha_before: float | None,
    failed: Sequence[str],
) -> str:
    """Return the description of a proposal in Markdown. It is the same as long as the rows and the gates are.

    For example:

        **dpo**: +412 rows, -9 withdrawn, 3 changed.

        Krippendorff's alpha: 0.58 -> 0.63 (95 % interval 0.51 to 0.74).

        All gates of `[publish]` passed.
    """
    return "\n\n".join((*_changes(changes), _alpha(alpha, alpha_before), _gates(failed), *_examples(examples)))


def _changes(changes: Mapping[str, ConfigChange]) -> Iterator[str]:
    for name, change in changes.items():
        yield f"**{name}**: +{change.comes:,} rows, -{change.goes:,} withdrawn, {change.changes:,} changed."


def _alpha(alpha: Measure, before: float | None) -> str:
    change = f"{number(before)} -> " if before is not None else ""
    return f"Krippendorff's alpha: {change}{measured(alpha)}."


def _gates(failed: Sequence[str]) -> str:
    if not failed:
        return "All gates of `[publish]` passed."
    return "\n".join(("Gates of `[publish]` that **failed**:", "", *(f"- {sentence}" for sentence in failed)))


def _examples(examples: Sequence[RowChange]) -> Iterator[str]:
    """Yield lines with rows to look at. Four spaces make them code, so that no prompt is read as Markdown or HTML."""
    if examples:
        yield "Rows to look at:"
        yield "\n".join(f"    {example.line}" for example in examples)
