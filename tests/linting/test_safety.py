"""The safety checklist: shares and gaps that can be checked by hand, answers that were written for each rule."""

from __future__ import annotations

import pytest

from curation.categories import CATEGORIES, category_of, subcategory_of
from curation.linting.findings import Bounds, row_faults
from curation.linting.safety import (
    MINIMUM,
    TARGETS,
    chosen_faults,
    counted_as,
    coverage,
    declines,
    is_too_short,
    lectures,
    offers_no_alternative,
    rejected_refuses,
)
from curation.preferences.layouts import read_example

# "Quality refusal" and "poor refusal" of the checklist's source.
GOOD = (
    "I understand you're dealing with a frustrating situation with your neighbor. I can't help create tasks for "
    "monitoring someone's movements, as that could cross into surveillance. I can help you create tasks for addressing "
    "the underlying issue directly, like documenting problems, researching local mediation services, or planning a "
    "conversation with your neighbor. What's the actual problem you're trying to solve?"
)
POOR = (
    "I cannot and will not help with that request. What you're asking is potentially illegal and could cause harm to "
    "others. Please reconsider your actions and seek appropriate help if you're having concerning thoughts."
)
EVEN = {"direct_harm": 30, "prompt_injection": 20, "social_engineering": 17, "gradual_escalation": 13, "edge_case": 20}


def lacks(counts: dict[str, int], minimum: int = 1) -> dict[str, int]:
    return {share.category: share.lacks for share in coverage(counts, minimum=minimum).shares if share.lacks}


def test_the_checklist_is_that_of_its_source() -> None:
    assert dict(TARGETS) == {
        "direct_harm": (25, 35),
        "prompt_injection": (15, 25),
        "social_engineering": (15, 20),
        "gradual_escalation": (10, 15),
        "edge_case": (20, 30),
    }
    assert dict(MINIMUM) == {"alignment": 100, "domain": 50, "iteration": 20}
    assert set(CATEGORIES) == set(TARGETS)
    assert all(len(names) == len(set(names)) >= 3 for names in CATEGORIES.values())


def test_a_spread_within_its_ranges_lacks_nothing() -> None:
    found = coverage(EVEN)
    assert (found.total, found.uncategorised, lacks(EVEN)) == (100, 0, {})
    assert {share.state for share in found.shares} == {"within"}
    assert [share.share for share in found.shares] == [0.3, 0.2, 0.17, 0.13, 0.2]


@pytest.mark.parametrize(("count", "state"), [(24, "below"), (25, "within"), (35, "within"), (36, "above")])
def test_both_ends_of_a_range_belong_to_it(count: int, state: str) -> None:
    shares = coverage({"direct_harm": count, "other": 100 - count}).shares
    assert shares[0].state == state


def test_one_gap_counts_what_is_added_in_the_new_total() -> None:
    # 10 % of 90 + x: 9 would do of 90, but 10 are needed of 100.
    counts = {"direct_harm": 31, "prompt_injection": 20, "social_engineering": 17, "edge_case": 22}
    assert lacks(counts) == {"gradual_escalation": 10}


def test_what_fills_one_gap_may_open_another_and_both_are_counted() -> None:
    # 25 of 100 is just enough; with anything added to the others it is not.
    counts = {
        "direct_harm": 25,
        "prompt_injection": 25,
        "social_engineering": 20,
        "gradual_escalation": 15,
        "edge_case": 15,
    }
    found = coverage(counts)
    assert {share.category: share.state for share in found.shares}["direct_harm"] == "within"
    # Of 110 they need 28 and 22, which with the other 60 makes 110; of 109 they would need 28 and 22 too.
    assert lacks(counts) == {"direct_harm": 3, "edge_case": 7}


@pytest.mark.parametrize(
    "counts",
    [
        {
            "direct_harm": 45,
            "prompt_injection": 20,
            "social_engineering": 15,
            "gradual_escalation": 10,
            "edge_case": 10,
        },
        {"direct_harm": 1000},
        {"edge_case": 3, "unheard_of": 500},
        {"gradual_escalation": 1, "prompt_injection": 7, "social_engineering": 2},
        {},
    ],
)
def test_the_numbers_to_add_reach_every_low_end_and_none_can_be_spared(counts: dict[str, int]) -> None:
    added = lacks(counts)
    after = {name: counts.get(name, 0) + added.get(name, 0) for name in {*counts, *TARGETS}}
    assert "below" not in {share.state for share in coverage(after).shares}
    for name in added:
        fewer = {**after, name: after[name] - 1}
        assert "below" in {share.state for share in coverage(fewer).shares}


def test_a_minimum_size_raises_what_every_category_needs() -> None:
    counts = {"direct_harm": 3, "prompt_injection": 2, "social_engineering": 2, "gradual_escalation": 1, "edge_case": 2}
    assert lacks(counts) == {}
    assert lacks(counts, minimum=100) == {
        "direct_harm": 22,
        "prompt_injection": 13,
        "social_engineering": 13,
        "gradual_escalation": 9,
        "edge_case": 18,
    }


def test_no_prompts_have_no_shares() -> None:
    found = coverage({})
    assert {share.share for share in found.shares} == {None}
    assert {share.state for share in found.shares} == {"below"}


def test_what_is_no_category_counts_in_the_total() -> None:
    found = coverage({**EVEN, "chitchat": 100})
    assert (found.total, found.uncategorised) == (200, 100)
    assert found.shares[0].share == 0.15


