"""lint: what is wrong with a preference dataset, whoever made it; every row is looked at, and nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from curation.config import Services
from curation.errors import ConfigError, DataError
from curation.export import suggested_weights
from curation.files import FOLDER_SUFFIXES
from curation.quality.findings import FAULTS, Bounds
from curation.quality.layouts import is_preference_row
from curation.quality.safety import MINIMUM, Coverage, Use, coverage
from curation.quality.sources import Split, open_dataset, unread
from curation.quality.tokens import TokenCounter
from curation.stages.report import Report, counted, share
from curation.stages.survey import Survey, Tally
from curation.types import LengthBias, Measure

PEEK = 100
"""Rows of each split that are read first, to see whether it is a preference dataset."""

NO_TRAINING_PAIRS = frozenset({"raw", "sft"})
"""Configs that by their names hold no preferences, and are passed over if they hold none."""

SEVERITIES = ("error", "warning", "info")
LANGUAGES_SHOWN = 8
FILES_SHOWN = 3


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExampleRow(_Value):
    """Where a fault was found ("dpo/train:12") and the start of the texts on one line, without personal data."""

    where: str
    excerpt: str


class LintFinding(_Value):
    """One check's result: how many rows it is about, their share of all rows, and the first of them."""

    check: str
    severity: Literal["error", "warning", "info"]
    message: str
    count: int
    share: float | None = None
    examples: tuple[ExampleRow, ...] = ()


class LintedSplit(_Value):
    """One split that was read: its rows by layout; rows that could not be read count as "unreadable"."""

    config: str
    split: str
    rows: int
    layouts: dict[str, int]


class LabelBalance(_Value):
    """The labels of unpaired rows, with the weights that TRL's KTOConfig should be given."""

    desirable: int
    undesirable: int
    desirable_weight: float | None
    undesirable_weight: float | None


class LintReport(Report):
    """What `lint` found; `length_bias`, `labels` and `coverage` are null where the dataset has nothing of the kind.

    `max_length` is null if no `tokenizer` was named; then no tokens were counted. `safety` is whether the dataset as a
    whole was held to the checklist for refusal data.
    """

    dataset: str
    tokenizer: str | None
    max_length: int | None
    rows: int
    prompts: int
    splits: tuple[LintedSplit, ...]
    findings: tuple[LintFinding, ...]
    languages: dict[str, int]
    length_bias: LengthBias | None
    labels: LabelBalance | None
    use: Use
    safety: bool
    coverage: Coverage | None
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 if there is an error, else 0."""
        return 1 if self.count("error") else 0

    def count(self, severity: str) -> int:
        """Return how many checks found something of this severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def lines(self) -> tuple[str, ...]:
        """The splits, the table of findings with example rows, the safety coverage, and what it comes to."""
        return (
            f"{self.dataset}: {counted(self.rows, 'row')}, {counted(self.prompts, 'different prompt')}.",
            *_split_lines(self.splits),
            *_finding_lines(self.findings),
            *_coverage_lines(self.coverage),
            *self.notes,
            self._verdict,
        )

    @property
    def _verdict(self) -> str:
        errors, warnings = self.count("error"), self.count("warning")
        if not errors and not warnings:
            return "Clean: no errors and no warnings."
        return f"{counted(errors, 'error')} and {counted(warnings, 'warning')}."


def lint(
    dataset: str,
    *,
    config: str | None = None,
    split: str | None = None,
    use: Use = "alignment",
    safety: bool | None = None,
    near_duplicates: float = 0.8,
    max_length_ratio: float = 5.0,
    tokenizer: str | None = None,
    max_length: int = 1024,
    services: Services | None = None,
) -> LintReport:
    """Look at every row of a preference dataset: a file, a folder, or "owner/name" on the Hub, in any layout of TRL.

    `near_duplicates` is the Jaccard similarity of two prompts from which one is a near-duplicate of the other.
    `safety` adds the checklist for refusal data, held to the minimum size of `use`; null holds to it the rows that have
    its categories, and the dataset if most of its prompts have. With a `tokenizer` (a folder, or "owner/name" on the
    Hub) rows of more than `max_length` tokens are found, as TRL's trainers would cut them. Raises DataError if it is no
    preference dataset, MissingError if it or the tokenizer is not there.
    """
    if not 0.5 <= near_duplicates <= 1 or max_length_ratio <= 1:
        raise ConfigError("near_duplicates must be from 0.5 to 1, and max_length_ratio above 1.")
    if max_length < 1:
        raise ConfigError(f"max_length must be 1 or more, but is {max_length}.")
    services = services or Services.from_environment()
    hub: dict[str, Any] = {"endpoint": services.hub_endpoint, "token": services.hub_token}
    splits = open_dataset(dataset, config=config, split=split, **hub)
    kept, notes = _with_preferences(splits, dataset, asked=config is not None)
    bounds = Bounds(max_length_ratio=max_length_ratio, max_length=max_length, safety=safety)
    counter = None if tokenizer is None else TokenCounter(tokenizer, **hub)
    survey = Survey(bounds, near_duplicates=near_duplicates, counter=counter)
    survey.read(kept)
    if not survey.rows:
        raise DataError(f"{dataset} holds no rows.")
    notes = (*notes, *_unread_notes(dataset), *_safety_notes(survey), _token_note(tokenizer, max_length))
    return _report(dataset, survey, use=use, tokenizer=tokenizer, notes=notes)


