"""Known limits: each sentence is there when its fact holds, and only then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from curation.card.facts import CardFacts, JudgeFacts, ModelFacts
from curation.card.limits import known_limits
from curation.card.text import render_card
from curation.review_statistics import Agreement, JudgeAgreement, LengthBias, Measure, ReviewerStatistics

NULL = Measure(value=None, reason="nobody overlaps")


def agreement(alpha: Measure, *marks: tuple[str, ...]) -> Agreement:
    reviewers = tuple(
        ReviewerStatistics(reviewer=f"reviewer-{n}", responses=9, agreement=NULL, leaning=NULL, marks=mark)
        for n, mark in enumerate(marks)
    )
    return Agreement(
        level="nominal", alpha=alpha, percent=NULL, leaning="prefers the first answer", reviewers=reviewers
    )


def judged(kappa: Measure) -> JudgeAgreement:
    return JudgeAgreement(accuracy=kappa, kappa=kappa)


def biased(effect: Measure) -> LengthBias:
    return LengthBias(longer_chosen=NULL, effect=effect)


SOUND = CardFacts(
    name="sound",
    repo_id="acme/sound",
    sources=("acme/prompts@0123abc",),
    rows={("dpo", "train"): 900, ("dpo", "test"): 100, ("raw", "train"): 1000},
    funnel=(),
    year=2026,
    version="0.1.0",
    licence="mit",
    languages={"en": 90, None: 10},
    models=(ModelFacts("a", "acme/a", 1), ModelFacts("b", "acme/b", 1)),
    judges=(JudgeFacts("j", "acme/j", ("honesty",)),),
    judge_agreement=judged(Measure(value=0.41)),
    reviewers={f"reviewer-{n}": 9 for n in range(5)},
    agreement=agreement(Measure(value=0.8)),
    label_sources={"human": 1000},
    kto_true=80,
    kto_false=20,
    length_bias=biased(Measure(value=0.29, low=0.2, high=0.4)),
)


def limits(**changes: Any) -> list[str]:
    return list(known_limits(replace(SOUND, **changes)))


def test_a_sound_dataset_has_no_limits_and_the_card_says_so() -> None:
    assert limits() == []
    assert "Nothing in the numbers above calls for a warning." in render_card(SOUND, {"dpo/train": ["a.parquet"]})


def test_the_card_lists_every_limit() -> None:
    text = render_card(replace(SOUND, licence=None, kto_false=0), {"dpo/train": ["a.parquet"]})
    section = text.partition("\n## Known limits\n")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line] == [
        f"- {limit}" for limit in limits(licence=None, kto_false=0)
    ]
    assert "Nothing in the numbers" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"licence": None}, "No licence is stated"),
        ({"label_sources": {"human": 3, "simulated": 1}}, "Programs decided 25 % of the verdicts"),
        ({"label_sources": {"human": 1, "judge": 1}}, "The judge decided 50 % of the verdicts alone"),
        ({"reviewers": {"r": 9}}, "One reviewer gave all answers"),
        ({"reviewers": {"r": 9}, "agreement": agreement(NULL)}, "One reviewer gave all answers"),
        ({"reviewers": {f"r{n}": 9 for n in range(4)}}, "Only 4 reviewers"),
        ({"reviewers": {"r": 9, **{f"simulated-{n}": 9 for n in range(9)}}}, "One reviewer gave all answers"),
        ({"reviewers": {f"simulated-{n}": 9 for n in range(4)}}, "Only 4 reviewers"),
        (
            {"agreement": agreement(Measure(value=0.9, low=0.66, high=1, count=7))},
            "rests on 7 records and may be as low",
        ),
        ({"suggested": True}, "Reviewers saw the judge's choice filled in"),
        ({"agreement": agreement(NULL)}, "How far reviewers agree is not known: nobody overlaps."),
        ({"agreement": agreement(Measure(value=0.79))}, "moderately: alpha is 0.79"),
        ({"agreement": agreement(Measure(value=0.667))}, "moderately: alpha is 0.67"),
        ({"agreement": agreement(Measure(value=0.66))}, "agree little: alpha is 0.66"),
        ({"agreement": agreement(Measure(value=-0.2))}, "agree little: alpha is -0.20"),
        (
            {"agreement": agreement(Measure(value=0.9), ("contrary",), (), ())},
            "1 of 3 reviewers is marked `contrary` (agrees",
        ),
        (
            {"agreement": agreement(Measure(value=0.9), ("one_sided",), ("one_sided",))},
            "2 of 2 reviewers are marked `one_sided` (prefers",
        ),
        ({"judge_agreement": None}, "How well the judge agrees with reviewers was not measured."),
        ({"judge_agreement": judged(NULL)}, "the judge agrees with reviewers is not known: nobody overlaps."),
        ({"judge_agreement": judged(Measure(value=0.4))}, "The judge is noisy"),
        ({"length_bias": biased(Measure(value=0.3, low=0.1, high=0.5))}, "The longer answer is chosen"),
        ({"length_bias": biased(Measure(value=-0.3, low=-0.5, high=-0.1))}, "The shorter answer is chosen"),
        ({"models": (ModelFacts("a", "m_x", 1), ModelFacts("b", "m_x", 1))}, "All answers are by one model, m_x:"),
        ({"rows": {("dpo", "train"): 9, ("dpo", "test"): 99}}, "in rows: `dpo` 99. An accuracy measured on 99 is"),
        ({"rows": {("dpo", "test"): 1, ("kto", "test"): 4}}, "`dpo` 1, `kto` 4. An accuracy measured on 1 is"),
        ({"rows": {("dpo", "train"): 9, ("sft", "train"): 9}}, "No test split: `dpo`, `sft`."),
        ({"kto_true": 0}, "All labels of `kto` are false"),
        ({"kto_false": 0}, "All labels of `kto` are true"),
        ({"kto_true": 81, "kto_false": 19}, "Only 19 % of the labels of `kto` are false"),
        ({"kto_true": 19, "kto_false": 81}, "Only 19 % of the labels of `kto` are true"),
        ({"languages": {"en": 89, None: 11}}, "The language of 11 % of the rows"),
    ],
)
def test_only_limits_that_hold_are_listed(changes: dict[str, Any], words: str) -> None:
    [limit] = limits(**changes)
    assert words in limit
    assert limit.endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {"judges": (), "judge_agreement": None},
        {"length_bias": None},
        {"agreement": agreement(Measure(value=0.9, low=0.667, high=1, count=7))},
        {"length_bias": biased(NULL)},
        {"length_bias": biased(Measure(value=0.6, low=-0.1, high=0.9))},
        {"kto_true": 0, "kto_false": 0},
        {"languages": {}},
        {"models": ()},
        {"rows": {("raw", "train"): 5}},
        {"label_sources": {"human": 5, "simulated": 0, "judge": 0}},
    ],
)
def test_what_does_not_hold_or_does_not_apply_is_no_limit(changes: dict[str, Any]) -> None:
    assert limits(**changes) == []


def test_without_reviewers_no_limit_is_about_them() -> None:
    assert limits(reviewers={}, suggested=True, label_sources={"judge": 5}) == [
        "The judge decided 100 % of the verdicts alone, without any reviewer."
    ]


def test_a_reason_from_outside_cannot_break_the_list() -> None:
    [limit] = limits(agreement=agreement(Measure(value=None, reason="a\n- b <i>.")))
    assert limit == "How far reviewers agree is not known: a - b &lt;i&gt;."
