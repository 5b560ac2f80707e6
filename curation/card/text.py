"""The text of the card: YAML for the Hub, then what a reader needs to trust and use the data."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from itertools import pairwise

import jinja2

from curation import labels
from curation.card import markdown
from curation.card.facts import CardFacts, Lengths
from curation.card.limits import MARKS, known_limits, programs
from curation.card.pictures import funnel_text, lengths_text, one_line
from curation.review_statistics import ReviewerStatistics
from curation.store.published import FUNNEL, LENGTHS
from curation.types import IMPORTED, LabelSource
from curation.wording import counted, number, percent, reasons, size

TRAINERS = {"dpo": "DPO", "kto": "KTO", "reward": "Reward", "sft": "SFT"}
"""TRL's trainer for each config: "DPO" stands for DPOTrainer and DPOConfig."""

CONTENTS = {
    "dpo": "pairs of answers: `prompt`, `chosen`, `rejected`",
    "kto": "single answers: `prompt`, `completion`, and whether it is good as `label`",
    "reward": "pairs of answers for a reward model",
    "sft": "what was chosen and what reviewers wrote, as demonstrations",
    "raw": "every prompt with all answers, and why they gave the rows they gave; for analysis, not for training",
}
OPTIONS = {
    "ties": "what becomes of records without a winner",
    "pairs": "which answers to a prompt stand against each other",
    "min_gap": "how far apart, in [0, 1], the scores of a pair are at least",
    "conversational": "whether texts are lists of messages, or plain strings",
    "margin": "whether `reward` has the score gap as `margin`, which TRL's RewardTrainer then uses",
}
DECIDERS: Mapping[LabelSource, str] = {
    "adjudicated": "adjudicators, after the first reviewers",
    "human": "people",
    "simulated": "programs in the place of people",
    "judge": "the judge alone",
    "imported": "the labels that the answers came with",
    "role": "the roles of the models alone, without people or a judge",
}
# Hub: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md, and DatasetCardData for the sizes.
STEPS = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
SIZES = ("n<1K", *(f"{low}<n<{high}" for low, high in pairwise(STEPS)), "n>1T")
LEAST_LANGUAGE = 0.01


def render_card(facts: CardFacts, paths: Mapping[str, Sequence[str]], *, present: Collection[str] = ()) -> str:
    """Return README.md. `paths` has the shards of each split: {"dpo/train": ["dpo/train-0123456789abcdef.parquet"]}.

    `present` are the other files in the repo. If a glob would match one of them, the YAML lists the shards instead.
    """
    configs = list(dict.fromkeys(path.partition("/")[0] for path in paths))
    return _template().render(
        facts=facts,
        yaml=_yaml(facts, paths, configs, present),
        paths=paths,
        configs=configs,
        tested=any(path.endswith("/test") for path in paths),
        contents=CONTENTS,
        trainers={config: TRAINERS[config] for config in configs if config in TRAINERS},
        option_meanings=OPTIONS,
        decided={DECIDERS[source]: count for source, count in facts.label_sources.items() if count},
        marks=MARKS,
        reviewers=_reviewers(facts),
        reviewed=_reviewed(facts),
        judge_check=tuple(labels.judge_check_lines(facts.judge_check)) if facts.judge_check is not None else (),
        ultrafeedback=any(not judge.criteria for judge in facts.judges),
        answerers=len({model.generator for model in facts.models} - {IMPORTED}),
        given=bool(facts.models) and not _asked(facts),
        read_from=_read_from(facts.sources),
        programs=programs(facts),
        limits=list(known_limits(facts)),
        pictures=_pictures(facts),
        lengths=_lengths(facts.lengths),
        owner=facts.repo_id.partition("/")[0],
        key=re.sub(r"[^a-z0-9]+", "-", facts.repo_id.lower()).strip("-"),
    )


@cache
def _template() -> jinja2.Template:
    """Return the template of the card. Jinja compiles it once, which takes it longer than to fill it in."""
    # Every text from outside goes through a filter of the template. The Hub sanitises HTML itself.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True)
    filters = (markdown.text, markdown.quoted, markdown.tex, markdown.settings, number, percent)
    environment.filters |= {show.__name__: show for show in (*filters, markdown.measured, size, reasons, counted)}
    return environment.from_string((files("curation.card") / "card.md.jinja").read_text(encoding="utf-8"))


def _pictures(facts: CardFacts) -> dict[str, str]:
    """Return each picture as Markdown, with its description as the alternative text."""
    descriptions = {FUNNEL: funnel_text(facts.funnel), LENGTHS: lengths_text(facts.lengths) if facts.lengths else ""}
    return {path: f"![{markdown.text(description)}]({path})" for path, description in descriptions.items()}


def _reviewers(facts: CardFacts) -> list[tuple[str, int, ReviewerStatistics | None]]:
    statistics = {reviewer.reviewer: reviewer for reviewer in facts.agreement.reviewers}
    return [(reviewer, responses, statistics.get(reviewer)) for reviewer, responses in facts.reviewers.items()]


