"""The gates of `[publish]`: conditions for publishing, such as `min_rows`. Each is a function of the derived rows.

A gate that asks for something to be there fails if there is nothing: without reviewers `min_reviewers` and
`min_agreement` fail. `max_tie_rate` passes where no answers were compared, because then there are no ties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation import labels
from curation.config import Publish
from curation.derive import Derived
from curation.linting.report import SEVERITIES, LintFinding
from curation.review_statistics import GoldAccuracy, Measure
from curation.types import SIMULATED_PREFIX
from curation.wording import counted, measured, percent

COMPARABLE = 50
"""`min_judge_kappa` needs so many records. On fewer, the interval of kappa is wider than about 0.25 to each side."""


@dataclass(frozen=True, slots=True)
class GateFacts:
    """The figures that the gates compare with their limits.

    - `rows`: the number of rows of each config
    - `alpha` and `reviewers`: Krippendorff's alpha, and the number of people whose answers count. If no person
      answered, both are about the programs in their place; if nobody did, there is no alpha
    - `compared`: the number of candidate sets whose answers were compared, by whether they are ties
    - `judge_kappa`: how far the judge agrees with people (`JudgeCheck.kappa`), null if nothing is known of that
    - `findings`: what `lint` finds in the rows
    - `gold`: how often those reviewers are right on gold records, under their pseudonyms
    """

    rows: Mapping[str, int]
    alpha: Measure
    reviewers: int
    compared: Mapping[bool, int]
    judge_kappa: Measure | None = None
    findings: Sequence[LintFinding] = ()
    gold: Sequence[GoldAccuracy] = ()


def gate_facts(
    derived: Derived,
    options: Publish,
    *,
    alpha: Measure,
    findings: Sequence[LintFinding],
    gold: Sequence[GoldAccuracy] = (),
) -> GateFacts:
    """Return the figures for the gates. `gold` has all reviewers, people and programs, under their pseudonyms."""
    return GateFacts(
        rows=derived.row_counts,
        alpha=alpha,
        reviewers=len(derived.votes[derived.measured].reviewers),
        compared=derived.tally.compared,
        judge_kappa=derived.judge_check.kappa if derived.judge_check is not None else None,
        findings=findings,
        gold=[
            accuracy
            for accuracy in gold
            if (derived.measured == "simulated") == accuracy.reviewer.startswith(SIMULATED_PREFIX)
        ],
    )


def failed_gates(options: Publish, facts: GateFacts) -> tuple[str, ...]:
    """Return a sentence for each gate that fails: the number, the limit, and what helps."""
    sentences = (
        min_rows_gate(options, facts),
        min_reviewers_gate(options, facts),
        min_agreement_gate(options, facts),
        min_judge_kappa_gate(options, facts.judge_kappa),
        max_tie_rate_gate(options, facts),
        min_gold_accuracy_gate(options, facts),
        lint_gate(options, facts),
    )
    return tuple(sentence for sentence in sentences if sentence is not None)


def min_rows_gate(options: Publish, facts: GateFacts) -> str | None:
    """Return which configs have fewer rows than `min_rows`, None if none has. `raw` counts only if it is alone."""
    if options.min_rows is None:
        return None
    counting = set(options.formats) - {"raw"} or {"raw"}
    few = {name: facts.rows.get(name, 0) for name in options.formats if name in counting}
    few = {name: rows for name, rows in few.items() if rows < options.min_rows}
    if not few:
        return None
    rows = " and ".join(f"{name} has {counted(number, 'row')}" for name, number in few.items())
    return (
        f"{rows}, fewer than the {options.min_rows:,} of min_rows. `curation status` says what is not reviewed yet and "
        "what gave no row."
    )


def min_reviewers_gate(options: Publish, facts: GateFacts) -> str | None:
    """Return how many reviewers answered, if they are fewer than `min_reviewers`; otherwise None."""
    if options.min_reviewers is None or facts.reviewers >= options.min_reviewers:
        return None
    answered = counted(facts.reviewers, "reviewer") if facts.reviewers else "Nobody"
    return (
        f"{answered} answered, fewer than the {options.min_reviewers:,} of min_reviewers under [publish]. "
        "`curation status` shows who did: ask others to review in Argilla too."
    )


def min_agreement_gate(options: Publish, facts: GateFacts) -> str | None:
    """Return alpha, if it is less than `min_agreement` or is not defined; otherwise None."""
    alpha, least = facts.alpha, options.min_agreement
    if least is None or (alpha.value is not None and alpha.value >= least):
        return None
    if alpha.value is not None:
        return (
            f"Krippendorff's alpha is {measured(alpha, _three_decimals)}, less than the {least:g} of min_agreement. "
            "Clearer guidelines help, and reviewers who talk about what they judged differently."
        )
    helps = (
        "Let two reviewers answer the same records (min_submitted = 2 under [review])."
        if facts.reviewers
        else "Rows that nobody reviewed have no agreement: let people review, or leave min_agreement out."
    )
    return f"Krippendorff's alpha is {measured(alpha)}, and min_agreement asks for {least:g}. {helps}"


def min_judge_kappa_gate(options: Publish, kappa: Measure | None) -> str | None:
    """Return the judge's kappa against people, if it is less than `min_judge_kappa` on enough records; else None."""
    least = options.min_judge_kappa
    if least is None or kappa is None or kappa.count < COMPARABLE:
        return None
    if kappa.value is None or kappa.value >= least:
        return None
    return (
        f"The judge's weighted kappa against people is {measured(kappa, _three_decimals)}, on "
        f"{counted(kappa.count, 'record')}: less than the {least:g} of min_judge_kappa, so it may not decide where "
        "nobody answered. Leave judge_fallback out, and let people review the other records, or use another judge "
        "(criteria of your own, a larger model)."
    )


