"""Every layout that preference datasets come in, and what TRL 1.16 does with it: rows written by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from curation.errors import DataError
from curation.preferences.examples import REFUSED_LAYOUTS, Turn
from curation.preferences.layouts import is_preference_row, read_example, whole_texts

ASK = [{"role": "user", "content": "What color is the sky?"}]
BLUE = [{"role": "assistant", "content": "It is blue."}]
GREEN = [{"role": "assistant", "content": "It is green."}]
PROMPT = (Turn("user", "What color is the sky?"),)

PAIRS: dict[str, dict[str, Any]] = {
    "conversational": {"prompt": ASK, "chosen": BLUE, "rejected": GREEN},
    "conversational_implicit_prompt": {"chosen": ASK + BLUE, "rejected": ASK + GREEN},
    "text": {"prompt": "What color is the sky?", "chosen": "It is blue.", "rejected": "It is green."},
    "mixed_text_and_messages": {"prompt": "What color is the sky?", "chosen": ASK + BLUE, "rejected": ASK + GREEN},
    "prompt_repeated": {"prompt": ASK, "chosen": ASK + BLUE, "rejected": ASK + GREEN},
}
LABELLED: dict[str, dict[str, Any]] = {
    "unpaired_conversational": {"prompt": ASK, "completion": BLUE, "label": True},
    "unpaired_text": {"prompt": "What color is the sky?", "completion": "It is blue.", "label": True},
    "mixed_text_and_messages": {"prompt": "What color is the sky?", "completion": BLUE, "label": True},
    "prompt_repeated": {"prompt": ASK, "completion": ASK + BLUE, "label": True},
    "messages_with_label": {"messages": ASK + BLUE, "label": True},
}


@pytest.mark.parametrize("layout", PAIRS)
def test_pairs_are_read_alike_from_every_layout(layout: str) -> None:
    example = read_example(PAIRS[layout])
    assert example.layout == layout
    assert (example.prompt, example.chosen, example.rejected) == (PROMPT, "It is blue.", "It is green.")
    assert (example.completion, example.label, example.faults) == (None, None, ())


@pytest.mark.parametrize("layout", LABELLED)
def test_labelled_completions_are_read_alike_from_every_layout(layout: str) -> None:
    example = read_example(LABELLED[layout])
    assert example.layout == layout
    assert (example.prompt, example.completion, example.label) == (PROMPT, "It is blue.", True)
    assert (example.chosen, example.rejected, example.faults) == (None, None, ())


def test_the_layouts_that_a_trainer_fails_on_are_known() -> None:
    assert sorted(REFUSED_LAYOUTS) == [
        "completion_without_prompt",
        "messages_with_label",
        "mixed_text_and_messages",
        "prompt_repeated",
    ]


@pytest.mark.parametrize(
    ("row", "wholes"),
    [
        (PAIRS["conversational"], (ASK + BLUE, ASK + GREEN)),
        (PAIRS["conversational_implicit_prompt"], (ASK + BLUE, ASK + GREEN)),
        (PAIRS["text"], ("What color is the sky?It is blue.", "What color is the sky?It is green.")),
        ({"chosen": "It is blue.", "rejected": "It is green."}, ("It is blue.", "It is green.")),
        ({**PAIRS["conversational_implicit_prompt"], "prompt": None}, (ASK + BLUE, ASK + GREEN)),
        (LABELLED["unpaired_conversational"], (ASK + BLUE,)),
        (LABELLED["unpaired_text"], ("What color is the sky?It is blue.",)),
    ],
)
def test_what_trainers_read_is_the_prompt_with_each_answer(row: dict[str, Any], wholes: tuple[Any, ...]) -> None:
    assert whole_texts(row) == wholes


def test_a_completion_without_labels_is_no_preference() -> None:
    assert is_preference_row({"prompt": "a", "completion": "b", "label": None})
    assert not is_preference_row({"prompt": "a", "completion": "b"})
    assert not is_preference_row({"messages": ASK + BLUE})


def test_an_implicit_prompt_of_texts_ends_before_the_blank_as_in_trl() -> None:
    example = read_example({"chosen": "The sky is blue.", "rejected": "The sky is green."})
    assert (example.layout, example.prompt_text) == ("text_implicit_prompt", "The sky is")
    assert (example.chosen, example.rejected) == (" blue.", " green.")


def test_implicit_prompts_of_several_turns_are_the_longest_shared_start() -> None:
    talk = [{"role": "system", "content": "Be brief."}, *ASK, *BLUE, {"role": "user", "content": "Sure?"}]
    example = read_example({"chosen": talk + BLUE, "rejected": talk + GREEN})
    assert example.prompt is not None
    assert [turn.role for turn in example.prompt] == ["system", "user", "assistant", "user"]
    assert (example.chosen, example.rejected) == ("It is blue.", "It is green.")


def test_equal_conversations_keep_their_last_turn_as_the_answers() -> None:
    example = read_example({"chosen": ASK + BLUE, "rejected": ASK + BLUE})
    assert (example.prompt, example.chosen, example.rejected) == (PROMPT, "It is blue.", "It is blue.")


def test_nothing_shared_is_an_empty_prompt() -> None:
    assert read_example({"chosen": BLUE, "rejected": GREEN}).prompt == ()


def test_a_prompt_is_repeated_too_if_only_its_last_turns_are() -> None:
    prompt = [{"role": "system", "content": "Be brief."}, *ASK]
    example = read_example({"prompt": prompt, "chosen": ASK + BLUE, "rejected": GREEN})
    assert (example.layout, example.chosen, example.rejected) == ("prompt_repeated", "It is blue.", "It is green.")


def test_a_prompt_is_repeated_too_if_a_system_turn_stands_before_it() -> None:
    system = [{"role": "system", "content": "Be brief."}]
    example = read_example({"prompt": ASK, "chosen": system + ASK + BLUE, "rejected": system + ASK + GREEN})
    assert (example.layout, example.chosen, example.rejected) == ("prompt_repeated", "It is blue.", "It is green.")


def test_texts_that_begin_with_the_prompt_repeat_it() -> None:
    asked = "What color is the sky?\n"
    pair = read_example({"prompt": asked, "chosen": f"{asked}It is blue.", "rejected": f"{asked}It is green."})
    assert (pair.layout, pair.chosen, pair.rejected) == ("prompt_repeated", "It is blue.", "It is green.")
    labelled = read_example({"prompt": asked, "completion": f"{asked}It is blue.", "label": True})
    assert (labelled.layout, labelled.completion) == ("prompt_repeated", "It is blue.")


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected"),
    [
        ("Hello", "Hello! How are you?", "Hello there."),
        ("What color is the sky?", "What color is the sky? It is blue.", "Green."),
        ("", "It is blue.", "It is green."),
    ],
)
def test_an_answer_that_says_a_few_words_of_the_prompt_does_not_repeat_it(
    prompt: str, chosen: str, rejected: str
) -> None:
    example = read_example({"prompt": prompt, "chosen": chosen, "rejected": rejected})
    assert (example.layout, example.chosen) == ("text", chosen)


@pytest.mark.parametrize(
    ("prompt", "chosen"),
    [
        (ASK, [{"role": "user", "content": "It is blue."}]),
        (ASK, [{"role": "gpt", "content": "It is blue."}]),
        ([{"role": "system", "content": "Be brief."}], ASK + BLUE),
        (ASK, [*BLUE, {"role": "user", "content": "Sure?"}, *BLUE]),
    ],
)
def test_answers_with_another_voice_are_named(prompt: list[dict[str, str]], chosen: list[dict[str, str]]) -> None:
    fault = ("answer_not_by_assistant",)
    assert read_example({"prompt": prompt, "chosen": chosen, "rejected": GREEN}).faults == fault
    assert read_example({"prompt": prompt, "completion": chosen, "label": True}).faults == fault


def test_conversations_that_end_with_the_user_are_named() -> None:
    thanks = [{"role": "user", "content": "Thanks."}]
    example = read_example({"chosen": ASK + BLUE + thanks, "rejected": ASK + GREEN + thanks})
    assert example.faults == ("answer_not_by_assistant",)


def test_tools_may_speak_in_an_answer() -> None:
    talk = [{"role": "assistant", "content": ""}, {"role": "tool", "content": "4"}, *BLUE]
    assert read_example({"prompt": ASK, "chosen": talk, "rejected": GREEN}).faults == ()


HUMAN = "\n\nHuman: What color is the sky?\n\nAssistant:"


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [(" It is blue.", " It is green."), (" It is blue.", ""), (" It is blue.", " It is blue.")],
)
def test_answers_after_a_mark_are_read_whole(chosen: str, rejected: str) -> None:
    example = read_example({"chosen": HUMAN + chosen, "rejected": HUMAN + rejected})
    assert (example.layout, example.prompt_text) == ("text_implicit_prompt", HUMAN)
    assert (example.chosen, example.rejected) == (chosen, rejected)


def test_answers_begin_after_the_last_mark_that_both_texts_have() -> None:
    talk = f"{HUMAN} It is blue.\n\nHuman: Sure?\n\nAssistant:"
    example = read_example({"chosen": f"{talk} Yes, I am.", "rejected": f"{talk} Yes, I was.\n\nAssistant: No."})
    assert (example.prompt_text, example.chosen) == (talk, " Yes, I am.")


@pytest.mark.parametrize(
    "more",
    [
        "\n\nHuman: Sure?",
        "\n\nHuman: Sure?\n\nAssistant: Yes.",
        "\n  \n### Human: Sure?",
        "<|im_end|>\n<|im_start|>user\nSure?",
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nSure?",
        "</s>\n<|user|>\nSure?",
        "<end_of_turn>\n<start_of_turn>user\nSure?",
    ],
)
def test_a_transcript_that_goes_on_after_the_answer_is_named(more: str) -> None:
    fault = ("answer_not_by_assistant",)
    rows: list[dict[str, Any]] = [
        {"chosen": f"{HUMAN} It is blue.{more}", "rejected": f"{HUMAN} It is green."},
        {"prompt": "What color is the sky?", "chosen": "It is blue.", "rejected": f"It is green.{more}"},
        {"prompt": ASK, "chosen": [{"role": "assistant", "content": f"It is blue.{more}"}], "rejected": GREEN},
        {"prompt": "What color is the sky?", "completion": f"It is blue.{more}", "label": True},
    ]
    assert [read_example(row).faults for row in rows] == [fault] * len(rows)


@pytest.mark.parametrize("mark", ["User", "USER", "Human", "### User", "## Human "])
def test_a_later_turn_is_known_by_the_marks_of_the_prompt(mark: str) -> None:
    prompt = f"{mark}: What color is the sky?\nBot:"
    row = {"prompt": prompt, "chosen": f" Blue.\n{mark}: Sure?\nBot: Yes.", "rejected": " Green."}
    assert read_example(row).faults == ("answer_not_by_assistant",)
    # A prompt that is no transcript asks for a dialogue, or for a better one.
    for other in ("Write a short talk about the sky.", f"Correct this.\n{prompt} Blu."):
        assert read_example({**row, "prompt": other}).faults == ()


def test_words_about_people_and_users_are_no_turns() -> None:
    answer = "Human: a person.\nUser: who uses it. Human: too.\n\nHumans: many. <|im_end|> [user]"
    assert read_example({"prompt": "What is a human?", "chosen": answer, "rejected": "No."}).faults == ()


WRITTEN = (str(BLUE), json.dumps(BLUE), str(BLUE[0]), "[{'from': 'gpt', 'value': 'It is blue.'}]", str(BLUE)[:-4])


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("column", ["prompt", "chosen", "rejected", "context", "conversations"])
def test_messages_that_were_written_as_a_text_are_named_in_any_column(column: str, written: str) -> None:
    row = {"prompt": "What color is the sky?", "chosen": "It is blue.", "rejected": "It is green.", column: written}
    assert read_example(row).faults == ("messages_as_text",)
    labelled = {"prompt": "What color is the sky?", "completion": "It is blue.", "label": True}
    assert read_example({**labelled, "completion" if column == "chosen" else column: written}).faults == (
        "messages_as_text",
    )


def test_labelled_messages_that_were_written_as_a_text_are_named() -> None:
    example = read_example({"messages": str(ASK + BLUE), "label": True})
    assert (example.layout, example.faults) == ("messages_with_label", ("messages_as_text",))


def test_tools_and_other_json_are_no_messages() -> None:
    tools = json.dumps([{"type": "function", "function": {"parameters": {"role": {"a": 1}, "content": {"b": 2}}}}])
    row = {**PAIRS["text"], "tools": tools, "meta": '{"role": "admin"}', "ids": "[1, 2]"}
    assert read_example(row).faults == ()


@pytest.mark.parametrize("column", ["question", "instruction", "input"])
def test_a_question_that_no_trainer_reads_is_named(column: str) -> None:
    row = {"chosen": "Sure, it is blue.", "rejected": "Sure, it is green."}
    assert read_example({**row, column: "What color is the sky?"}).faults == ("question_not_read",)
    assert read_example({**row, column: " "}).faults == ()
    assert read_example({**row, column: "What color is the sky?", "prompt": "What color?"}).faults == ()


def test_a_question_that_both_answers_begin_with_is_read() -> None:
    row = {"chosen": f"{HUMAN} Blue.", "rejected": f"{HUMAN} Green.", "question": "What color is the sky?", "input": ""}
    assert read_example(row).faults == ()


def test_a_list_prompt_with_a_text_is_mixed() -> None:
    assert read_example({"prompt": ASK, "chosen": "a", "rejected": "b"}).layout == "mixed_text_and_messages"


def test_a_completion_without_a_prompt_is_refused() -> None:
    example = read_example({"completion": ASK + BLUE, "label": False})
    assert (example.layout, example.prompt, example.completion) == ("completion_without_prompt", None, "It is blue.")
    assert (example.wanted, example.unwanted) == (None, "It is blue.")


@pytest.mark.parametrize(
    ("label", "meaning", "faults"),
    [
        (True, True, ()),
        (False, False, ()),
        (1, True, ()),
        (0, False, ()),
        ("True", None, ("label_not_boolean",)),
        ("good", None, ("label_not_boolean",)),
        (2, None, ("label_not_boolean",)),
        (None, None, ("label_missing",)),
    ],
)
def test_labels_are_booleans_or_zero_and_one(label: object, meaning: bool | None, faults: tuple[str, ...]) -> None:
    example = read_example({"prompt": ASK, "completion": BLUE, "label": label})
    assert (example.label, example.faults) == (meaning, faults)


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"margin": 0.5}, "column_margin"),
        ({"image": None}, "column_images"),
        ({"images": []}, "column_images"),
        ({"label": True}, "column_label"),
        ({"messages": ASK + BLUE}, "column_messages"),
        ({"chat_template_kwargs": None}, "null_chat_template_kwargs"),
        ({"tools": ""}, "empty_tools"),
    ],
)
def test_columns_that_trainers_misread_are_faults(columns: dict[str, Any], fault: str) -> None:
    assert read_example({**PAIRS["conversational"], **columns}).faults == (fault,)


def test_columns_that_trainers_accept_are_no_faults() -> None:
    row = {**PAIRS["conversational"], "tools": None, "chat_template_kwargs": {}, "source": "x", "score_gap": 1.0}
    assert read_example(row).faults == ()


def test_messages_beside_a_completion_are_named() -> None:
    row = {**LABELLED["unpaired_conversational"], "messages": ASK + BLUE}
    assert read_example(row).faults == ("column_messages",)


@pytest.mark.parametrize("indent", [None, 2])
def test_messages_written_as_a_text_are_named(indent: int | None) -> None:
    row = {"prompt": "Why?", "chosen": json.dumps(BLUE, indent=indent), "rejected": "b"}
    assert read_example(row).faults == ("messages_as_text",)


def test_a_prompt_that_ends_with_the_assistant_is_named() -> None:
    row = {"prompt": ASK + BLUE, "chosen": GREEN, "rejected": [{"role": "assistant", "content": "It is red."}]}
    assert read_example(row).faults == ("prompt_ends_with_assistant",)


@pytest.mark.parametrize(
    "columns",
    [
        ("chosen_score", "rejected_score"),
        ("score_chosen", "score_rejected"),
        ("chosen_rating", "rejected_rating"),
        ("chosen-rating", "rejected-rating"),
    ],
)
def test_scores_are_found_by_their_usual_names(columns: tuple[str, str]) -> None:
    example = read_example({**PAIRS["text"], columns[0]: 8, columns[1]: "2.5"})
    assert (example.chosen_score, example.rejected_score) == (8.0, 2.5)


@pytest.mark.parametrize("score", [float("nan"), "high", "", "inf", True, [8], pytest.param(10**400, id="huge")])
def test_a_score_that_is_no_number_is_unknown(score: object) -> None:
    example = read_example({**PAIRS["text"], "chosen_score": score, "rejected_score": score})
    assert (example.chosen_score, example.rejected_score) == (None, None)


def test_the_texts_of_parts_are_joined_and_calls_of_tools_have_none() -> None:
    parts = [{"type": "image"}, {"type": "text", "text": "What is "}, {"type": "text", "text": "this?"}]
    call = [{"role": "assistant", "content": None, "tool_calls": []}, {"role": "tool", "content": "4"}, *BLUE]
    example = read_example({"prompt": [{"role": "user", "content": parts}], "chosen": call, "rejected": GREEN})
    assert (example.prompt_text, example.chosen) == ("What is this?", "\n\n4\n\nIt is blue.")


def test_calls_of_tools_and_images_are_kept_beside_the_texts() -> None:
    def call(city: str) -> list[dict[str, Any]]:
        return [{"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": city}}]}]

    def shown(url: str) -> list[dict[str, Any]]:
        return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]

    example = read_example({"prompt": shown("a.png"), "chosen": call("Paris"), "rejected": call("Rome")})
    assert (example.prompt_text, example.answers) == ("", ("", ""))
    assert all(city in attachment for city, attachment in zip(("Paris", "Rome"), example.attachments, strict=True))
    assert example.prompt is not None
    assert "a.png" in example.prompt[0].attachments
    assert read_example(PAIRS["conversational"]).attachments == ("", "")


def test_the_same_calls_are_the_same_whatever_the_order_of_their_keys() -> None:
    calls: list[dict[str, Any]] = [{"name": "f", "arguments": {"a": 1}}, {"arguments": {"a": 1}, "name": "f"}]
    sides = [[{"role": "assistant", "content": "", "tool_calls": [call]}] for call in calls]
    example = read_example({"prompt": ASK, "chosen": sides[0], "rejected": sides[1]})
    assert example.attachments[0] == example.attachments[1] != ""


def test_images_of_a_row_are_told_apart_by_their_bytes() -> None:
    def media(columns: dict[str, Any]) -> str:
        return read_example({**PAIRS["conversational"], **columns}).media

    first, same, other = ({"bytes": data, "path": None} for data in (b"\x89a", b"\x89a", b"\x89b"))
    assert media({"images": [first]}) == media({"images": [same]}) != media({"images": [other]})
    assert media({"image": "0.png"}) != media({"image": "1.png"})
    assert media({"images": [], "image": None}) == ""


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Why \ud83d?", "chosen": "a", "rejected": "b"}, "prompt has half of a surrogate pair"),
        ({"completion": [{"role": "assistant", "content": "\udc00"}], "label": True}, "completion has half"),
        ({"prompt": "Why?", "chosen": None, "rejected": None}, "chosen and rejected are null"),
        ({"prompt": "Why?", "chosen": None, "rejected": "b"}, "chosen is null"),
        ({"prompt": "Why?", "chosen": 7, "rejected": "b"}, "chosen is int"),
        ({"prompt": {"text": "Why?"}, "chosen": "a", "rejected": "b"}, "prompt is dict"),
        ({"chosen": ["a"], "rejected": ["b"]}, "no message"),
        ({"chosen": [{"from": "human", "value": "a"}], "rejected": []}, '"role" and "content"'),
        ({"chosen": [{"role": "user", "content": 7}], "rejected": []}, "content is int"),
        ({"completion": None, "label": True}, "completion is null"),
        ({"messages": "a", "label": True}, "messages is a string"),
        ({"text": "a", "id": 1}, "only id, text"),
        ({}, "only none"),
    ],
)
def test_rows_that_cannot_be_read_say_why(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_example(row)


def test_columns_tell_preferences_from_other_data() -> None:
    assert all(is_preference_row(row) for row in (*PAIRS.values(), *LABELLED.values()))
    others: list[dict[str, Any]] = [{"messages": ASK}, {"prompt": "a"}, {"chosen": None, "rejected": None}, {}]
    assert not any(is_preference_row(row) for row in others)