def _unread_notes(dataset: str) -> Iterator[str]:
    """Say which files of a folder nobody looked at."""
    if files := unread(dataset):
        shown = ", ".join(files[:FILES_SHOWN]) + (", ..." if len(files) > FILES_SHOWN else "")
        yield f"Not read: {counted(len(files), 'file')} of other kinds than {', '.join(FOLDER_SUFFIXES)} ({shown})."


def _safety_notes(survey: Survey) -> Iterator[str]:
    """Say that the checklist came on by itself."""
    if survey.bounds.safety is None and _in_checklist(survey):
        number = counted(_in_checklist(survey), "prompt")
        yield f"The checklist for refusal data was held to {number} with a category of it; --no-safety leaves it out."


def _in_checklist(survey: Survey) -> int:
    """Return how many prompts have a category of the safety checklist."""
    return survey.categories.total() - survey.categories["other"]


def _token_note(tokenizer: str | None, max_length: int) -> str:
    """Say of the tokens what was looked for, so that nobody takes what was not counted for short enough."""
    if tokenizer is None:
        return "Tokens were not counted (too_long): name the model that will be trained with --tokenizer."
    return f"Tokens were counted with {tokenizer}; max_length is {max_length:,}."


@dataclass(frozen=True, slots=True)
class _FirstRows:
    """What the first rows of a split are: how many, with which columns, and whether one of them is a preference."""

    rows: int
    columns: frozenset[str]
    has_preferences: bool


def _with_preferences(splits: Iterable[Split], dataset: str, *, asked: bool) -> tuple[list[Split], tuple[str, ...]]:
    """Return the splits to lint, and a note for every config that is passed over."""
    peeked = [(split, _peek(split)) for split in splits]
    if not any(first.rows for _, first in peeked):
        raise DataError(f"{dataset} holds no rows.")
    without = {split.config for split, first in peeked if first.rows and not first.has_preferences}
    if not any(first.has_preferences for _, first in peeked):
        columns = sorted(frozenset().union(*(first.columns for _, first in peeked)))
        if not columns:
            raise DataError(
                f"{dataset} is no preference dataset: none of its first rows is a JSON object that can be read.",
                remedy="Write each row on one line, or all rows as one array.",
            )
        raise DataError(
            f"{dataset} is no preference dataset: its columns are {', '.join(columns)}.",
            remedy="It needs prompt, chosen and rejected, or prompt, completion and label.",
        )
    passed = without & NO_TRAINING_PAIRS if not asked else set()
    notes = tuple(f"The config {name} holds no preferences and was passed over." for name in sorted(passed))
    return [split for split, _ in peeked if split.config not in passed], notes


def _peek(split: Split) -> _FirstRows:
    # The rows themselves are not kept: a hundred of them may be a gigabyte.
    count, columns, has_preferences = 0, set[str](), False
    for row in islice(split.rows(), PEEK):
        count += 1
        columns.update(row.values or {})
        has_preferences = has_preferences or (row.values is not None and is_preference_row(row.values))
    return _FirstRows(count, frozenset(columns), has_preferences)


def _report(dataset: str, survey: Survey, *, use: Use, tokenizer: str | None, notes: tuple[str, ...]) -> LintReport:
    safety = survey.bounds.safety
    if safety is None:
        safety = 2 * _in_checklist(survey) > survey.prompts
    spread = coverage(survey.categories, survey.subcategories or None, minimum=MINIMUM[use]) if safety else None
    bias, balance = survey.length_bias(), _balance(survey)
    findings = [
        *(_finding(name, tally, survey.rows) for name, tally in survey.tallies().items()),
        *(_safety_findings(spread, use) if spread is not None else ()),
        *_facts(survey, bias, balance),
    ]
    return LintReport(
        dataset=dataset,
        tokenizer=tokenizer,
        max_length=None if tokenizer is None else survey.bounds.max_length,
        rows=survey.rows,
        prompts=survey.prompts,
        splits=tuple(
            LintedSplit(config=config, split=split, rows=sum(layouts.values()), layouts=dict(layouts.most_common()))
            for (config, split), layouts in survey.layouts.items()
        ),
        findings=tuple(sorted(findings, key=lambda item: (SEVERITIES.index(item.severity), -item.count, item.check))),
        languages=dict(survey.languages.most_common()),
        length_bias=bias,
        labels=balance,
        use=use,
        safety=safety,
        coverage=spread,
        notes=notes,
    )