def _reviewed(facts: CardFacts) -> str:
    """Return who reviewed: "1 reviewer and 2 programs", or "nobody"."""
    simulated = len(programs(facts))
    counts = {"reviewer": len(facts.reviewers) - simulated, "program": simulated}
    return " and ".join(counted(count, who) for who, count in counts.items() if count) or "nobody"


def _lengths(lengths: Lengths | None) -> list[tuple[str, int, str, str]]:
    """Return (name, number of texts, median, 95th percentile) for each kind of text, the last two formatted."""
    if lengths is None:
        return []
    return [
        (name, sum(counts), *(f"{quantile:,}" for quantile in lengths.quantiles[name]))  # type: ignore[misc]
        for name, counts in lengths.counts.items()
        if name in lengths.quantiles
    ]


def _revisions(sources: Sequence[str]) -> dict[str, list[str]]:
    """Return the revisions of each source by its name."""
    revisions: dict[str, list[str]] = {}
    for source in sources:
        name, _, revision = one_line(source).rpartition("@")
        revisions.setdefault(name, []).append(revision)
    return revisions


def _read_from(sources: Sequence[str]) -> str:
    """Return the sources as a phrase. If a source has several revisions, they are only counted."""
    return (
        " and ".join(
            f"{name}@{revisions[0]}" if len(revisions) == 1 else f"{name} ({len(revisions)} revisions)"
            for name, revisions in _revisions(sources).items()
        )
        or "an unknown source"
    )


def _yaml(facts: CardFacts, paths: Mapping[str, Sequence[str]], configs: list[str], present: Collection[str]) -> str:
    from huggingface_hub import DatasetCardData

    revisions = _revisions(facts.sources)
    paths_in_repo = {path for shards in paths.values() for path in shards} | set(present)
    data = DatasetCardData(
        pretty_name=one_line(facts.name),
        license=None if facts.licence is None else one_line(facts.licence),
        language=_languages(facts) or None,
        task_categories=["text-generation"],
        size_categories=[_size_category(facts)],
        source_datasets=[name for name in revisions if "/" in name] or None,
        # For people, the Hub only has "crowdsourced" and "expert-generated", and we do not know which is true.
        annotations_creators=["machine-generated"] if facts.label_sources and not _people(facts) else None,
        language_creators=["found", "machine-generated"] if _asked(facts) else ["found"],
        tags=_tags(facts, configs),
        configs=[
            {
                "config_name": config,
                "data_files": [
                    {"split": key.partition("/")[2], "path": _data_files(key, shards, paths_in_repo)}
                    for key, shards in paths.items()
                    if key.partition("/")[0] == config
                ],
            }
            for config in configs
        ],
        curation={"sources": revisions, "version": facts.version},
    )
    return str(data.to_yaml())


def _data_files(key: str, shards: Sequence[str], known: Collection[str]) -> str | list[str]:
    """Return the only shard, or a glob that matches all shards and nothing else, or else the list of shards."""
    if len(shards) == 1:
        return shards[0]
    glob = f"{key}-*.parquet"
    return glob if {path for path in known if fnmatchcase(path, glob)} == set(shards) else sorted(shards)


def _tags(facts: CardFacts, configs: Sequence[str]) -> list[str]:
    pairs = {"dpo", "kto", "reward"} & set(configs)
    conditions = {
        "dpo": "dpo" in configs,
        "kto": "kto" in configs,
        "reward-model": "reward" in configs,
        "sft": "sft" in configs,
        "preference": pairs,
        "human-feedback": _people(facts),
        "rlhf": pairs and _people(facts),
        "rlaif": pairs and facts.label_sources.get("judge"),
        "synthetic": _asked(facts),
        "trl": TRAINERS.keys() & set(configs),
        "argilla": facts.reviewers,
        "distilabel": _asked(facts) or facts.judges,
        "curation": True,
    }
    return [tag for tag, holds in conditions.items() if holds]


def _asked(facts: CardFacts) -> bool:
    """Whether models were asked for answers, so that not all of them came with their prompts."""
    return any(model.generator != IMPORTED for model in facts.models)


def _people(facts: CardFacts) -> int:
    return facts.label_sources.get("human", 0) + facts.label_sources.get("adjudicated", 0)


def _languages(facts: CardFacts) -> list[str]:
    total = sum(facts.languages.values())
    known = ((language, count) for language, count in facts.languages.items() if language)
    return sorted(language for language, count in known if count and count >= LEAST_LANGUAGE * total)


def _size_category(facts: CardFacts) -> str:
    largest = max((_rows(facts, config) for config, _ in facts.rows), default=0)
    return SIZES[min(max(len(str(largest)) - 3, 0), len(SIZES) - 1)]


def _rows(facts: CardFacts, config: str) -> int:
    return sum(count for (name, _), count in facts.rows.items() if name == config)
