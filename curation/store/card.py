"""The dataset card: YAML for the Hub, then what a reader needs to trust and use the data, and its pictures."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.resources import files
from itertools import pairwise

from pydantic import JsonValue

from curation.store import markdown
from curation.store.limits import MARKS, known_limits, programs
from curation.store.pictures import (
    funnel_svg,
    funnel_text,
    lengths_svg,
    lengths_text,
    one_line,
    reasons,
)
from curation.types import Agreement, JudgeAgreement, LabelSource, LengthBias, ReviewerStatistics

CARD = "README.md"
FUNNEL, LENGTHS = "images/funnel.svg", "images/lengths.svg"

LENGTH_EDGES = tuple(sorted({round(2 ** (half / 2)) for half in range(49)}))
"""Edges of the bins of lengths in characters: two to a doubling, from 1 to 2**24 (for `numpy.histogram`)."""

TRAINERS = {"dpo": "DPO", "kto": "KTO", "reward": "Reward", "sft": "SFT"}
"""TRL's trainer of each config that can be trained on: DPO stands for DPOTrainer and DPOConfig."""

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
    "human": "people",
    "simulated": "programs in the place of people",
    "judge": "the judge alone",
}
# Hub: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md, and DatasetCardData for the sizes.
STEPS = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
SIZES = ("n<1K", *(f"{low}<n<{high}" for low, high in pairwise(STEPS)), "n>1T")
LEAST_LANGUAGE = 0.01


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step from prompts to rows: how many are left, and what was dropped before it, by reason.

    `kept_in` says where the dropped things still are, if anywhere.
    """

    name: str
    count: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    kept_in: str | None = None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Histograms of lengths in characters, by what was measured ("prompt", "chosen", "rejected").

    `quantiles` are the median and the 95th percentile, missing where nothing was measured. Bin i counts lengths from
    edges[i] to below edges[i + 1], the last bin also its upper edge, as `numpy.histogram` does. Raises ValueError
    unless the edges are positive and increasing and there is a count for every bin.
    """

    counts: Mapping[str, Sequence[int]]
    quantiles: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    edges: Sequence[float] = LENGTH_EDGES

    def __post_init__(self) -> None:
        if self.edges[0] <= 0 or any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("The edges of the lengths must be positive and increasing.")
        for name, counts in self.counts.items():
            if len(counts) != len(self.edges) - 1:
                raise ValueError(f"{name!r} has {len(counts)} counts for {len(self.edges) - 1} bins.")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A generator: its name, the model behind it, how it was asked, and how many answers it gave."""

    generator: str
    model: str
    candidates: int
    settings: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgeFacts:
    """A judge: its name, the model behind it, the UltraFeedback aspects that it rated, and how it was asked."""

    judge: str
    model: str
    aspects: Sequence[str]
    settings: Mapping[str, JsonValue] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Confusion:
    """What Dawid-Skene estimated: P(answer given | true answer), a row per true answer, by pseudonym."""

    answers: Sequence[str]
    matrices: Mapping[str, Sequence[Sequence[float]]]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Everything a card says. Reviewers are pseudonyms everywhere.

    `sources` are "owner/name@sha" or "file.jsonl@hash", in the order in which they were read. `languages` counts rows
    by ISO 639-1 code, null for unknown; `rows` by (config, split); `label_sources` verdicts by who decided; `reviewers`
    submitted responses, of programs too. `suggested` says that reviewers saw the judge's choice before their own.
    `bytes` is the size of all shards. `judge_lines` and `checks` are sentences, `cost` and `resolver` phrases.
    `options` are the settings one must know to read the rows; `checksums` SHA-256 in hex by path. `version` is that of
    the program that made this, in `year`.
    """

    name: str
    repo_id: str
    sources: Sequence[str]
    rows: Mapping[tuple[str, str], int]
    funnel: Sequence[FunnelStep]
    year: int
    version: str
    agreement: Agreement
    bytes: int | None = None
    licence: str | None = None
    languages: Mapping[str | None, int] = field(default_factory=dict)
    models: Sequence[ModelFacts] = ()
    judges: Sequence[JudgeFacts] = ()
    judge_lines: Sequence[str] = ()
    judge_agreement: JudgeAgreement | None = None
    cost: str | None = None
    guidelines: str = ""
    suggested: bool = False
    reviewers: Mapping[str, int] = field(default_factory=dict)
    resolver: str | None = None
    confusion: Confusion | None = None
    label_sources: Mapping[LabelSource, int] = field(default_factory=dict)
    kto_true: int = 0
    kto_false: int = 0
    kto_weights: tuple[float, float] | None = None
    length_bias: LengthBias | None = None
    lengths: Lengths | None = None
    checks: Sequence[str] = ()
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)


def card_files(
    facts: CardFacts, paths: Mapping[str, Sequence[str]], *, present: Collection[str] = ()
) -> dict[str, bytes]:
    """Return README.md and its pictures by path; for the same facts always the same bytes. See `render_card`."""
    pictures = {FUNNEL: funnel_svg(facts.funnel)}
    if facts.lengths is not None:
        pictures[LENGTHS] = lengths_svg(facts.lengths)
    return {CARD: render_card(facts, paths, present=present).encode(), **pictures}


