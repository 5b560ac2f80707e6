"""Rows with answers, in the layouts of datasets and tools: what is asked, the answers, and what the source says."""

from __future__ import annotations

from typing import Any

import pytest

from curation.errors import DataError
from curation.preferences.answered import AnsweredRow, unit_scores
from curation.preferences.rows import read_answers

WHY = {"role": "user", "content": "Why?"}
EARLIER = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def said(row: AnsweredRow) -> tuple[list[str], list[tuple[str, str | None, float | None]]]:
    """What a row asks, each message as "role: content", and its answers as (text, model, score)."""
    scores = [None if given.score is None else round(given.score, 3) for given in row.answers]
    asked = [f"{message.role}: {message.content}" for message in row.question]
    return asked, [(given.text, given.model, score) for given, score in zip(row.answers, scores, strict=True)]


PAIRS: dict[str, dict[str, Any]] = {
    "trl": {"prompt": [WHY], "chosen": [answer("Rain.")], "rejected": [answer("Sun.")]},
    "trl without a prompt": {"chosen": [WHY, answer("Rain.")], "rejected": [WHY, answer("Sun.")]},
    "texts, as feedloop exports them": {"prompt": "Why?", "chosen": "Rain.", "rejected": "Sun."},
    "messages as a text of a CSV file": {
        "prompt": "Why?",
        "chosen": "[{'role': 'user', 'content': 'Why?'}, {'role': 'assistant', 'content': 'Rain.'}]",
        "rejected": '[{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Sun."}]',
    },
    "ultrafeedback_binarized": {
        "prompt": "Why?",
        "prompt_id": "f0e3",
        "chosen": [WHY, answer("Rain.")],
        "rejected": [WHY, answer("Sun.")],
        "messages": [WHY, answer("Rain.")],
        "score_chosen": 8.5,
        "score_rejected": 7.0,
    },
    "Intel/orca_dpo_pairs": {"system": "", "question": "Why?", "chosen": "Rain.", "rejected": "Sun."},
    "hh-rlhf": {
        "chosen": "\n\nHuman: Why?\n\nAssistant: Rain.",
        "rejected": "\n\nHuman: Why?\n\nAssistant: Sun.",
    },
    "hh-rlhf with a prompt of its own": {
        "prompt": "\n\nHuman: Why?\n\nAssistant:",
        "chosen": "Rain.",
        "rejected": "Sun.",
    },
    "LLaMA-Factory": {
        "conversations": [{"from": "human", "value": "Why?"}],
        "chosen": {"from": "gpt", "value": "Rain."},
        "rejected": {"from": "gpt", "value": "Sun."},
    },
    "LLaMA-Factory's alpaca": {"instruction": "Why?", "input": "", "chosen": "Rain.", "rejected": "Sun."},
}


@pytest.mark.parametrize("row", PAIRS.values(), ids=PAIRS.keys())
def test_a_pair_is_what_is_asked_with_the_chosen_answer_and_the_rejected_one(row: dict[str, Any]) -> None:
    assert said(read_answers(row)) == (["user: Why?"], [("Rain.", None, 1.0), ("Sun.", None, 0.0)])


def test_datafast_names_its_models() -> None:
    row = {
        "input_document": "Weather.",
        "question": "Why?",
        "chosen_response": "Rain.",
        "rejected_response": "Sun.",
        "preference_source": "llm_judge",
        "chosen_model_id": "large",
        "rejected_model_id": "small",
        "chosen_response_score": 9,
        "rejected_response_score": 4,
    }
    assert said(read_answers(row))[1] == [("Rain.", "large", 1.0), ("Sun.", "small", 0.0)]


def orca(**values: Any) -> dict[str, Any]:
    """A row of argilla/distilabel-intel-orca-dpo-pairs."""
    return {
        "system": "Be kind.",
        "input": "Why?",
        "chosen": "Rain.",
        "rejected": "Sun.",
        "generations": ["Sun.", "Rain."],
        "generation_model": ["small", "large"],
        "order": ["rejected", "chosen"],
        "rating": [6.0, 9.0],
        "status": "unchanged",
        "original_chosen": "Rain.",
        "chosen_score": 9.0,
        **values,
    }