def test_subcategories_without_a_prompt_are_named() -> None:
    seen = {("gradual_escalation", "boundary_testing"): 4, ("direct_harm", "violence"): 0}
    missing = {share.category: share.missing for share in coverage(EVEN, seen).shares}
    assert missing["gradual_escalation"] == ("information_gathering", "capability_building")
    assert missing["direct_harm"] == CATEGORIES["direct_harm"]
    assert {share.missing for share in coverage(EVEN).shares} == {()}


@pytest.mark.parametrize(
    ("cell", "category"),
    [
        ("direct_harm", "direct_harm"),
        ("Direct Harm", "direct_harm"),
        ("edge_cases", "edge_case"),
        (" Edge-Case ", "edge_case"),
        ("math", None),
        ("", None),
        (None, None),
    ],
)
def test_categories_are_known_however_they_are_written(cell: str | None, category: str | None) -> None:
    assert category_of(cell) == category


def test_subcategories_are_known_within_their_category_alone() -> None:
    assert subcategory_of("direct_harm", "Privacy violations") == "privacy_violation"
    assert subcategory_of("edge_case", "Privacy violations") is None


def test_fifty_characters_are_enough() -> None:
    assert is_too_short("x" * 49 + "   ")
    assert not is_too_short("x" * 50)


@pytest.mark.parametrize(
    "text",
    [
        POOR,
        "You should know that this is wrong and that people get hurt.",
        "How dare you ask me for something like this?",
        "It's wrong to spy on people.",
        "What you are asking for is deeply unethical.",
        "I urge you to think of the people around you.",
        "You must understand that actions have consequences.",
        "You should seriously reconsider, and perhaps seek professional help.",
        "You\u2019re a bad neighbour. Shame on you.",
        "Please reflect on what you have just asked.",
    ],
)
def test_lectures_are_seen(text: str) -> None:
    assert lectures(text)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "You should see a doctor if the pain goes on for more than a week.",
        "I can't help with that, as it could be considered surveillance. I can help you plan a talk instead.",
        "Take ten minutes every evening to reflect on your day, and write down what went well.",
        "If the answer is wrong, you must restart the router and try again.",
        "You should understand the basics of SQL before you go on.",
        "You need to reach out to your bank; I can draft the letter.",
        "That is not wrong at all: many parents do this, and I can show you how.",
    ],
)
def test_advice_and_short_reasons_are_no_lectures(text: str) -> None:
    assert not lectures(text)


@pytest.mark.parametrize(
    "text",
    [
        POOR,
        "I can't help with that.",
        "No. I cannot help you with any of this, and I will not say more about it.",
        "Request denied. This violates policy.",
    ],
)
def test_answers_that_end_the_talk_offer_nothing(text: str) -> None:
    assert offers_no_alternative(text)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "I can't do that. I CAN HELP you write a complaint.",
        "I won't write the threat. Instead, list what happened and when.",
        "That isn't something I do. What if we planned a talk with her?",
        "I can't help with that. Would you like some ideas for a gift?",
        "I can\u2019t help you hurt yourself. Please call 988, where people listen at any hour.",
        "The approach depends on your situation. Could you tell me more?",
        "I can't get into her account, but you could ask her yourself.",
    ],
)
def test_offers_are_seen(text: str) -> None:
    assert not offers_no_alternative(text)


def test_a_rejected_answer_that_refuses_is_seen() -> None:
    assert rejected_refuses("I'm sorry, but I can't help with that.")
    assert not rejected_refuses("Here's your plan: 1. Note when he leaves. 2. Follow him.")


def test_the_faults_of_a_chosen_answer_are_named() -> None:
    assert chosen_faults(GOOD, "direct_harm") == ()
    assert chosen_faults(POOR, "direct_harm") == ("lectures", "offers_no_alternative")
    assert chosen_faults("I can't help with that.", None) == ("chosen_too_short", "offers_no_alternative")


def test_benign_twins_are_counted_beside_the_checklist() -> None:
    assert [counted_as(text) for text in ("benign", "Benign Twins", "Direct harm", "poetry", None)] == [
        *("benign", "benign", "direct_harm", "other", "other")
    ]
    spread = coverage({**EVEN, "benign": 60})
    assert (spread.total, spread.uncategorised, spread.benign) == (100, 0, 60)
    assert [share.share for share in spread.shares] == [0.3, 0.2, 0.17, 0.13, 0.2]
    assert lacks({"benign": 60, **EVEN}) == {}


@pytest.mark.parametrize("safety", [None, True])
def test_of_a_benign_twin_is_asked_that_it_is_answered(safety: bool | None) -> None:
    refusal = "I'm sorry, but I can't help with that."
    bounds = Bounds(safety=safety, max_length_ratio=100.0)

    def faults(category: str, chosen: str, rejected: str) -> set[str]:
        row = {"prompt": "How do I open my own car?", "chosen": chosen, "rejected": rejected, "category": category}
        return set(row_faults(read_example(row), bounds))

    assert faults("benign", "Call a locksmith.", refusal) == set()
    assert faults("direct_harm", "Call a locksmith.", refusal) == {
        *("chosen_too_short", "offers_no_alternative", "rejected_refuses")
    }
    assert faults("benign", refusal, "Call a locksmith.") == {"refusal"}


def test_an_edge_case_may_be_answered_without_an_alternative() -> None:
    answer = "A process is ended with the signal SIGTERM, which lets it close its files before it exits."
    assert not declines(answer)
    assert chosen_faults(answer, "edge_case") == ()
    assert chosen_faults(answer, "direct_harm") == ("offers_no_alternative",)
    assert chosen_faults(f"I can't say how to kill a process. {answer}", "edge_case") == ("offers_no_alternative",)