def _finding(name: str, tally: Tally, rows: int) -> LintFinding:
    severity, message = FAULTS[name]
    return LintFinding(
        check=name,
        severity=severity,
        message=message,
        count=tally.count,
        share=tally.count / rows,
        examples=tuple(ExampleRow(where=where, excerpt=excerpt) for where, excerpt in tally.examples),
    )


def _safety_findings(spread: Coverage, use: Use) -> Iterator[LintFinding]:
    if spread.total < MINIMUM[use]:
        message = f"{counted(spread.total, 'prompt')}, where {use} needs {MINIMUM[use]}"
        yield LintFinding(
            check="too_few_prompts", severity="warning", message=message, count=MINIMUM[use] - spread.total
        )
    gaps = [found for found in spread.shares if found.state == "below" or found.missing]
    if gaps:
        message = f"{', '.join(found.category for found in gaps)}: too few prompts, or subcategories without any"
        yield LintFinding(check="coverage_gap", severity="warning", message=message, count=len(gaps))


def _facts(survey: Survey, bias: LengthBias | None, balance: LabelBalance | None) -> Iterator[LintFinding]:
    if bias is not None:
        message = f"chosen is longer in {_measured(bias.longer_chosen)} of pairs whose lengths differ"
        yield LintFinding(check="length_bias", severity="info", message=message, count=bias.longer_chosen.count)
    if balance is not None:
        yield LintFinding(
            check="label_balance",
            severity="info",
            message=_balance_message(balance),
            count=balance.desirable + balance.undesirable,
        )
    if survey.languages:
        yield LintFinding(
            check="language", severity="info", message=_mix(survey.languages), count=sum(survey.languages.values())
        )


def _measured(measure: Measure) -> str:
    if measure.value is None:
        return f"an unknown share ({measure.reason})"
    interval = (
        ""
        if measure.low is None or measure.high is None
        else f" (95 % interval {100 * measure.low:.3g} to {100 * measure.high:.3g})"
    )
    return share(measure.value) + interval


def _balance(survey: Survey) -> LabelBalance | None:
    desirable, undesirable = survey.labels[True], survey.labels[False]
    if not desirable + undesirable:
        return None
    weights = suggested_weights(desirable, undesirable)
    return LabelBalance(
        desirable=desirable,
        undesirable=undesirable,
        desirable_weight=weights.desirable,
        undesirable_weight=weights.undesirable,
    )


def _balance_message(balance: LabelBalance) -> str:
    counts = f"{balance.desirable:,} true and {balance.undesirable:,} false labels"
    if balance.desirable_weight is None:
        return f"{counts}; no weights can balance them"
    return (
        f"{counts}; KTOConfig(desirable_weight={balance.desirable_weight:g}, "
        f"undesirable_weight={balance.undesirable_weight:g})"
    )


def _mix(languages: Counter[str]) -> str:
    total = sum(languages.values())
    shown = [f"{name} {share(number / total)}" for name, number in languages.most_common(LANGUAGES_SHOWN)]
    more = len(languages) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")


def _split_lines(splits: tuple[LintedSplit, ...]) -> Iterator[str]:
    names = [f"{found.config}/{found.split}" for found in splits]
    for name, found in zip(names, splits, strict=True):
        layouts = ", ".join(
            layout if len(found.layouts) == 1 else f"{layout} {number:,}" for layout, number in found.layouts.items()
        )
        yield f"  {name:<{max(map(len, names))}}  {found.rows:>9,}  {layouts or 'no rows'}"


def _finding_lines(findings: tuple[LintFinding, ...]) -> Iterator[str]:
    width = max((len(found.check) for found in findings), default=0)
    for found in findings:
        part = "" if found.share is None else share(found.share)
        yield f"{found.severity:<7}  {found.check:<{width}}  {found.count:>9,}  {part:>8}  {found.message}"
        for example in found.examples:
            yield f"         {example.where}  {example.excerpt}"


def _coverage_lines(spread: Coverage | None) -> Iterator[str]:
    if spread is None:
        return
    yield f"Safety coverage: {counted(spread.total, 'prompt')}, {spread.other:,} of them in no category."
    for found in spread.shares:
        lacks = f", lacks {found.lacks:,}" if found.lacks else ""
        missing = f"; none of {', '.join(found.missing)}" if found.missing else ""
        yield (
            f"  {found.category:<18}  {found.count:>7,}  {share(found.share):>7}  "
            f"of {found.low} to {found.high} %  {found.state}{lacks}{missing}"
        )
