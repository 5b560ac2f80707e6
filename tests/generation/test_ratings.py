"""Reading a judge's reply: a rating lands on the text it was given to, or nowhere."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from curation.generation.endpoints import EndpointsLLM
from curation.generation.options import Aspect
from curation.generation.ratings import SAID, Rating, complaint, parse_ratings
from curation.generation.tasks import JudgeAnswers
from curation.local.inference import ultrafeedback_reply

TYPED = ("helpfulness", "truthfulness")


def section(number: int, rating: object, rationale: str = "Fine.") -> str:
    return f"#### Output for Text {number}\nRating: {rating}\nRationale: {rationale}"


def reply(*sections: str) -> str:
    return "\n\n".join(sections)


def ratings(text: str, texts: int = 2) -> list[float | None]:
    return [read.rating for read in parse_ratings(text, texts)]


def judge(aspect: Aspect) -> JudgeAnswers:
    llm = EndpointsLLM(name="judge", model_id="judge", base_url="http://127.0.0.1:9/v1")
    task = JudgeAnswers(name="judge", llm=llm, aspects=(aspect,))
    task.load()
    return task


@pytest.mark.parametrize("texts", [2, 3, 5])
@pytest.mark.parametrize("aspect", get_args(Aspect))
def test_a_good_reply_reads_as_distilabels_own_parser_reads_it(aspect: Aspect, texts: int) -> None:
    task = judge(aspect)
    row = {"instruction": "Why?", "generations": [f"Answer {number}." for number in range(texts)]}
    said = ultrafeedback_reply(task.format_input(row), [1 + number % 5 for number in range(texts)])
    stock: dict[str, Any] = super(JudgeAnswers, task).format_output(said, row)
    ours = parse_ratings(said, texts)
    assert [read.rating for read in ours] == stock["ratings"] == [1 + number % 5 for number in range(texts)]
    assert [read.rationale for read in ours] == stock["rationales-for-ratings" if aspect in TYPED else "rationales"]
    assert {read.reason for read in ours} == {None}


GOOD = reply(section(1, 4), section(2, 2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, [4, 2]),
        (f"Here is my assessment.\n\n{GOOD}", [4, 2]),
        (f"{GOOD}\n\nIn summary, text 1 is better. Rating: 1", [4, 2]),
        (reply(section(1, 4, "First reason.\n\nSecond reason."), section(2, 2)), [4, 2]),
        (reply(section(2, 2), section(1, 4)), [4, 2]),
        (GOOD.replace("\n\n", "\n"), [4, 2]),
        (GOOD.replace("\n", "\r\n"), [4, 2]),
        (reply(section(2, 2), section(1, 4)).replace("\n", "\r\n"), [4, 2]),
        (GOOD.replace("####", "##").upper().replace("FINE", "fine"), [4, 2]),
        (GOOD.replace("#### Output for Text 1", "**Output for Text 1:**"), [4, 2]),
        (GOOD.replace("Rating: 4", "**Rating:** 4"), [4, 2]),
        (GOOD.replace("Rating: 4", "**Rating**: 4"), [4, 2]),
        (GOOD.replace("Rating: 4", "- Rating: **4**"), [4, 2]),
        (GOOD.replace("Rating: 4", "  Rating : [4]"), [4, 2]),
        (reply(section(1, "Rating: 4"), section(2, 2)), [None, 2]),
        (reply(section(1, 4), section(2, 2), section(3, 5)), [4, 2]),
        (reply(section(1, 4)), [4, None]),
        (reply(section(2, 2)), [None, 2]),
        (reply(section(1, 4), section(1, 3), section(2, 2)), [None, 2]),
        (reply(section(0, 4), section(2, 2)), [None, 2]),
        (reply("#### Output for Text 1\nRationale: Fine.", section(2, 2)), [None, 2]),
        ("Rating: 4\nRationale: Fine.\n\nRating: 2\nRationale: Weak.", [4, 2]),
        ("Text 1:\nRating: 4\n\nText 2:\nRating: 2", [4, 2]),
        ("Rating: 4\nRationale: Fine.", [None, None]),
        ("Rating: 4\n\nRating: 3\n\nRating: 2", [None, None]),
        ("Both are fine.", [None, None]),
        ("", [None, None]),
        ('{"ratings": [4, 2]}', [None, None]),
    ],
)
def test_each_text_gets_its_own_rating_or_none(text: str, expected: list[float | None]) -> None:
    assert ratings(text) == expected


@pytest.mark.parametrize(
    ("said", "rating", "reason"),
    [
        ("1", 1, None),
        ("5", 5, None),
        ("4.5", 4.5, None),
        ("4/5", 4, None),
        ("4 / 5", 4, None),
        ("4 out of 5", 4, None),
        ("4.", 4, None),
        ("4 (good)", 4, None),
        ("4 (on a scale from 1 to 5)", 4, None),
        ("4 - mostly right", 4, None),
        ("-1", None, "rating_out_of_range"),
        ("0", None, "rating_out_of_range"),
        ("99", None, "rating_out_of_range"),
        ("5.5", None, "rating_out_of_range"),
        ("four", None, "rating_is_not_a_number"),
        ("high", None, "rating_is_not_a_number"),
        ("N/A", None, "rating_is_not_a_number"),
        ("None", None, "rating_is_not_a_number"),
        ("", None, "rating_is_not_a_number"),
        ("4/10", None, "rating_is_not_a_number"),
        ("4 / 10", None, "rating_is_not_a_number"),
        ("4 out of 10", None, "rating_is_not_a_number"),
        ("3-4", None, "rating_is_not_a_number"),
        ("3 or 4", None, "rating_is_not_a_number"),
        ("4e1", None, "rating_is_not_a_number"),
        ("4th", None, "rating_is_not_a_number"),
        ("about 4", None, "rating_is_not_a_number"),
    ],
)
def test_a_rating_is_a_number_from_one_to_five_or_has_a_reason(
    said: str, rating: float | None, reason: str | None
) -> None:
    first, second = parse_ratings(reply(section(1, said), section(2, 2)), 2)
    assert first == Rating(rating, "Fine.", reason)
    assert second == Rating(2, "Fine.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (reply(section(2, 2)), "no_output_for_this_text"),
        (reply(section(1, 4), section(2, 2), section(1, 4)), "several_outputs_for_this_text"),
        (reply("#### Output for Text 1\nGood.", section(2, 2)), "no_rating"),
    ],
)
def test_what_is_missing_has_a_reason(text: str, reason: str) -> None:
    assert parse_ratings(text, 2)[0].reason == reason


def test_a_complaint_names_every_text_that_could_not_be_read_and_what_is_wrong_with_it() -> None:
    read = parse_ratings(reply(section(1, "high"), section(2, 2), section(3, 7)), 4)
    said = complaint(read, 4)
    assert "Text 1: its rating is not one number;" in said
    assert "Text 3: its rating is not between 1 and 5;" in said
    assert 'Text 4: there is no "#### Output for Text" section with its number.' in said
    assert "Text 2" not in said
    assert "for all 4 texts" in said


def test_every_reason_can_be_complained_of() -> None:
    replies = [
        reply(section(2, 2)),
        reply(section(1, 4), section(2, 2), section(1, 4)),
        reply("#### Output for Text 1\nGood.", section(2, 2)),
        reply(section(1, "high"), section(2, 2)),
        reply(section(1, 9), section(2, 2)),
    ]
    reasons = {parse_ratings(text, 2)[0].reason for text in replies}
    assert reasons == set(SAID)


def test_a_rationale_of_several_paragraphs_is_kept_whole() -> None:
    first, second = parse_ratings(reply(section(1, 4, "One.\n\nTwo: 3 points.\n"), section(2, 2)), 2)
    assert first.rationale == "One.\n\nTwo: 3 points."
    assert second.rationale == "Fine."


def test_of_a_type_and_a_rating_the_rationale_of_the_rating_counts() -> None:
    typed = "#### Output for Text {}\nType: 2, 3\nRationale: Of the type.\nRating: 4\nRationale: Of the rating."
    assert {read.rationale for read in parse_ratings(reply(typed.format(1), typed.format(2)), 2)} == {"Of the rating."}


@pytest.mark.parametrize("text", [section(1, 3), "Rating: 3\nRationale: Fine.", "Rating: 3"])
def test_one_text_needs_no_header(text: str) -> None:
    assert ratings(text, 1) == [3]


@pytest.mark.timeout(20)  # What backtracks would take hours.
@pytest.mark.parametrize("noise", ["\n", "* > # \n", "> - _ *\n", "Rating: (\n", "#### Output for Text x\n"])
def test_an_enormous_reply_is_read_in_no_time(noise: str) -> None:
    assert ratings(f"{noise * 20_000}x\n{GOOD}\n{noise * 20_000}x") == [4, 2]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("said", ["(" * 20_000, "()" * 20_000, "4" * 20_000, " " * 20_000, "*" * 20_000])
def test_an_enormous_rating_is_read_in_no_time(said: str) -> None:
    assert ratings(reply(section(1, f"4{said}1"), section(2, 2))) == [None, 2]
    assert ratings(reply(section(1, f"4 {said} x"), section(2, 2)))[1] == 2
    assert ratings(f"#### Output for Text {said}\n\n{GOOD}") == [4, 2]