def render_card(facts: CardFacts, paths: Mapping[str, Sequence[str]], *, present: Collection[str] = ()) -> str:
    """Return README.md; `paths` has the shards of each split by "config/split".

    `present` are other paths of the repo: where a glob would match one of them, the YAML lists the shards instead.
    """
    import jinja2

    # What comes from outside goes through a filter; the rest is ours. The Hub sanitises HTML itself.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True)
    shown = (markdown.text, markdown.quoted, markdown.tex, markdown.settings, markdown.number, markdown.percent)
    environment.filters |= {show.__name__: show for show in (*shown, markdown.measured, markdown.size, reasons)}
    template = environment.from_string((files("curation.store") / "card.md.jinja").read_text(encoding="utf-8"))
    configs = list(dict.fromkeys(path.partition("/")[0] for path in paths))
    return template.render(
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
        answerers=len({model.generator for model in facts.models}),
        read_from=_read_from(facts.sources),
        programs=programs(facts),
        limits=list(known_limits(facts)),
        pictures=_pictures(facts),
        lengths=_lengths(facts.lengths),
        owner=facts.repo_id.partition("/")[0],
        key=re.sub(r"[^a-z0-9]+", "-", facts.repo_id.lower()).strip("-"),
    )


def _pictures(facts: CardFacts) -> dict[str, str]:
    """Each picture as Markdown, with what it shows as its alternative text."""
    said = {FUNNEL: funnel_text(facts.funnel), LENGTHS: lengths_text(facts.lengths) if facts.lengths else ""}
    return {path: f"![{markdown.text(shown)}]({path})" for path, shown in said.items()}


def _reviewers(facts: CardFacts) -> list[tuple[str, int, ReviewerStatistics | None]]:
    known = {reviewer.reviewer: reviewer for reviewer in facts.agreement.reviewers}
    return [(reviewer, responses, known.get(reviewer)) for reviewer, responses in facts.reviewers.items()]


def _reviewed(facts: CardFacts) -> str:
    """By whom: "1 reviewer and 2 programs"; nobody is a phrase too."""
    simulated = len(programs(facts))
    each = {"reviewer": len(facts.reviewers) - simulated, "program": simulated}
    return " and ".join(f"{n:,} {who}{'' if n == 1 else 's'}" for who, n in each.items() if n) or "nobody"


def _lengths(lengths: Lengths | None) -> list[tuple[str, int, str, str]]:
    """Name, number of texts, median and 95th percentile, as words."""
    if lengths is None:
        return []
    return [
        (name, sum(counts), *(f"{one:,}" for one in lengths.quantiles[name]))  # type: ignore[misc]
        for name, counts in lengths.counts.items()
        if name in lengths.quantiles
    ]


def _revisions(sources: Sequence[str]) -> dict[str, list[str]]:
    """The revisions of each source, by its name."""
    found: dict[str, list[str]] = {}
    for source in sources:
        name, _, revision = one_line(source).rpartition("@")
        found.setdefault(name, []).append(revision)
    return found


def _read_from(sources: Sequence[str]) -> str:
    """The sources as words; many revisions of one are only counted."""
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
    known = {path for shards in paths.values() for path in shards} | set(present)
    data = DatasetCardData(
        pretty_name=one_line(facts.name),
        license=None if facts.licence is None else one_line(facts.licence),
        language=_languages(facts) or None,
        task_categories=["text-generation"],
        size_categories=[_size_category(facts)],
        source_datasets=[name for name in revisions if "/" in name] or None,
        # The Hub's words for people are a crowd or experts, and we know neither.
        annotations_creators=["machine-generated"] if facts.label_sources and not _people(facts) else None,
        language_creators=["found", "machine-generated"] if facts.models else ["found"],
        tags=_tags(facts, configs),
        configs=[
            {
                "config_name": config,
                "data_files": [
                    {"split": key.partition("/")[2], "path": _data_files(key, shards, known)}
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
    """Return the only shard, a glob that matches all of them and nothing else, or else their list."""
    if len(shards) == 1:
        return shards[0]
    glob = f"{key}-*.parquet"
    return glob if {path for path in known if fnmatchcase(path, glob)} == set(shards) else sorted(shards)


def _tags(facts: CardFacts, configs: Sequence[str]) -> list[str]:
    pairs = {"dpo", "kto", "reward"} & set(configs)
    wanted = {
        "dpo": "dpo" in configs,
        "kto": "kto" in configs,
        "reward-model": "reward" in configs,
        "sft": "sft" in configs,
        "preference": pairs,
        "human-feedback": _people(facts),
        "rlhf": pairs and _people(facts),
        "rlaif": pairs and facts.label_sources.get("judge"),
        "synthetic": facts.models,
        "trl": TRAINERS.keys() & set(configs),
        "argilla": facts.reviewers,
        "distilabel": facts.models,
        "curation": True,
    }
    return [tag for tag, there in wanted.items() if there]


def _people(facts: CardFacts) -> int:
    return facts.label_sources.get("human", 0)


def _languages(facts: CardFacts) -> list[str]:
    total = sum(facts.languages.values())
    known = ((language, count) for language, count in facts.languages.items() if language)
    return sorted(language for language, count in known if count and count >= LEAST_LANGUAGE * total)


def _size_category(facts: CardFacts) -> str:
    largest = max((_rows(facts, config) for config, _ in facts.rows), default=0)
    return SIZES[min(max(len(str(largest)) - 3, 0), len(SIZES) - 1)]


def _rows(facts: CardFacts, config: str) -> int:
    return sum(count for (name, _), count in facts.rows.items() if name == config)
