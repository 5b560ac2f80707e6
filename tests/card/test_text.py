"""The card: YAML that the Hub reads, numbers that a reader needs, and nothing that names a person."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

from curation.card import CardFacts, card_files
from curation.card.facts import LENGTH_EDGES, Confusion, FunnelStep, JudgeFacts, Lengths, ModelFacts
from curation.card.text import render_card
from curation.linting.safety import coverage
from curation.review_statistics import (
    Agreement,
    GoldAccuracy,
    JudgeAgreement,
    JudgeCheck,
    LengthBias,
    Measure,
    ReviewerStatistics,
)

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
FIRST, SECOND = "reviewer-0123456789abcdef", "reviewer-fedcba9876543210"
JUDGE = JudgeFacts("large", "acme/large", ("overall-rating",))


def measure(value: float | None, low: float | None = None, high: float | None = None, **rest: Any) -> Measure:
    return Measure(value=value, low=low, high=high, **rest)


def statistics(reviewer: str, *marks: str) -> ReviewerStatistics:
    return ReviewerStatistics(
        reviewer=reviewer,
        responses=12,
        agreement=measure(0.875, 0.5, 0.99, count=8),
        leaning=measure(None, reason="too few answers"),
        marks=marks,
    )


AGREEMENT = Agreement(
    level="nominal",
    alpha=measure(0.8125, 0.7, 0.9, count=8),
    percent=measure(0.875, 0.7, 0.95, count=8),
    leaning="prefers the first answer",
    reviewers=(statistics(FIRST), statistics(SECOND)),
)
FACTS = CardFacts(
    name="helpful",
    repo_id="acme/helpful",
    sources=("acme/prompts@0123abc",),
    rows={("dpo", "train"): 11, ("dpo", "test"): 1, ("kto", "train"): 25},
    funnel=(
        FunnelStep("prompts kept", 18, {"duplicate": 1, "empty": 1}, "the store"),
        FunnelStep("verdicts", 13, {"draw": 2, "unreviewed": 3}),
        FunnelStep("dpo rows", 12),
    ),
    year=2026,
    version="0.1.0",
    agreement=AGREEMENT,
    bytes=12_345,
    licence="cc-by-4.0",
    languages={"en": 36, "de": 1, None: 0},
    models=(ModelFacts("cool", "acme/small", 19, {"temperature": 0.2}), ModelFacts("warm", "acme/other", 18)),
    judges=(JUDGE,),
    judge_lines=("Judge acme/large: 97 % of ratings read, best and worst tied in 5 % of sets; ratings 1: 3, 5: 9.",),
    cost="74 answered requests, 12,345 tokens: $1.25, $0.1042 a row of dpo",
    guidelines="Choose the *better* one.",
    reviewers={FIRST: 12, SECOND: 7},
    label_sources={"human": 13},
    kto_true=15,
    kto_false=10,
    kto_weights=(1.0, 1.5),
)
PATHS = {
    "dpo/train": ["dpo/train-0.parquet"],
    "dpo/test": ["dpo/test-1.parquet"],
    "kto/train": ["kto/train-2.parquet"],
}
ALL_PATHS = {f"{config}/train": [f"{config}/train-0.parquet"] for config in ("dpo", "kto", "reward", "sft", "raw")}
LENGTHS = Lengths({"prompt": tuple(3 if edge == 256 else 0 for edge in LENGTH_EDGES[:-1])}, {"prompt": (300, 360)})


def card(paths: dict[str, list[str]] = PATHS, **changes: Any) -> str:
    return render_card(replace(FACTS, **changes), paths)


def front(text: str) -> dict[str, Any]:
    """Return the YAML as the Hub's own client reads it."""
    data: Any = DatasetCard(text, ignore_metadata_errors=False).data
    head = dict(data.to_dict())
    assert head == yaml.safe_load(text.split("---\n", 2)[1])
    assert text.split("\n---\n", 1)[1].startswith("\n# ")
    return head


def sections(text: str) -> list[str]:
    tokens = MARKDOWN.parse(text.split("\n---\n", 1)[1])
    assert [token.tag for token in tokens if token.type == "heading_open"].count("h1") == 1
    return [
        inline.content for opened, inline in pairwise(tokens) if opened.type == "heading_open" and opened.tag == "h2"
    ]


