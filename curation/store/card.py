"""The dataset card: YAML for the Hub, then what a reader needs to trust and use the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files

TAGS = ("dpo", "kto", "preference", "human-feedback", "argilla", "distilabel", "curation")


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step from prompts to rows: how many are left, and what was dropped before it, by reason."""

    name: str
    count: int
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Everything a card says. Reviewers are pseudonyms; `reviewers` counts submitted responses by pseudonym."""

    name: str
    repo_id: str
    source: str
    prompts: int
    models: tuple[tuple[str, str, int], ...]
    judges: tuple[str, ...]
    judge_lines: tuple[str, ...]
    cost: str
    guidelines: str
    rows: Mapping[tuple[str, str], int]
    funnel: tuple[FunnelStep, ...]
    reviewers: Mapping[str, int]
    agreement: float | None
    agreed_records: int
    label_sources: frozenset[str]
    kto_true: int
    kto_false: int
    kto_weights: tuple[float, float] | None


def render_card(facts: CardFacts, paths: Mapping[str, str]) -> str:
    """Return README.md; `paths` maps "config/split" to the split's file."""
    import jinja2

    # Names and guidelines come from outside; the card is Markdown on the Hub, which sanitises HTML itself.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True)
    environment.filters["cell"] = _cell
    template = environment.from_string((files("curation.store") / "card.md.jinja").read_text(encoding="utf-8"))
    configs = list(dict.fromkeys(path.partition("/")[0] for path in paths))
    weights = facts.kto_weights
    return template.render(
        **{
            **asdict(facts),
            "yaml": _yaml(facts, paths, configs),
            "configs": configs,
            "funnel_in": facts.prompts,
            "counts": [{"config": c, "split": s, "rows": rows} for (c, s), rows in facts.rows.items()],
            "funnel": [
                {"name": step.name, "count": step.count, "dropped": _reasons(step.dropped)} for step in facts.funnel
            ],
            "models": [{"generator": g, "model": m, "candidates": n} for g, m, n in facts.models],
            "reviewers": [{"name": name, "responses": n} for name, n in facts.reviewers.items()],
            "agreement": None if facts.agreement is None else f"{facts.agreement:.2f}",
            "simulated": "simulated" in facts.label_sources,
            "judged": "judge" in facts.label_sources,
            "kto_weights": weights and f"desirable_weight={weights[0]}, undesirable_weight={weights[1]}",
        }
    )


def _cell(text: object) -> str:
    """Return a text that stays in its cell of a Markdown table."""
    return " ".join(str(text).replace("\\", "\\\\").replace("|", "\\|").split())


def _yaml(facts: CardFacts, paths: Mapping[str, str], configs: list[str]) -> str:
    from huggingface_hub import DatasetCardData

    dataset, _, revision = facts.source.rpartition("@")
    data = DatasetCardData(
        pretty_name=facts.name,
        tags=list(TAGS),
        source_datasets=[dataset] if "/" in dataset else None,
        configs=[
            {
                "config_name": config,
                "data_files": [
                    {"split": key.partition("/")[2], "path": path}
                    for key, path in paths.items()
                    if key.partition("/")[0] == config
                ],
            }
            for config in configs
        ],
        curation={"source": dataset, "revision": revision},
    )
    return str(data.to_yaml())


def _reasons(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items())) or "-"