def test_orca_pairs_have_a_system_turn_and_a_status() -> None:
    asked, answers = said(read_answers(orca()))
    assert asked == ["system: Be kind.", "user: Why?"]
    assert answers == [("Rain.", "large", 1.0), ("Sun.", "small", 0.0)]
    assert [score for _, _, score in said(read_answers(orca(status="tie")))[1]] == [0.5, 0.5]


def test_equal_scores_are_a_tie_whatever_is_called_chosen() -> None:
    row = PAIRS["ultrafeedback_binarized"] | {"score_rejected": 8.5}
    assert [score for _, _, score in said(read_answers(row))[1]] == [0.5, 0.5]


def test_a_conversation_goes_on_in_hh_rlhf_and_in_messages() -> None:
    asked = ["user: Hi", "assistant: Ho", "user: Why?"]
    before = "\n\nHuman: Hi\n\nAssistant: Ho\n\nHuman: Why?\n\nAssistant:"
    assert said(read_answers({"chosen": f"{before} Rain.", "rejected": f"{before} Sun."}))[0] == asked
    row = {
        "prompt": "Why?",
        "chosen": [*EARLIER, WHY, answer("Rain.")],
        "rejected": [*EARLIER, WHY, answer("Sun.")],
    }
    assert said(read_answers(row))[0] == asked


def test_a_prompt_that_both_texts_repeat_is_no_part_of_the_answers() -> None:
    asked = "Which planet is the largest?"
    row = {"prompt": asked, "chosen": f"{asked} Jupiter.", "rejected": f"{asked} Mars."}
    assert [text.strip() for text, _, _ in said(read_answers(row))[1]] == ["Jupiter.", "Mars."]


@pytest.mark.parametrize(
    ("preference", "first", "second"),
    [(-3, 1.0, 0.0), (-1, 0.667, 0.333), (0, 0.5, 0.5), (2, 0.167, 0.833), (None, None, None)],
)
def test_helpsteer3_says_by_how_much_the_second_response_is_better(
    preference: int | None, first: float | None, second: float | None
) -> None:
    row = {
        "domain": "general",
        "language": "english",
        "context": [*EARLIER, WHY],
        "response1": "Rain.",
        "response2": "Sun.",
        "overall_preference": preference,
        "individual_preference": [{"score": preference, "reasoning": "So.", "feedback1": "x", "feedback2": "y"}],
    }
    asked, answers = said(read_answers(row))
    assert asked == ["user: Hi", "assistant: Ho", "user: Why?"]
    assert answers == [("Rain.", None, first), ("Sun.", None, second)]


@pytest.mark.parametrize(
    ("label", "first"),
    [
        ({"winner": "model_a"}, 1.0),
        ({"winner": "model_b"}, 0.0),
        ({"winner": "tie (bothbad)"}, 0.5),
        ({"preference": "response_b"}, 0.0),
        ({"preference": "A"}, 1.0),
        ({"winner_model_a": 0, "winner_model_b": 1, "winner_tie": 0}, 0.0),
        ({}, None),
    ],
)
def test_two_answers_side_by_side_have_a_winner(label: dict[str, Any], first: float | None) -> None:
    row = {"prompt": "Why?", "response_a": "Rain.", "response_b": "Sun.", "model_a": "x", "model_b": "y", **label}
    second = None if first is None else 1 - first
    assert said(read_answers(row))[1] == [("Rain.", "x", first), ("Sun.", "y", second)]


def test_the_number_of_the_better_response_counts_from_the_names() -> None:
    from_zero = {"prompt": "Why?", "response_0": "Rain.", "response_1": "Sun.", "better_response_id": 1}
    assert [score for *_, score in said(read_answers(from_zero))[1]] == [0.0, 1.0]
    from_one = {"prompt": "Why?", "response_1": "Rain.", "response_2": "Sun.", "preference": 1}
    assert [score for *_, score in said(read_answers(from_one))[1]] == [1.0, 0.0]


def test_a_conversation_of_an_arena_ends_with_its_answer() -> None:
    row = {"conversation_a": [WHY, answer("Rain.")], "conversation_b": [WHY, answer("Sun.")], "winner": "model_b"}
    assert said(read_answers(row)) == (["user: Why?"], [("Rain.", None, 0.0), ("Sun.", None, 1.0)])


