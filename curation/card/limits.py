"""The known limits of the data: sentences that follow from the numbers on the card."""

from __future__ import annotations

from collections.abc import Iterator

from curation.card.facts import CardFacts
from curation.card.markdown import reason_of, text
from curation.review_statistics import WRONG_ON_GOLD, Measure
from curation.types import SIMULATED_PREFIX, UNKNOWN_MODEL
from curation.wording import counted, number, percent

MARKS = {
    "contrary": "agrees with the others less often than chance would",
    "random": "agreement with the others cannot be told from chance",
    "one_sided": "prefers one side of the page far more often than a fair coin would",
    WRONG_ON_GOLD: "is wrong more often than an honest reviewer on records whose right answer is known",
}
"""The meaning of the marks of reviewers."""

# Krippendorff (2004, p. 241): rely on alpha from .800 on, conclude tentatively from .667 on, and nothing below.
RELIABLE, TENTATIVE = 0.8, 0.667
# Landis and Koch (1977): a kappa up to .40 is fair at best.
FAIR = 0.4
# Cohen (1988): a correlation of .3 is a medium effect.
MEDIUM = 0.3
FEW_REVIEWERS = 5
# The 95 % interval of a share of n rows is about 1 / sqrt(n) to either side: 10 points at 100.
SMALL_TEST = 100
UNDETECTED = 0.1
RARE_LABEL = 0.2


def known_limits(facts: CardFacts) -> Iterator[str]:
    """Yield a sentence in Markdown for each limit of the data that follows from the facts."""
    if facts.licence is None:
        yield "No licence is stated, so nobody can rely on being allowed to use the data."
    yield from _labels(facts)
    yield from _reviewers(facts)
    yield from _judge(facts)
    yield from _answers(facts)
    yield from _splits(facts)
    yield from _balance(facts)
    yield from _language(facts)


def programs(facts: CardFacts) -> tuple[str, ...]:
    """Return the reviewers that are programs."""
    return tuple(reviewer for reviewer in facts.reviewers if reviewer.startswith(SIMULATED_PREFIX))


def _labels(facts: CardFacts) -> Iterator[str]:
    total = sum(facts.label_sources.values())
    simulated, judged = facts.label_sources.get("simulated", 0), facts.label_sources.get("judge", 0)
    if simulated:
        yield (
            f"Programs decided {percent(simulated / total)} of the verdicts in the place of people; those labels show "
            "that the pipeline works and say nothing of what people prefer."
        )
    if judged:
        yield f"The judge decided {percent(judged / total)} of the verdicts alone, without any reviewer."
    imported = facts.label_sources.get("imported", 0)
    if imported:
        yield (
            f"The labels that the answers came with decided {percent(imported / total)} of the verdicts: nobody looked "
            "at them again."
        )
    by_role = facts.label_sources.get("role", 0)
    if by_role:
        yield (
            f"Nobody looked at {percent(by_role / total)} of the pairs: the answer of the model that was meant to be "
            "better is chosen, whether it is better or not."
        )


def _reviewers(facts: CardFacts) -> Iterator[str]:
    simulated = len(programs(facts))
    # The figures are about people if any person answered.
    count = len(facts.reviewers) - simulated or simulated
    if count == 1:
        yield "One reviewer gave all answers: the labels are one opinion, and agreement cannot be measured."
    elif count:
        if count < FEW_REVIEWERS:
            yield f"Only {count} reviewers gave the answers; others may prefer differently."
        yield from _alpha(facts)
    for mark, meaning in MARKS.items():
        marked = sum(mark in marks for marks in facts.marked.values())
        if marked:
            crowd = facts.gold if mark == WRONG_ON_GOLD else facts.agreement.reviewers
            marked_reviewers = f"{marked} of {len(crowd)} reviewers {'is' if marked == 1 else 'are'}"
            yield f"{marked_reviewers} marked `{mark}` ({meaning}); those answers were not left out."