def table(text: str, title: str, number: int = 0) -> list[list[str]]:
    """Return the cells of a table under a heading, the head and its rule left out."""
    lines = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0].splitlines()
    start = [place for place, line in enumerate(lines) if line.startswith("|---")][number]
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def code(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_yaml_lists_every_file_by_config_and_split() -> None:
    assert front(card())["configs"] == [
        {
            "config_name": "dpo",
            "data_files": [
                {"split": "train", "path": "dpo/train-0.parquet"},
                {"split": "test", "path": "dpo/test-1.parquet"},
            ],
        },
        {"config_name": "kto", "data_files": [{"split": "train", "path": "kto/train-2.parquet"}]},
    ]


def test_flags_are_counted_and_those_that_keep_nothing_out_are_named() -> None:
    text = card(flags={"unsafe": 1200, "wrong_language": 3}, ignored_flags=("wrong_language",))
    assert table(text, "Reviewers and agreement", 1) == [["unsafe", "1,200", "yes"], ["wrong_language", "3", "no"]]
    assert "What reviewers flagged" not in card()


def data_files(paths: dict[str, list[str]], present: tuple[str, ...] = ()) -> list[Any]:
    configs = front(render_card(FACTS, paths, present=present))["configs"]
    return [files["path"] for config in configs for files in config["data_files"]]


def test_several_shards_are_a_glob_that_matches_them_and_nothing_else() -> None:
    paths = {"dpo/train": ["dpo/train-a.parquet", "dpo/train-b.parquet"], "dpo/test": ["dpo/test-c.parquet"]}
    assert data_files(paths, ("README.md", "dpo/test-d.parquet")) == ["dpo/train-*.parquet", "dpo/test-c.parquet"]
    every = [path for shards in paths.values() for path in shards]
    assert [path for path in every if PurePosixPath(path).match("dpo/train-*.parquet")] == paths["dpo/train"]


@pytest.mark.parametrize(
    ("paths", "present"),
    [
        ({"dpo/train": ["dpo/train-b.parquet", "dpo/train-a.parquet"]}, ("dpo/train-old.parquet",)),
        (
            {"dpo/train": ["dpo/train-b.parquet", "dpo/train-a.parquet"], "dpo/train-2": ["dpo/train-2-c.parquet"]},
            (),
        ),
    ],
    ids=["another file", "another split"],
)
def test_where_a_glob_would_match_more_the_shards_are_listed(
    paths: dict[str, list[str]], present: tuple[str, ...]
) -> None:
    assert data_files(paths, present)[0] == ["dpo/train-a.parquet", "dpo/train-b.parquet"]


def test_shards_with_other_names_are_listed() -> None:
    assert data_files({"dpo/train": ["data/1.parquet", "data/0.parquet"]}) == [["data/0.parquet", "data/1.parquet"]]


def test_the_yaml_lists_no_config_or_split_without_a_file() -> None:
    text = card({"kto/train": ["kto/train-2.parquet"]})
    assert [config["config_name"] for config in front(text)["configs"]] == ["kto"]
    assert "dpo = load_dataset" not in text
    assert "DPOTrainer" not in text


def test_the_yaml_has_the_fields_that_the_hub_reads() -> None:
    head = front(card())
    assert head["source_datasets"] == ["acme/prompts"]
    assert head["curation"] == {"sources": {"acme/prompts": ["0123abc"]}, "version": "0.1.0"}
    assert head["pretty_name"] == "helpful"
    assert head["license"] == "cc-by-4.0"
    assert head["language"] == ["de", "en"]
    assert head["task_categories"] == ["text-generation"]
    assert head["language_creators"] == ["found", "machine-generated"]
    # A stale dataset_info keeps `load_dataset` from loading at all.
    assert "dataset_info" not in head


def test_unknown_facts_are_left_out_of_the_yaml() -> None:
    head = front(card(licence=None, languages={None: 3}, sources=("prompts.jsonl@0123abc",)))
    assert not {"license", "language", "source_datasets", "annotations_creators"} & set(head)
    assert head["curation"]["sources"] == {"prompts.jsonl": ["0123abc"]}


@pytest.mark.slow
def test_every_source_is_named_with_its_revisions() -> None:
    text = card(sources=("acme/prompts@1", "prompts.jsonl@2", "acme/prompts@3"))
    head = front(text)
    assert head["curation"]["sources"] == {"acme/prompts": ["1", "3"], "prompts.jsonl": ["2"]}
    assert head["source_datasets"] == ["acme/prompts"]
    assert "prompts from acme/prompts (2 revisions) and prompts.jsonl@2 were answered by 2 generators" in text


def test_a_language_of_less_than_one_row_in_a_hundred_is_left_out() -> None:
    assert front(card(languages={"en": 980, "de": 10, "fr": 9, None: 1}))["language"] == ["de", "en"]


def test_norwegian_is_a_language() -> None:
    assert front(card(languages={"no": 1}))["language"] == ["no"]


@pytest.mark.parametrize(
    ("rows", "size"),
    [
        (1, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (9_999, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (1_000_000, "1M<n<10M"),
        (999_999_999, "100M<n<1B"),
        (10**12 - 1, "100B<n<1T"),
        (10**12, "n>1T"),
        (10**15, "n>1T"),
    ],
)
def test_the_size_is_that_of_the_largest_config(rows: int, size: str) -> None:
    counts = {("dpo", "train"): 1, ("kto", "train"): rows - 1, ("kto", "test"): 1}
    assert front(card(rows=counts))["size_categories"] == [size]


def test_the_tags_follow_from_the_formats_and_from_who_decided() -> None:
    common = ["preference", "human-feedback", "rlhf", "synthetic", "trl", "argilla", "distilabel", "curation"]
    assert front(card())["tags"] == ["dpo", "kto", *common]
    assert front(card(ALL_PATHS))["tags"] == ["dpo", "kto", "reward-model", "sft", *common]
    assert "trl" not in front(card({"raw/train": ["raw/train-0.parquet"]}))["tags"]


@pytest.mark.parametrize(
    ("sources", "tags", "creators"),
    [
        ({"human": 1}, {"human-feedback", "rlhf"}, None),
        ({"human": 1, "judge": 1}, {"human-feedback", "rlhf", "rlaif"}, None),
        ({"human": 0, "judge": 1}, {"rlaif"}, ["machine-generated"]),
        ({"simulated": 1}, set(), ["machine-generated"]),
    ],
)
def test_only_decisions_of_people_are_human_feedback(
    sources: dict[str, int], tags: set[str], creators: list[str] | None
) -> None:
    head = front(card(label_sources=sources))
    assert {"human-feedback", "rlhf", "rlaif"} & set(head["tags"]) == tags
    assert head.get("annotations_creators") == creators


@pytest.mark.parametrize(
    "name",
    ["no", "null", "1e3", "2026-01-01", "a.b-c_d", "a: b # c", "---", "'\"", "{x}", "a\n---\nb: c", "名前 👩\u200d👧"],
)
def test_a_name_that_yaml_would_read_as_something_else_stays_a_name(name: str) -> None:
    assert front(card(name=name, licence=name))["pretty_name"] == " ".join(name.split())


def test_the_tables_hold_every_count() -> None:
    text = card(agreement=AGREEMENT)
    assert [row[:3] for row in table(text, "Rows")] == [
        ["dpo", "train", "11"],
        ["dpo", "test", "1"],
        ["kto", "train", "25"],
    ]
    assert table(text, "Models") == [
        ["cool", "acme/small", "19", "temperature = 0.2"],
        ["warm", "acme/other", "18", "-"],
    ]
    assert table(text, "From prompts to rows") == [
        ["prompts kept", "18", "1 duplicate, 1 empty", "the store"],
        ["verdicts", "13", "3 unreviewed, 2 draw", "-"],
        ["dpo rows", "12", "-", "-"],
    ]
    assert table(text, "Reviewers and agreement") == [
        [FIRST, "12", "87.5 % (95 % interval 50 % to 99 %)", "not defined (too few answers)", "-"],
        [SECOND, "7", "87.5 % (95 % interval 50 % to 99 %)", "not defined (too few answers)", "-"],
    ]
    assert table(text, "Reviewers and agreement", 1) == [["people", "13"]]


def test_a_source_that_decided_nothing_is_not_listed() -> None:
    text = card(label_sources={"judge": 0, "simulated": 2, "human": 11})
    decided = table(text, "Reviewers and agreement", 1)
    assert decided == [["programs in the place of people", "2"], ["people", "11"]]


def test_the_card_says_what_adjudicators_decided_and_that_they_are_people() -> None:
    text = card(label_sources={"adjudicated": 2, "simulated": 1}, escalated=3)
    assert table(text, "Reviewers and agreement", 1)[0] == ["adjudicators, after the first reviewers", "2"]
    assert "The first reviewers did not agree on 3 records, or flagged them" in text
    assert "have decided\n2 records so far" in text
    assert "- human-feedback" in text
    assert "adjudicators" not in card()


def test_the_sentences_hold_the_rest() -> None:
    text = card()
    assert "prompts from acme/prompts@0123abc were answered by 2 generators" in text
    assert "rated by acme/large (overall-rating), and reviewed by 2 reviewers." in text
    assert "Licence: cc-by-4.0. Size: 12.3 kB. Languages, by share of the rows: en 97.3 %, de 2.7 %" in text
    assert "Choose the *better* one." in text
    assert "What the models cost: 74 answered requests, 12,345 tokens: $1.25, $0.1042 a row of dpo." in text


def test_a_count_of_one_has_a_singular_noun() -> None:
    text = card(reviewers={"reviewer-1": 3}, models=FACTS.models[:1])
    assert "answered by 1 generator," in text
    assert "by 1 generator," in text
    assert "reviewed by 1 reviewer." in text


def test_alpha_has_its_interval() -> None:
    text = card(agreement=AGREEMENT)
    assert "Krippendorff's alpha, nominal: **0.81 (95 % interval 0.70 to 0.90)**" in text
    assert "that are equal: **87.5 % (95 % interval 70 % to 95 %)**" in text


def test_a_measure_that_is_null_prints_its_reason_and_no_number() -> None:
    null = measure(None, reason="all answers are equal")
    agreement = AGREEMENT.model_copy(update={"alpha": null, "percent": null})
    text = card(
        agreement=agreement,
        judge_agreement=JudgeAgreement(accuracy=null, kappa=null),
        length_bias=LengthBias(longer_chosen=null, effect=null),
    )
    assert text.count("not defined (all answers are equal)") == 4
    assert "Whether longer answers are chosen is not known: all answers are equal." in text
    assert "None" not in text


def test_programs_are_told_from_people() -> None:
    program = "simulated-0123456789abcdef"
    text = card(reviewers={FIRST: 12, SECOND: 7, program: 3})
    assert "and reviewed by 2 reviewers and 1 program." in text
    assert "where a person answered, their answers do not count" in text
    assert table(text, "Reviewers and agreement")[2] == [program, "3", "-", "-", "-"]
    alone = card(reviewers={program: 3}, agreement=AGREEMENT.model_copy(update={"reviewers": (statistics(program),)}))
    assert "and reviewed by 1 program." in alone
    assert "Those that begin with `simulated-` are programs." in alone
    assert "programs" not in card()
    assert "and reviewed by nobody." in card(reviewers={})


def test_reviewers_who_stand_out_are_named_with_the_meaning_of_their_marks() -> None:
    marked = (statistics(FIRST, "one_sided"), statistics(SECOND, "contrary", "random"))
    text = card(agreement=AGREEMENT.model_copy(update={"reviewers": marked}))
    assert f"- {FIRST} is one_sided: prefers one side of the page far more often than a fair coin would." in text
    assert f"- {SECOND} is contrary: agrees with the others less often than chance would." in text
    assert f"- {SECOND} is random: agreement with the others cannot be told from chance." in text
    assert "stand out:" not in card(agreement=AGREEMENT)


def test_every_judge_is_named_with_the_statistics_of_its_ratings() -> None:
    judges = (
        JudgeFacts("a", "acme/a", ("honesty",), {"order": "swap"}),
        JudgeFacts("b", "acme/b", ("helpfulness", "honesty")),
    )
    text = card(judges=judges, judge_lines=("Judge a: 97 % of ratings read.", "Judge b: 12 % of ratings read."))
    assert "rated by acme/a (honesty), acme/b (helpfulness, honesty), and reviewed by" in text
    assert table(text, "Judge") == [
        ["a", "acme/a", "honesty", 'order = "swap"'],
        ["b", "acme/b", "helpfulness, honesty", "-"],
    ]
    assert "- Judge a: 97 % of ratings read.\n- Judge b: 12 % of ratings read." in text
    assert "2310.01377" in text


def test_the_criteria_of_a_rubric_are_on_the_card_in_its_words() -> None:
    rubric = JudgeFacts("a", "acme/a", ("tone",), {}, (("tone", "1: rude.\n3: *friendly* | warm.", 3),))
    text = card(judges=(rubric,))
    assert "The judge rates by the criteria below." in text
    assert "UltraFeedback" not in text
    assert table(text, "Judge", 1) == [["tone", "1 to 3", r"1: rude. 3: \*friendly\* \| warm."]]
    both = card(judges=(rubric, JudgeFacts("b", "acme/b", ("honesty",))))
    assert "2310.01377" in both
    assert "What a was told of each criterion:" in both


def test_the_judge_is_compared_with_reviewers() -> None:
    agreement = JudgeAgreement(accuracy=measure(0.75, 0.7, 0.8, count=400), kappa=measure(0.5, 0.4, 0.6, count=400))
    assert table(card(judge_agreement=agreement), "Judge", 1) == [
        ["equal choices", "75 % (95 % interval 70 % to 80 %)", "400"],
        ["Cohen's kappa", "0.50 (95 % interval 0.40 to 0.60)", "400"],
    ]


def test_without_a_judge_the_card_has_no_section_about_it() -> None:
    text = card(judges=(), judge_lines=())
    assert "No judge." in text
    assert "UltraFeedback" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ({"human": 1}, ()),
        ({"human": 1, "judge": 0, "simulated": 0}, ()),
        ({"simulated": 2}, ("**Simulated labels.** Programs, not people, decided 2 verdicts",)),
        ({"human": 1, "judge": 1}, ("**Judge labels.** The judge alone decided 1 verdict (",)),
        ({"human": 1, "judge": 1, "simulated": 1}, ("**Simulated labels.**", "**Judge labels.**")),
    ],
)
def test_labels_that_no_person_gave_are_announced_at_the_top(sources: dict[str, int], said: tuple[str, ...]) -> None:
    top = card(label_sources=sources).partition("\n## ")[0]
    assert all(mark in top for mark in said)
    assert top.count(" labels.**") == len(said)


def test_the_weights_of_kto_are_in_the_text_and_the_snippet() -> None:
    text = card()
    assert "15 true, 10 false. Suggested weights: `desirable_weight=1.0, undesirable_weight=1.5`" in text
    [_, kto] = code(text, "python")[1:]
    assert "desirable_weight=1.0, undesirable_weight=1.5" in kto


def test_without_weights_the_card_says_what_is_missing() -> None:
    text = card(kto_weights=None, kto_true=5, kto_false=0)
    assert "KTO labels in `train`: 5 true, 0 false: KTO needs both." in text
    assert "KTOConfig" not in text


def test_the_snippets_are_python_that_loads_each_config_and_trains_on_those_that_can_be_trained_on() -> None:
    [load, *train] = code(card(ALL_PATHS), "python")
    for config in ("dpo", "kto", "reward", "sft", "raw"):
        assert f'{config} = load_dataset("acme/helpful", "{config}")' in load
    for snippet in (load, *train):
        compile(snippet, "card", "exec")
    trainers = ("DPOTrainer", "KTOTrainer", "RewardTrainer", "SFTTrainer")
    assert [next(name for name in trainers if f"\n{name}(" in snippet) for snippet in train] == list(trainers)


def test_a_test_split_that_is_there_is_for_evaluation() -> None:
    [_, dpo, kto] = code(card(), "python")
    assert 'eval_dataset=dpo["test"]' in dpo
    assert "eval_dataset" not in kto


def test_without_a_config_to_train_on_there_is_no_section_about_training() -> None:
    assert "Train" not in sections(card({"raw/train": ["raw/train-0.parquet"]}))


def test_every_section_is_there_in_order() -> None:
    text = card(lengths=LENGTHS, checksums={"dpo/train-0.parquet": "0" * 64})
    assert sections(text) == [
        "Rows",
        "From prompts to rows",
        "Models",
        "Judge",
        "Reviewers and agreement",
        "Lengths and length bias",
        "Known limits",
        "Load",
        "Train",
        "Cite",
        "Checksums",
    ]


def test_sections_without_facts_are_left_out() -> None:
    text = card(lengths=None, length_bias=None, checksums={}, checks=(), options={}, resolver=None, cost=None)
    assert not {"Lengths and length bias", "Checksums"} & set(sections(text))
    for words in ("Checks:", "| setting |", "What the models cost", "images/lengths.svg", "sha256sum"):
        assert words not in text


def test_the_card_has_length_bias_checks_options_and_the_resolver() -> None:
    text = card(
        length_bias=LengthBias(
            longer_chosen=measure(0.6, 0.5, 0.7, count=12), effect=measure(0.2, -0.1, 0.5, count=12)
        ),
        checks=("pii: off", "answers: empty: dropped if nothing to read"),
        options={"ties": "kto-only", "min_gap": 0.25, "conversational": True, "other": None},
        resolver="majority, of at least 2 reviewers",
    )
    assert "chosen one in 60 % (95 % interval 50 % to 70 %) of 12 pairs of different length." in text
    assert "correlation of the lengths: 0.20 (95 % interval -0.10 to 0.50)" in text
    assert "- pii: off\n- answers: empty: dropped if nothing to read\n" in text
    assert [row[0] for row in table(text, "Rows", 1)] == [
        'ties = "kto-only"',
        "min_gap = 0.25",
        "conversational = true",
        "other = null",
    ]
    assert "How answers become a verdict: majority, of at least 2 reviewers." in text


def test_confusion_matrices_are_folded_away() -> None:
    confusion = Confusion(("a|b", "tie"), {FIRST: ((0.9, 0.1), (0.25, 0.75))})
    text = card(confusion=confusion)
    details = text.partition("(Dawid and Skene)</summary>")[2].partition("</details>")[0]
    assert f"**{FIRST}**" in details
    assert "| true \\ given | a\\|b | tie |" in details
    assert "| a\\|b | 90 % | 10 % |" in details
    assert "| tie | 25 % | 75 % |" in details
    assert "dawid1979maximum" in text
    assert "Dawid" not in card()


def test_the_guidelines_are_folded_away_as_a_quotation() -> None:
    assert "</summary>\n\n> Choose the *better* one.\n\n</details>" in card()
    assert "There were no guidelines." in card(guidelines=" \n")


def test_the_checksums_can_be_checked() -> None:
    [sums] = code(card(checksums={"dpo/train-0.parquet": "a" * 64, "kto/train-2.parquet": "b" * 64}), "text")
    assert sums == f"{'a' * 64}  dpo/train-0.parquet\n{'b' * 64}  kto/train-2.parquet\n"


def test_the_citations_name_the_dataset_and_what_it_stands_on() -> None:
    own, others = code(card(repo_id="acme/helpful_2", name="a_b {c"), "bibtex")
    assert own.startswith("@misc{acme-helpful-2-2026,\n")
    assert r"title        = {{a\_b \{c}}" in own
    assert r"howpublished = {\url{https://huggingface.co/datasets/acme/helpful_2}}" in own
    assert "Made with curation 0.1.0" in own
    assert re.findall(r"@\w+\{([\w-]+),", others) == [
        "cui2024ultrafeedback",
        "distilabel-argilla-2024",
        "argilla2023",
        "vonwerra2020trl",
    ]
    [_, others] = code(card(judges=(), reviewers={}), "bibtex")
    assert re.findall(r"@\w+\{([\w-]+),", others) == ["distilabel-argilla-2024", "vonwerra2020trl"]


def test_every_entry_of_the_bibliography_is_balanced() -> None:
    for entries in code(card(confusion=Confusion((), {})), "bibtex"):
        assert entries.count("{") == entries.count("}")


HOSTILE = "x | y\n\n# Owned\n</details><script>`*_[a](b)\\"


def everything(word: str) -> str:
    """Return a card in which `word` stands wherever a text from outside can."""
    reviewers = (statistics(word, word), statistics(FIRST))
    null = measure(None, reason=word)
    return card(
        name=word,
        sources=(f"{word}@{word}",),
        licence=word,
        languages={word: 1},
        options={word: word},
        models=tuple(ModelFacts(word, f"{n}{word}", 3, {word: word}) for n in range(2)),
        judges=(JudgeFacts(word, word, (word,)),),
        judge_lines=(word,),
        judge_agreement=JudgeAgreement(accuracy=null, kappa=null),
        checks=(word,),
        cost=word,
        resolver=word,
        guidelines=f"{word}\n```\n",
        funnel=tuple(FunnelStep(word, 3, {word: 1}, word) for _ in range(3)),
        reviewers={word: 1, FIRST: 2},
        agreement=Agreement(level="nominal", alpha=null, percent=null, leaning=word, reviewers=reviewers),
        confusion=Confusion((word,), {word: ((1.0,),)}),
        length_bias=LengthBias(longer_chosen=null, effect=null),
        lengths=Lengths({word: LENGTHS.counts["prompt"]}, {word: (3, 5)}),
        version=word,
    )


@pytest.mark.slow
def test_hostile_names_leave_tables_headings_details_and_yaml_whole() -> None:
    calm, wild = everything("calm"), everything(HOSTILE)
    assert front(wild)["pretty_name"] == " ".join(HOSTILE.split())
    assert sections(wild) == sections(calm)
    for kind in ("html_block", "td_open", "tr_open", "table_open", "blockquote_open"):
        count = [
            [token.type for token in MARKDOWN.parse(text.split("\n---\n", 1)[1])].count(kind) for text in (wild, calm)
        ]
        assert count[0] == count[1], kind
    inlines = [child for token in MARKDOWN.parse(wild.split("\n---\n", 1)[1]) for child in token.children or ()]
    assert "html_inline" not in {child.type for child in inlines}
    assert {child.attrGet("href") for child in inlines if child.type == "link_open"} <= {
        "https://arxiv.org/abs/2310.01377",
        "https://huggingface.co/docs/trl",
        "https://example.org/curation",
        # Guidelines are Markdown, and their links are meant.
        "b",
    }


def test_a_card_of_an_empty_dataset_can_be_written() -> None:
    text = card(
        {},
        rows={},
        sources=(),
        funnel=(),
        models=(),
        judges=(),
        judge_lines=(),
        reviewers={},
        label_sources={},
        languages={},
        kto_true=0,
        kto_false=0,
        kto_weights=None,
    )
    assert "Preference data: prompts from an unknown source were answered by 0 generators" in text
    assert "Nobody reviewed." in text
    assert front(text)["size_categories"] == ["n<1K"]


def test_huge_counts_are_readable() -> None:
    text = card(rows={("dpo", "train"): 10**12})
    assert table(text, "Rows")[0][2] == "1,000,000,000,000"


def test_the_pictures_come_with_the_card_and_have_an_alternative_text() -> None:
    files = card_files(replace(FACTS, lengths=LENGTHS), PATHS)
    assert set(files) == {"README.md", "images/funnel.svg", "images/lengths.svg"}
    images = re.findall(r"!\[(.*?)\]\((.*?)\)", files["README.md"].decode())
    assert {path for _, path in images} == set(files) - {"README.md"}
    assert "verdicts 13 (5 dropped)" in images[0][0]
    assert set(card_files(FACTS, PATHS)) == {"README.md", "images/funnel.svg"}


def test_the_same_facts_give_the_same_bytes() -> None:
    facts = replace(FACTS, lengths=LENGTHS, agreement=AGREEMENT)
    assert card_files(facts, PATHS) == card_files(facts, PATHS)


CHECK = JudgeCheck(
    kappa=measure(0.5, 0.4, 0.6, count=400),
    criteria=(),
    suggestions=None,
    left_to_judge=950,
    disagreement=measure(0.1, 0.05, 0.2, count=50),
)


def test_how_far_the_judge_agrees_with_people_and_what_is_left_to_it_are_lines_of_their_own() -> None:
    lines = (
        "- Judge against people: weighted kappa 0.50 (95 % interval 0.40 to 0.60), on 400 records.\n"
        "- Of the records that the judge was sure of, people reviewed a random sample: they disagree with the judge on "
        "10 % (95 % interval 5 % to 20 %) of 50 records.\n"
        "- 950 candidate sets left to the judge, which was sure.\n"
    )
    assert f"\n\n{lines}\n" in card(judge_check=CHECK)
    assert "Judge against people" not in card()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"agreement": AGREEMENT, "lengths": LENGTHS},
        {"judges": (), "reviewers": {}},
        {"judge_check": CHECK},
        {"judge_check": CHECK, "judge_agreement": JudgeAgreement(accuracy=CHECK.kappa, kappa=CHECK.kappa)},
    ],
)
def test_no_tag_of_the_template_is_left_in_the_card(changes: dict[str, Any]) -> None:
    text = card(**changes)
    assert not re.search(r"\{%|%\}|\{\{ | \}\}", text)
    assert "\n\n\n" not in text
    assert not re.search(r"[ \t]+$", text, flags=re.MULTILINE)