def test_ultrafeedback_has_the_mean_of_its_aspects_for_each_completion() -> None:
    row = {
        "source": "evol_instruct",
        "instruction": "Why?",
        "models": ["large", "small"],
        "completions": [
            {"model": "large", "response": "Rain.", "fine-grained_score": 4.5, "overall_score": 8.5},
            {
                "model": "small",
                "response": "Sun.",
                "annotations": {"helpfulness": {"Rating": "2"}, "honesty": {"Rating": "3"}, "truthfulness": {}},
                "overall_score": 10,
            },
        ],
    }
    assert said(read_answers(row)) == (["user: Why?"], [("Rain.", "large", 0.875), ("Sun.", "small", 0.375)])


def test_distilabel_lists_generations_with_ratings_and_models() -> None:
    row = {"instruction": "Why?", "generations": ["Rain.", "Sun."], "ratings": [5, 2], "generation_models": ["x", "y"]}
    assert said(read_answers(row))[1] == [("Rain.", "x", 1.0), ("Sun.", "y", 0.25)]


def test_answers_of_your_own_need_no_label() -> None:
    row = {"prompt": "Why?", "answers": ["Rain.", {"text": "Sun.", "model": "small"}, [answer("Wind.")]]}
    assert said(read_answers(row))[1] == [("Rain.", None, None), ("Sun.", "small", None), ("Wind.", None, None)]


def test_answers_may_stand_by_the_names_of_their_models() -> None:
    row = {"instruction": "Why?", "generations": {"large": "Rain.", "small": "Sun.", "absent": None}}
    assert said(read_answers(row))[1] == [("Rain.", "large", None), ("Sun.", "small", None)]


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ({"prompt": [WHY], "completion": [answer("Rain.")], "label": True}, ["user: Why?"]),
        ({"prompt": "Why?", "completion": "Rain.", "label": 1}, ["user: Why?"]),
        ({"completion": [WHY, answer("Rain.")], "label": "true"}, ["user: Why?"]),
        ({"messages": [WHY, answer("Rain.")], "label": True}, ["user: Why?"]),
        ({"instruction": "Why", "input": "now?", "output": "Rain.", "kto_tag": True}, ["user: Why\n\nnow?"]),
        (
            {
                "conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Rain."}],
                "kto_tag": True,
                "system": "Be kind.",
            },
            ["system: Be kind.", "user: Why?"],
        ),
    ],
)
def test_a_single_answer_has_a_label(row: dict[str, Any], asked: list[str]) -> None:
    assert said(read_answers(row)) == (asked, [("Rain.", None, 1.0)])


SWAPPED = [answer("Why?"), {"role": "user", "content": "Sun."}]


def exported(**columns: Any) -> dict[str, Any]:
    return {"id": "r", "status": "completed", "_server_id": "s", "prompt": [WHY], **columns}


