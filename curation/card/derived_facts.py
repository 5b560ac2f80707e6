"""Gathers the facts of a card from the store and from the rows that were derived from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation import labels
from curation.card.facts import CardFacts, Confusion, DocumentCoverage, FunnelStep, JudgeFacts, Lengths, ModelFacts
from curation.config import Config
from curation.derive import Derived
from curation.derive.tally import Tally
from curation.export import SPLITS, suggested_weights
from curation.generation.judge_report import judge_line, judges_line
from curation.gold import gold_accuracy
from curation.linting.safety import Coverage, counted_as, coverage
from curation.review_statistics import Agreement, GoldAccuracy
from curation.store import Snapshot
from curation.wording import counted, dollars

SHOWN_SETTINGS = ("temperature", "max_new_tokens", "system_prompt", "template", "generators", "methods", "order")
"""The settings of models that the card shows."""
SEED = 0
"""The seed of the bootstrap of alpha, so that the same votes always have the same interval."""


def card_facts(config: Config, snapshot: Snapshot, derived: Derived) -> CardFacts:
    """Return all facts for the card, from the store (`snapshot`) and the rows that were derived from it."""
    review, tally = snapshot.manifest.review, derived.tally
    pseudonyms = {reviewer: snapshot.pseudonym(reviewer) for reviewer in derived.reviewers}
    judges = _judges(snapshot, derived)
    choices, lengths = _stacked(tally.choices[derived.measured], 2), _stacked(tally.lengths, 3)
    return CardFacts(
        name=config.name,
        repo_id=config.publish.repo_id,
        sources=tuple(derived.sources),
        rows={key: tally.rows[key] for key in product(config.publish.formats, SPLITS) if tally.rows[key]},
        funnel=_funnel(config, snapshot, derived),
        year=datetime.now(UTC).year,
        version=version("curation"),
        bytes=sum(shard.bytes for shard in tally.shards),
        licence=config.publish.license,
        languages=tally.languages,
        models=_models(snapshot, derived),
        judges=judges,
        judge_lines=(
            *map(judge_line, tally.judges.statistics()),
            *(judges_line(labels.judges_agreement(pair)) for pair in tally.judges.pairs()),
        ),
        judge_agreement=labels.judge_agreement(choices[:, 0], choices[:, 1]) if judges else None,
        judge_check=derived.judge_check if judges else None,
        imported=derived.imported,
        cost=_cost(config, derived),
        guidelines=review.guidelines if review else config.review.guidelines,
        suggested=bool(config.review.show_suggestions),
        reviewers=dict(sorted((pseudonyms[name], count) for name, count in derived.reviewers.items() if count)),
        agreement=reviewer_agreement(config, derived, pseudonyms),
        gold=_gold(config, snapshot),
        flags=dict(sorted(tally.flags.items())),
        ignored_flags=config.labels.ignored_flags,
        resolver=_resolver_line(config),
        confusion=_confusion(config, derived, pseudonyms),
        label_sources=dict(sorted(tally.label_sources.items())),  # type: ignore[arg-type]
        escalated=len(snapshot.escalated),
        kto_true=tally.kto_labels[True],
        kto_false=tally.kto_labels[False],
        kto_weights=kto_weights(derived),
        length_bias=labels.length_bias(lengths[:, 1], lengths[:, 2]),
        lengths=_histograms(lengths),
        coverage=refusal_coverage(tally.categories),
        method=config.publish.method,
        documents=document_coverage(tally),
        checks=config.quality.lines(config.filters),
        options={
            "ties": config.labels.ties,
            "pairs": config.publish.pairs,
            "min_gap": config.publish.min_gap,
            "conversational": config.publish.conversational,
            **({"margin": config.publish.margin} if "reward" in config.publish.formats else {}),
        },
        checksums={shard.path: shard.sha256 for shard in tally.shards},
    )


def refusal_coverage(categories: Mapping[str, int], *, minimum: int = 1) -> Coverage | None:
    """Return how prompts are spread over the categories of refusal data; None unless most are in one.

    Benign twins count for neither side. `minimum` is the smallest number of prompts that the dataset should have.
    """
    counts: Counter[str] = Counter()
    for name, count in categories.items():
        counts[counted_as(name)] += count
    spread = coverage(counts, minimum=minimum)
    return spread if spread.total > 2 * spread.uncategorised else None


def document_coverage(tally: Tally) -> DocumentCoverage | None:
    """Return how far the questions with rows cover their documents; None without questions about documents."""
    if not tally.parts:
        return None
    parts = {document: parts for document, _, parts in tally.parts}
    return DocumentCoverage(
        documents=len(parts),
        parts=sum(parts.values()),
        covered=len(tally.parts),
        questions=tally.parts.total(),
        grounded=tally.grounded[True],
        unanswerable=tally.parts.total() - tally.grounded.total(),
    )


def kto_weights(derived: Derived) -> tuple[float, float] | None:
    """Return the weights (desirable, undesirable) that balance the labels of the train split of `kto`.

    None if there are no rows with one of the labels.
    """
    counts = derived.tally.kto_labels
    weights = suggested_weights(counts[True], counts[False])
    if weights.desirable is None or weights.undesirable is None:
        return None
    return weights.desirable, weights.undesirable


def reviewer_agreement(config: Config, derived: Derived, pseudonyms: Mapping[str, str]) -> Agreement:
    """Return how far reviewers agree, with pseudonyms in the place of their names."""
    votes = derived.votes[derived.measured]
    agreement = labels.agreement(votes, level=config.review.level, leaning=config.review.leaning, seed=SEED)
    reviewers = (
        reviewer.model_copy(update={"reviewer": pseudonyms[reviewer.reviewer]}) for reviewer in agreement.reviewers
    )
    by_pseudonym = sorted(reviewers, key=lambda reviewer: reviewer.reviewer)
    return agreement.model_copy(update={"reviewers": tuple(by_pseudonym)})


def _gold(config: Config, snapshot: Snapshot) -> tuple[GoldAccuracy, ...]:
    """Return how often each reviewer is right on gold records, with pseudonyms in the place of their names."""
    accuracies = (
        accuracy.model_copy(update={"reviewer": snapshot.pseudonym(accuracy.reviewer)})
        for accuracy in gold_accuracy(config, snapshot)
    )
    return tuple(sorted(accuracies, key=lambda accuracy: accuracy.reviewer))


def _models(snapshot: Snapshot, derived: Derived) -> tuple[ModelFacts, ...]:
    """Return the models that answered, with the settings they were asked with: the config may have changed since.

    A model that was asked with settings that look the same on the card is listed once, with all its answers.
    """
    facts: list[ModelFacts] = []
    for (name, model, settings), count in sorted(derived.tally.models.items()):
        stages = snapshot.manifest.settings.get(settings, {})
        shown = _shown_settings(stages.get(f"generate {name}") or stages.get(f"evolve {name}") or {})
        new = ModelFacts(name, model, count, shown)
        same = [earlier for earlier in facts if replace(earlier, candidates=count) == new]
        facts = [earlier for earlier in facts if earlier not in same]
        facts.append(replace(new, candidates=count + sum(earlier.candidates for earlier in same)))
    return tuple(facts)


def _judges(snapshot: Snapshot, derived: Derived) -> tuple[JudgeFacts, ...]:
    """Return the judges that were asked about the answers, with the settings they were asked with, each once."""
    judges: dict[JudgeFacts, None] = {}
    for settings in sorted({settings for _, _, settings in derived.tally.models}):
        for stage, options in snapshot.manifest.settings.get(settings, {}).items():
            kind, _, name = stage.partition(" ")
            if kind == "judge":
                aspects: Any = options["aspects"]
                criteria: Any = options.get("criteria") or ()
                of_rubric = tuple(
                    (criterion["name"], criterion["description"], criterion["scale"]) for criterion in criteria
                )
                model = str(options["model_id"])
                judges[JudgeFacts(name, model, tuple(aspects), _shown_settings(options), of_rubric)] = None
    return tuple(judges)


def _shown_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in SHOWN_SETTINGS if options.get(name) is not None}


def _cost(config: Config, derived: Derived) -> str:
    """Return what was paid as a phrase: "12 answered requests, 3,400 tokens: $0.02, $0.0033 a row of dpo"."""
    spent = derived.spending
    total = f"{counted(spent.requests, 'answered request')}, {spent.tokens:,} tokens: {dollars(spent.cost)}"
    per_row = {name: spent.per_row(count) for name, count in derived.row_counts.items()}
    return ", ".join((total, *(f"{dollars(cost)} a row of {name}" for name, cost in per_row.items() if cost)))


def _resolver_line(config: Config) -> str:
    """Return the resolver as a phrase: "majority, of at least 2 reviewers"."""
    reviewers = counted(config.labels.min_reviewers, "reviewer")
    fallback = "; where nobody answered, the judge" if config.labels.judge_fallback else ""
    if config.review.skip_if is not None:
        gap = config.review.skip_if.judge_gap
        fallback += f"; where its ratings are {gap:g} or more apart, the judge, but for a sample"
    fallback += "; where nobody decided, the labels of the source" if config.labels.accept_imported else ""
    return f"{config.labels.resolver}, of at least {reviewers}{fallback}"


def _confusion(config: Config, derived: Derived, pseudonyms: Mapping[str, str]) -> Confusion | None:
    """Return what `dawid-skene` estimated for each reviewer, None with another resolver."""
    fitted = derived.resolver
    if not isinstance(fitted, labels.FittedDawidSkene):
        return None
    answers = [config.review.answer_name(answer) for answer in fitted.answers]
    return Confusion(answers, dict(sorted((pseudonyms[name], matrix) for name, matrix in fitted.confusion.items())))


def _funnel(config: Config, snapshot: Snapshot, derived: Derived) -> tuple[FunnelStep, ...]:
    """Return the steps from prompts to rows; each counts prompts, and what was dropped on the way to it."""
    raw = "raw" if "raw" in config.publish.formats else None
    unread, tally = _unread(snapshot), derived.tally
    dropped = unread + Counter(derived.dropped)
    # Sets with too few answers are counted in the step before.
    unshown = {reason: count for reason, count in derived.tally.unshown.items() if reason != config.review.too_few}
    return (
        FunnelStep("prompts read", derived.asked + dropped.total()),
        FunnelStep("prompts asked", derived.asked, dropped, kept_in=_kept_in(raw, derived.dropped, unread)),
        FunnelStep(
            f"prompts with at least {counted(config.review.min_candidates, 'answer')}",
            derived.answered,
            derived.failures,
            kept_in=raw,
        ),
        FunnelStep("prompts shown to reviewers", tally.reached["shown"], unshown, kept_in=raw),
        FunnelStep("prompts with a verdict", tally.reached["verdicts"], tally.unresolved, kept_in=raw),
        *(
            FunnelStep(f"prompts with {name} rows", tally.reached[name], tally.dropped[name], kept_in=raw)
            for name in config.publish.formats
            if name != "raw"
        ),
    )


def _unread(snapshot: Snapshot) -> Counter[str]:
    """Return, by reason, how many rows of the sources were dropped because they are no prompts, or the same prompt."""
    of_checks = {dropped.reason for dropped in snapshot.dropped_prompts.values()}
    unread: Counter[str] = Counter()
    for prompts_read in snapshot.manifest.prompts.values():
        unread.update({reason: count for reason, count in prompts_read.dropped.items() if reason not in of_checks})
    return unread


def _kept_in(raw: str | None, kept: Collection[str], lost: Collection[str]) -> str | None:
    """Return where dropped prompts can be read: "raw", or "raw (pii)" if that has only those of some reasons."""
    if raw is None or not kept:
        return None
    return f"{raw} ({', '.join(sorted(kept))})" if lost else raw


def _histograms(lengths: NDArray[np.float64]) -> Lengths | None:
    """Return the histograms of an array with a row per pair and the columns prompt, chosen and rejected."""
    if not len(lengths):
        return None
    edges = Lengths({}).edges
    clipped = np.clip(lengths, edges[0], edges[-1])
    counts, quantiles = {}, {}
    for column, name in enumerate(("prompt", "chosen", "rejected")):
        counts[name] = tuple(int(count) for count in np.histogram(clipped[:, column], edges)[0])
        median, most = np.quantile(lengths[:, column], (0.5, 0.95), method="inverted_cdf").tolist()
        quantiles[name] = int(median), int(most)
    return Lengths(counts, quantiles)


def _stacked(parts: Sequence[NDArray[Any]], columns: int) -> NDArray[np.float64]:
    """Return the rows of all parts in one array, which has `columns` columns also without any part."""
    return np.concatenate([np.empty((0, columns)), *parts])
