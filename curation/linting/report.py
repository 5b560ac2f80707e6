"""The report of `lint`: findings with their severity, splits, labels, lengths, and the lines for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from curation.dataset_rows import unread
from curation.export import suggested_weights
from curation.files import FOLDER_SUFFIXES
from curation.linting.findings import FAULTS
from curation.linting.safety import MINIMUM, Coverage, Use, coverage
from curation.linting.survey import Survey, Tally
from curation.report import Report
from curation.review_statistics import LengthBias
from curation.wording import counted, measured, percent, share

SEVERITIES = ("error", "warning", "info")
LANGUAGES_SHOWN = 8
FILES_SHOWN = 3


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExampleRow(_Value):
    """A row with a fault: its place ("dpo/train:12") and the beginning of its texts, without personal data."""

    where: str
    excerpt: str


class LintFinding(_Value):
    """The result of one check: the number of rows, their share of all rows, and the first of them."""

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
    """What `lint` found. `length_bias`, `labels` and `coverage` are None if they do not apply to the dataset.

    `max_length` is None if no `tokenizer` was named, so that no tokens were counted. `safety` is whether the dataset as
    a whole was compared with the checklist for refusal data.
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
        """The splits, the table of findings with example rows, the safety coverage, notes, and a summary."""
        return (
            f"{self.dataset}: {counted(self.rows, 'row')}, {counted(self.prompts, 'different prompt')}.",
            *_split_lines(self.splits),
            *_finding_lines(self.findings),
            *coverage_lines(self.coverage),
            *self.notes,
            self._verdict,
        )

    @property
    def _verdict(self) -> str:
        errors, warnings = self.count("error"), self.count("warning")
        if not errors and not warnings:
            return "Clean: no errors and no warnings."
        return f"{counted(errors, 'error')} and {counted(warnings, 'warning')}."


def lint_report(dataset: str, survey: Survey, *, use: Use, tokenizer: str | None, notes: tuple[str, ...]) -> LintReport:
    """Return the report of a survey. `notes` are sentences about what was not read; more are added here."""
    safety, max_length = survey.bounds.safety, survey.bounds.max_length
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
        max_length=None if tokenizer is None else max_length,
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
        notes=(*notes, *_unread_notes(dataset), *_safety_notes(survey), _token_note(tokenizer, max_length)),
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
        message = f"{counted(spread.total, 'prompt')}, but {use} needs {MINIMUM[use]}"
        yield LintFinding(
            check="too_few_prompts", severity="warning", message=message, count=MINIMUM[use] - spread.total
        )
    gaps = [category for category in spread.shares if category.state == "below" or category.missing]
    if gaps:
        message = f"{', '.join(category.category for category in gaps)}: too few prompts, or subcategories without any"
        yield LintFinding(check="coverage_gap", severity="warning", message=message, count=len(gaps))


def _facts(survey: Survey, bias: LengthBias | None, balance: LabelBalance | None) -> Iterator[LintFinding]:
    if bias is not None:
        message = f"chosen is longer in {measured(bias.longer_chosen, percent)} of pairs whose lengths differ"
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
    named = [f"{name} {share(number / total)}" for name, number in languages.most_common(LANGUAGES_SHOWN)]
    more = len(languages) - len(named)
    return ", ".join(named) + (f", and {more} more" if more else "")


def _split_lines(splits: tuple[LintedSplit, ...]) -> Iterator[str]:
    names = [f"{split.config}/{split.split}" for split in splits]
    for name, split in zip(names, splits, strict=True):
        layouts = ", ".join(
            layout if len(split.layouts) == 1 else f"{layout} {number:,}" for layout, number in split.layouts.items()
        )
        yield f"  {name:<{max(map(len, names))}}  {split.rows:>9,}  {layouts or 'no rows'}"


def _finding_lines(findings: tuple[LintFinding, ...]) -> Iterator[str]:
    width = max((len(finding.check) for finding in findings), default=0)
    for finding in findings:
        part = "" if finding.share is None else share(finding.share)
        yield f"{finding.severity:<7}  {finding.check:<{width}}  {finding.count:>9,}  {part:>8}  {finding.message}"
        for example in finding.examples:
            yield f"         {example.where}  {example.excerpt}"


def coverage_lines(spread: Coverage | None) -> Iterator[str]:
    """Yield a line for each category of refusal data: its prompts, its target range, and how many it lacks."""
    if spread is None:
        return
    beside = f", beside {counted(spread.benign, 'benign prompt')}" if spread.benign else ""
    total = counted(spread.total, "prompt")
    yield f"Safety coverage: {total}, {spread.uncategorised:,} of them in no category{beside}."
    for category in spread.shares:
        lacks = f", lacks {category.lacks:,}" if category.lacks else ""
        missing = f"; none of {', '.join(category.missing)}" if category.missing else ""
        yield (
            f"  {category.category:<18}  {category.count:>7,}  {share(category.share):>7}  "
            f"of {category.low} to {category.high} %  {category.state}{lacks}{missing}"
        )


def _unread_notes(dataset: str) -> Iterator[str]:
    """Yield a note about the files of a folder that were not read."""
    if files := unread(dataset):
        names = ", ".join(files[:FILES_SHOWN]) + (", ..." if len(files) > FILES_SHOWN else "")
        yield f"Not read: {counted(len(files), 'file')} of other kinds than {', '.join(FOLDER_SUFFIXES)} ({names})."


def _safety_notes(survey: Survey) -> Iterator[str]:
    """Yield a note if the checklist was turned on without being asked for."""
    if survey.bounds.safety is None and _in_checklist(survey):
        number = counted(_in_checklist(survey), "prompt")
        yield f"The checklist for refusal data was used for {number} with a category of it; --no-safety turns it off."


def _in_checklist(survey: Survey) -> int:
    """Return how many prompts have a category of the safety checklist, or are benign twins."""
    return survey.categories.total() - survey.categories["other"]


def _token_note(tokenizer: str | None, max_length: int) -> str:
    """Return a note that says whether tokens were counted: without it, no finding would look like a good result."""
    if tokenizer is None:
        return "Tokens were not counted (too_long): name the model that will be trained with --tokenizer."
    return f"Tokens were counted with {tokenizer}; max_length is {max_length:,}."