@pytest.mark.parametrize(
    ("columns", "scores"),
    [
        # What one reviewer drafted does not count.
        (
            {
                "response_a": "Rain.",
                "response_b": "Sun.",
                "preference.responses": ["a", "b", "tie"],
                "preference.responses.status": ["submitted", "draft", "submitted"],
                "flags.responses": [["unsafe"]],
                "flags.responses.status": ["submitted"],
                "comment.responses": ["Hm."],
                "preference.suggestion": "b",
            },
            [0.75, 0.25],
        ),
        ({"response_a": "Rain.", "response_b": "Sun.", "preference.responses": ["both_bad"]}, [0.0, 0.0]),
        ({"response_a": "Rain.", "response_b": "Sun.", "preference.suggestion": "b"}, [0.0, 1.0]),
        ({"response_a": "Rain.", "response_b": "Sun.", "preference.responses": None}, [None, None]),
        (
            {
                "response-1": "Rain.",
                "response-2": "Sun.",
                "response-3": "Wind.",
                "ranking.responses": [
                    [
                        {"value": "response-2", "rank": 1},
                        {"value": "response-1", "rank": 2},
                        {"value": "response-3", "rank": 3},
                    ]
                ],
            },
            [0.5, 1.0, 0.0],
        ),
        (
            {
                "response_1": "Rain.",
                "response_2": "Sun.",
                "response_3": None,
                "rating_1.responses": [5, 3],
                "rating_2.responses": [2, 2],
            },
            [0.75, 0.25],
        ),
        ({"response": "Rain.", "quality.responses": ["good", "bad", "good", "good"]}, [0.75]),
    ],
)
def test_an_export_of_argilla_has_the_mean_of_what_was_submitted(
    columns: dict[str, Any], scores: list[float | None]
) -> None:
    asked, answers = said(read_answers(exported(**columns)))
    assert asked == ["user: Why?"]
    assert [score for *_, score in answers] == scores


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Why?", "chosen": None, "rejected": "Sun."}, "null_answer"),
        ({"prompt": None, "chosen": "Rain.", "rejected": "Sun."}, "no_prompt"),
        ({"prompt": "Why?", "chosen": [answer("Rain.")], "rejected": None}, "null_answer"),
        ({"prompt": "Why?", "answers": ["Rain.", None]}, "null_answer"),
        ({"prompt": "Why?", "answers": []}, "no_answers"),
        ({"prompt": "Why?", "chosen": " \n", "rejected": "Sun."}, "empty_answer"),
        ({"prompt": "Why?", "chosen": "Rain\0.", "rejected": "Sun."}, "nul_or_surrogate_characters"),
        # Roles swapped.
        ({"prompt": "Why?", "chosen": [answer("Why?"), WHY], "rejected": SWAPPED}, "answer_not_by_assistant"),
        (PAIRS["hh-rlhf"] | {"chosen": "\n\nHuman: Why?\n\nAssistant: So.\n\nHuman: No."}, "answer_not_by_assistant"),
        # Chosen and rejected swapped.
        (PAIRS["ultrafeedback_binarized"] | {"score_chosen": 2.0}, "scores_contradict_labels"),
        # A system turn in one side only.
        (PAIRS["trl without a prompt"] | {"chosen": [system("Be."), WHY, answer("So.")]}, "system_turn_in_one_side"),
        (
            {"prompt": [WHY], "chosen": [answer("Rain.")], "rejected": [system("Be."), answer("Sun.")]},
            "system_turn_in_one_side",
        ),
        ({"chosen": [*EARLIER, WHY, answer("Rain.")], "rejected": [WHY, answer("Sun.")]}, "prompts_differ"),
        ({"prompt": "How?", "chosen": [WHY, answer("Rain.")], "rejected": [WHY, answer("Sun.")]}, "prompts_differ"),
        (PAIRS["trl"] | {"chosen": [{"role": "tool", "content": "4"}]}, "turn_of_a_tool"),
        ({"prompt": "Why?", "completion": "Rain.", "label": "maybe"}, "unreadable_label"),
        ({"prompt": "Why?", "response_a": "Rain.", "response_b": "Sun.", "winner": "model_c"}, "unreadable_label"),
        ({"context": [WHY], "response1": "Rain.", "response2": "Sun.", "overall_preference": 7}, "unreadable_label"),
        ({"prompt": "Why?", "answers": ["Rain.", "Sun."], "scores": [3, "high"]}, "unreadable_label"),
        ({"prompt": "Why?", "completions": [{"model": "x", "response": None}, "Sun."]}, "null_answer"),
        ({"prompt": "Why?", "completions": [{"model": "x"}, "Sun."]}, "answer_without_text"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_has_a_reason(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        read_answers(row)


def test_columns_of_no_known_layout_are_named() -> None:
    with pytest.raises(DataError, match="no columns of a known layout, only prompt, text"):
        read_answers({"prompt": "Why?", "text": "Rain."})


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.25, 1], [0.25, 1.0]), ([2, 5], [0.25, 1.0]), ([10, 1], [1.0, 0.0]), ([0, 10], [0.0, 1.0]), ([None], [None])],
)
def test_scores_are_read_on_the_smallest_scale_that_holds_them(scores: list[Any], expected: list[Any]) -> None:
    assert unit_scores(scores) == expected