def _alpha(facts: CardFacts) -> Iterator[str]:
    alpha = facts.agreement.alpha
    if alpha.value is None:
        yield f"How far reviewers agree is not known: {reason_of(alpha)}."
    elif alpha.value < TENTATIVE:
        yield (
            f"Reviewers agree little: alpha is {number(alpha.value)}, and below {TENTATIVE} Krippendorff advises "
            "against any conclusion. Keep the rows with a high `agreement`, or have more people answer."
        )
    elif alpha.value < RELIABLE:
        yield (
            f"Reviewers agree moderately: alpha is {number(alpha.value)}, and below {RELIABLE} Krippendorff allows "
            "tentative conclusions only."
        )
    elif alpha.low is not None and alpha.low < TENTATIVE:
        yield (
            f"Alpha rests on {counted(alpha.count, 'record')} and may be as low as "
            f"{number(alpha.low)}: too few answers to say that reviewers agree."
        )


def _judge(facts: CardFacts) -> Iterator[str]:
    if facts.suggested and facts.reviewers:
        yield (
            "Reviewers saw the judge's choice filled in before they answered, on some or all records, and may have "
            "followed it: the labels, how far reviewers agree, and how right the judge is may all be worse than they "
            "look."
        )
    if not facts.judges:
        return
    if facts.judge_agreement is None:
        yield "How well the judge agrees with reviewers was not measured."
        return
    kappa = facts.judge_agreement.kappa
    if kappa.value is None:
        yield f"How well the judge agrees with reviewers is not known: {reason_of(kappa)}."
    elif kappa.value <= FAIR:
        yield f"The judge is noisy: it agrees with reviewers little beyond chance (kappa {number(kappa.value)})."


def _answers(facts: CardFacts) -> Iterator[str]:
    effect = facts.length_bias.effect if facts.length_bias else None
    if effect is not None and effect.value is not None and abs(effect.value) >= MEDIUM and _beyond_zero(effect):
        which, how = ("longer", "at length") if effect.value > 0 else ("shorter", "briefly")
        yield (
            f"The {which} answer is chosen far more often than not (effect {number(effect.value)}): a model trained on "
            f"these rows may learn to answer {how}, whatever the content."
        )
    models = {model.model for model in facts.models}
    if len(models) == 1 and models != {UNKNOWN_MODEL}:
        yield f"All answers are by one model, {text(*models)}: pairs show how it varies, not how models differ."


def _beyond_zero(measure: Measure) -> bool:
    """Whether the interval excludes 0; without an interval, whether the value is not 0."""
    return measure.low is None or measure.high is None or not measure.low <= 0 <= measure.high


def _splits(facts: CardFacts) -> Iterator[str]:
    configs = dict.fromkeys(name for name, _ in facts.rows if name != "raw")
    tests = {config: facts.rows.get((config, "test"), 0) for config in configs}
    without = [f"`{config}`" for config, rows in tests.items() if not rows]
    if without:
        yield f"No test split: {', '.join(without)}."
    small = {config: rows for config, rows in tests.items() if 0 < rows < SMALL_TEST}
    if small:
        least = min(small.values())
        yield (
            f"Small test splits, in rows: {', '.join(f'`{config}` {rows}' for config, rows in small.items())}. An "
            f"accuracy measured on {least} is uncertain by about {min(100 / least**0.5, 100):.0f} points."
        )


def _balance(facts: CardFacts) -> Iterator[str]:
    total = facts.kto_true + facts.kto_false
    rare = min(facts.kto_true, facts.kto_false) / (total or 1)
    if total and not rare:
        yield f"All labels of `kto` are {'true' if facts.kto_true else 'false'}: KTO has nothing to tell apart."
    elif total and rare < RARE_LABEL:
        which = "true" if facts.kto_true < facts.kto_false else "false"
        yield f"Only {percent(rare)} of the labels of `kto` are {which}: train with the suggested weights."


def _language(facts: CardFacts) -> Iterator[str]:
    total, unknown = sum(facts.languages.values()), facts.languages.get(None, 0)
    if total and unknown > UNDETECTED * total:
        yield f"The language of {percent(unknown / total)} of the rows was not recognised."
