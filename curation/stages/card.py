"""What the card of a published dataset says, gathered from the store and from what was derived of it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from typing import Any

from curation import labels
from curation.config import Config
from curation.export import SPLITS, suggested_weights
from curation.generation import Generator
from curation.stages.derive import Derived
from curation.stages.report import counted, dollars, judge_line
from curation.store import CardFacts, Snapshot
from curation.store.card import Confusion, FunnelStep, JudgeFacts, Lengths, ModelFacts
from curation.types import Agreement

SHOWN_SETTINGS = ("temperature", "max_new_tokens", "system_prompt")
SEED = 0
"""Of the bootstrap of alpha: the same votes have the same interval."""


def card_facts(config: Config, snapshot: Snapshot, derived: Derived) -> CardFacts:
    """Return everything the card says."""
    read, review, tally = snapshot.manifest.prompts, snapshot.manifest.review, derived.tally
    names = {reviewer: snapshot.pseudonym(reviewer) for reviewer in derived.reviewers}
    measured = _agreement(config, derived, names)
    choices, lengths = _stacked(tally.choices[derived.measured], 2), _stacked(tally.lengths, 3)
    return CardFacts(
        name=config.name,
        repo_id=config.publish.repo_id,
        source=read.source if read else "unknown",
        prompts=read.read if read else 0,
        rows={key: tally.rows[key] for key in product(config.publish.formats, SPLITS) if tally.rows[key]},
        funnel=_funnel(config, snapshot, derived),
        year=datetime.now(UTC).year,
        version=version("curation"),
        bytes=sum(shard.bytes for shard in tally.shards),
        licence=config.publish.license,
        languages=tally.languages,
        models=_models(config, derived),
        judges=tuple(JudgeFacts(judge.name, judge.model_id, judge.all_aspects) for judge in config.models.judges),
        judge_lines=tuple(judge_line(judge) for judge in tally.judges.statistics()),
        judge_agreement=labels.judge_agreement(choices[:, 0], choices[:, 1]) if config.models.judges else None,
        cost=_cost(config, derived),
        guidelines=review.guidelines if review else config.review.guidelines,
        suggested=config.review.show_suggestions,
        reviewers=dict(sorted((names[name], count) for name, count in derived.reviewers.items() if count)),
        agreement=measured,
        resolver=_resolver_line(config),
        confusion=_confusion(config, derived, names),
        label_sources=dict(sorted(tally.label_sources.items())),  # type: ignore[arg-type]
        kto_true=tally.kto_labels[True],
        kto_false=tally.kto_labels[False],
        kto_weights=kto_weights(derived),
        length_bias=labels.length_bias(lengths[:, 1], lengths[:, 2]),
        lengths=_histograms(lengths),
        checks=config.quality.lines(),
        options={
            "ties": config.labels.ties,
            "pairs": config.publish.pairs,
            "min_gap": config.publish.min_gap,
            "conversational": config.publish.conversational,
            **({"margin": config.publish.margin} if "reward" in config.publish.formats else {}),
        },
        checksums={shard.path: shard.sha256 for shard in tally.shards},
    )


def kto_weights(derived: Derived) -> tuple[float, float] | None:
    """Return the weights that balance the labels of the train split of `kto`; null if a label is missing."""
    counts = derived.tally.kto_labels
    weights = suggested_weights(counts[True], counts[False])
    if weights.desirable is None or weights.undesirable is None:
        return None
    return weights.desirable, weights.undesirable


def _agreement(config: Config, derived: Derived, names: dict[str, str]) -> Agreement:
    votes = labels.Votes.joined(derived.tally.votes[derived.measured])
    found = labels.agreement(votes, level=config.review.level, seed=SEED)
    reviewers = (one.model_copy(update={"reviewer": names[one.reviewer]}) for one in found.reviewers)
    return found.model_copy(update={"reviewers": tuple(sorted(reviewers, key=lambda one: one.reviewer))})


def _models(config: Config, derived: Derived) -> tuple[ModelFacts, ...]:
    options = {generator.name: generator for generator in config.generators}
    return tuple(
        ModelFacts(name, model, count, _settings(options.get(name)))
        for (name, model), count in sorted(derived.tally.models.items())
    )


def _settings(generator: Generator | None) -> dict[str, Any]:
    found = {} if generator is None else generator.model_dump(include=set(SHOWN_SETTINGS))
    return {name: found[name] for name in SHOWN_SETTINGS if found.get(name) is not None}


def _cost(config: Config, derived: Derived) -> str:
    spent = derived.spending
    said = f"{counted(spent.requests, 'answered request')}, {spent.tokens:,} tokens: {dollars(spent.cost)}"
    each = {name: spent.per_row(derived.rows(name)) for name in config.publish.formats}
    return ", ".join((said, *(f"{dollars(cost)} a row of {name}" for name, cost in each.items() if cost)))


def _resolver_line(config: Config) -> str:
    reviewers = counted(config.labels.min_reviewers, "reviewer")
    fallback = "; where nobody answered, the judge" if config.labels.judge_fallback else ""
    return f"{config.labels.resolver}, of at least {reviewers}{fallback}"


def _confusion(config: Config, derived: Derived, names: dict[str, str]) -> Confusion | None:
    fitted = derived.resolver
    if not isinstance(fitted, labels.FittedDawidSkene):
        return None
    answers = [config.review.answer_name(answer) for answer in fitted.answers]
    return Confusion(answers, dict(sorted((names[name], matrix) for name, matrix in fitted.confusion.items())))


def _funnel(config: Config, snapshot: Snapshot, derived: Derived) -> tuple[FunnelStep, ...]:
    read = snapshot.manifest.prompts
    raw = "raw" if "raw" in config.publish.formats else None
    return (
        FunnelStep("prompts read", read.read if read else 0),
        FunnelStep("prompts asked", derived.asked, read.dropped if read else {}),
        FunnelStep("prompts with at least two answers", derived.answered, derived.failures, kept_in=raw),
        FunnelStep("records shown to reviewers", derived.records, derived.tally.unshown, kept_in=raw),
        FunnelStep("verdicts", derived.tally.verdicts, derived.tally.unresolved, kept_in=raw),
        *(
            FunnelStep(f"{name} rows", derived.rows(name), derived.tally.dropped[name], kept_in=raw)
            for name in config.publish.formats
            if name != "raw"
        ),
    )


def _histograms(lengths: Any) -> Lengths | None:
    import numpy as np

    if not len(lengths):
        return None
    edges = Lengths({}).edges
    clipped = np.clip(lengths, edges[0], edges[-1])
    counts = {
        name: tuple(int(count) for count in np.histogram(clipped[:, column], edges)[0])
        for column, name in enumerate(("prompt", "chosen", "rejected"))
    }
    return Lengths(counts)


def _stacked(parts: list[Any], columns: int) -> Any:
    import numpy as np

    return np.concatenate([np.empty((0, columns)), *parts])