def judge_kappa_note(options: Publish, kappa: Measure | None) -> str | None:
    """Return why `min_judge_kappa` could not be checked although it is set; otherwise None."""
    least = options.min_judge_kappa
    if least is None or (kappa is not None and kappa.count >= COMPARABLE and kappa.value is not None):
        return None
    if kappa is not None and kappa.count >= COMPARABLE:
        return f"min_judge_kappa was not checked: the judge's kappa is {measured(kappa)}."
    return (
        f"min_judge_kappa was not checked: the judge can be compared with people on "
        f"{counted(kappa.count if kappa is not None else 0, 'record')}, and {COMPARABLE} are needed. judge_fallback "
        "decides until then."
    )


def max_tie_rate_gate(options: Publish, facts: GateFacts) -> str | None:
    """Return the share of ties, if it is more than `max_tie_rate`; otherwise None."""
    most, sets = options.max_tie_rate, sum(facts.compared.values())
    ties = facts.compared.get(True, 0)
    if most is None or not sets or ties / sets <= most:
        return None
    return (
        f"{ties:,} of {counted(sets, 'compared candidate set')} ({percent(ties / sets)}) are ties, more than the "
        f"{percent(most)} of max_tie_rate. Answers that differ more give fewer ties (another model or temperature), "
        "and so do finer answers (scale = 7, or task = 'rating')."
    )


def min_gold_accuracy_gate(options: Publish, facts: GateFacts) -> str | None:
    """Return the share of right answers to gold records, if it is less than `min_gold_accuracy`; otherwise None."""
    least = options.min_gold_accuracy
    if least is None:
        return None
    answers = sum(gold.accuracy.count for gold in facts.gold)
    right = sum(round((gold.accuracy.value or 0.0) * gold.accuracy.count) for gold in facts.gold)
    share = labels.share_right(right, answers)
    if share.value is None:
        return (
            f"Nobody answered a gold record, and min_gold_accuracy asks for {percent(least)}. Name a file as `gold` "
            "under [review], run `curation push`, and let people review."
        )
    if share.value >= least:
        return None
    marked = [gold.reviewer for gold in facts.gold if gold.marked]
    who = f" {', '.join(marked)} stand{'s' if len(marked) == 1 else ''} out." if marked else ""
    return (
        f"{right:,} of {counted(answers, 'answer')} to gold records are right, {measured(share, percent)}, less than "
        f"the {percent(least)} of min_gold_accuracy.{who} `curation status` shows how often each reviewer is right."
    )


def lint_gate(options: Publish, facts: GateFacts) -> str | None:
    """Return what `lint` finds in the rows, if it is as severe as `lint` under [publish] names; otherwise None."""
    if options.lint is None:
        return None
    severities = SEVERITIES[: SEVERITIES.index(options.lint) + 1]
    findings = [finding for finding in facts.findings if finding.severity in severities]
    if not findings:
        return None
    return (
        f"`lint` says of the rows: {'; '.join(map(_finding_text, findings))}. `curation export` writes these rows to a "
        "folder, and `curation lint FOLDER` shows which they are."
    )


def _three_decimals(value: float) -> str:
    """Return a number with three decimals, so that a number near its limit is not rounded to the limit."""
    return f"{value:.3f}"


def _finding_text(finding: LintFinding) -> str:
    """Return a finding as a clause: "error identical (2): chosen and rejected are the same"."""
    return f"{finding.severity} {finding.check} ({finding.count:,}): {finding.message}"