def test_refusal_data_is_held_to_the_target_shares_and_other_data_is_not() -> None:
    # The smallest number of prompts in which each category can have its lowest share is ten: 3, 2, 2, 1 and 2.
    text = card(coverage=coverage({"direct_harm": 3, "edge_case": 1}))
    assert "How the 4 prompts with rows are spread over the categories that refusal data needs. Where" in text
    [table] = [block for block in text.split("\n\n") if block.startswith("| category |")]
    assert table.splitlines()[2:] == [
        "| direct_harm | 3 | 75 % | 25 to 35 % | - |",
        "| prompt_injection | 0 | 0 % | 15 to 25 % | 2 |",
        "| social_engineering | 0 | 0 % | 15 to 20 % | 2 |",
        "| gradual_escalation | 0 | 0 % | 10 to 15 % | 1 |",
        "| edge_case | 1 | 25 % | 20 to 30 % | 1 |",
    ]
    with_others = card(coverage=coverage({"direct_harm": 3, "other": 1}))
    assert "that refusal data needs (1 are in none of them). Where" in with_others
    assert "Categories of prompts" not in card()


def test_refusal_data_says_whether_it_teaches_both_directions_and_how_prompts_were_collected() -> None:
    both = card(coverage=coverage({"direct_harm": 3, "benign": 3}), method="Red teaming by *pattern*.")
    assert "How the 3 prompts with rows are spread" in both
    assert (
        "Both directions: beside these prompts stand 3 benign prompts, with nearly the words of a harmful one" in both
    )
    assert "## How the prompts were collected\n\nRed teaming by *pattern*.\n\n## Reviewers" in both
    one = card(coverage=coverage({"direct_harm": 3}))
    assert "One direction only: there are no benign prompts" in one
    assert "How the prompts were collected" not in one


def test_the_card_says_how_often_reviewers_are_right_on_gold_and_who_is_marked() -> None:
    assert "gold" not in card()
    right = GoldAccuracy(reviewer=FIRST, accuracy=measure(0.95, 0.83, 0.99, count=40), marked=False)
    wrong = GoldAccuracy(reviewer="reviewer-gold-only", accuracy=measure(0.7, 0.53, 0.83, count=1040), marked=True)
    text = card(
        gold=(right, wrong), agreement=AGREEMENT.model_copy(update={"reviewers": (statistics(SECOND, "random"),)})
    )
    assert f"| {FIRST} | 40 | 95 % (95 % interval 83 % to 99 %) |" in text
    assert "| reviewer-gold-only | 1,040 | 70 % (95 % interval 53 % to 83 %) |" in text
    assert "- reviewer-gold-only is wrong_on_gold: is wrong more often than an honest reviewer on records whose" in text
    assert f"- {SECOND} is random: agreement" in text
    assert "1 of 2 reviewers is marked `wrong_on_gold`" in text
