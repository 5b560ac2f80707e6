"""What a model thought is parted from what it answered, however models mark it, and nothing else is."""

from __future__ import annotations

import pytest

from curation.thinking import Thinking, split_thinking, without_thinking

DEEPSEEK = "<think>\nThe user asks for a sum. 2 + 2 is 4.\n</think>\n\nIt is 4."
HARMONY = (
    "<|channel|>analysis<|message|>The user asks for a sum.<|end|>"
    "<|start|>assistant<|channel|>final<|message|>It is 4.<|return|>"
)


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        (DEEPSEEK, "The user asks for a sum. 2 + 2 is 4.", "It is 4."),
        ("  \n<think>A sum.</think>It is 4.", "A sum.", "It is 4."),
        ("\ufeff<think>A sum.</think> It is 4.\n", "A sum.", "It is 4."),
        ("<THINK>A sum.</Think>\nIt is 4.", "A sum.", "It is 4."),
        ('<think time="3s">A sum.</think>\nIt is 4.', "A sum.", "It is 4."),
        ("<thinking>A sum.</thinking>\n\nIt is 4.", "A sum.", "It is 4."),
        ("<reasoning>\nA sum.\n</reasoning>\nIt is 4.", "A sum.", "It is 4."),
        ("<thought>A sum.</thought>\nIt is 4.", "A sum.", "It is 4."),
        ("<seed:think>A sum.</seed:think>It is 4.", "A sum.", "It is 4."),
        ("[THINK]A sum.[/THINK]It is 4.", "A sum.", "It is 4."),
        ("◁think▷A sum.◁/think▷It is 4.", "A sum.", "It is 4."),
        (
            "<|begin_of_thought|>\n\nA sum.\n\n<|end_of_thought|>\n\n"
            "<|begin_of_solution|>\n\nIt is 4.\n\n<|end_of_solution|>",
            "A sum.",
            "It is 4.",
        ),
        (
            "<|START_THINKING|>A sum.<|END_THINKING|><|START_RESPONSE|>It is 4.<|END_RESPONSE|>",
            "A sum.",
            "It is 4.",
        ),
        ("<|inner_prefix|>A sum.<|inner_suffix|>It is 4.", "A sum.", "It is 4."),
        ("<|channel>thought\nA sum.<channel|>It is 4.", "A sum.", "It is 4."),
        ("Here is my thought process:\nA sum.\n\nHere is my response:\nIt is 4.", "A sum.", "It is 4."),
        (HARMONY, "The user asks for a sum.", "It is 4."),
        (HARMONY.replace("<|return|>", ""), "The user asks for a sum.", "It is 4."),
        (HARMONY.removeprefix("<|channel|>"), "The user asks for a sum.", "It is 4."),
        (f"<|start|>assistant{HARMONY}", "The user asks for a sum.", "It is 4."),
        # The prompt had the mark that begins the thought.
        (HARMONY.removeprefix("<|channel|>analysis<|message|>"), "The user asks for a sum.", "It is 4."),
        (
            "<|channel|>analysis<|message|>A sum.<|end|><|start|>assistant<|channel|>commentary<|message|>I add."
            '<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{"sum": 4}',
            "A sum.\n\nI add.",
            '{"sum": 4}',
        ),
        ("<|channel|>final<|message|>It is 4.<|return|>", None, "It is 4."),
        ("analysisWe need a sum.assistantfinalIt is 4.", "We need a sum.", "It is 4."),
        ("analysisWe need a sum.\n\nassistantfinal\nIt is 4.", "We need a sum.", "It is 4."),
        (
            "analysisA sum.assistantcommentaryI add.assistantfinalIt is 4.",
            "A sum.assistantcommentaryI add.",
            "It is 4.",
        ),
        ("We need a sum.assistantfinalIt is 4.", "We need a sum.", "It is 4."),
        ("assistantfinalIt is 4.", None, "It is 4."),
    ],
)
def test_thoughts_and_answer_are_separated(text: str, thinking: str | None, answer: str) -> None:
    assert split_thinking(text) == Thinking(thinking, answer)
    assert without_thinking(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "Okay, the user wants a sum. 2 + 2 is 4.\n</think>\n\nIt is 4.",
        "Okay, the user wants a sum. 2 + 2 is 4.</think>It is 4.",
        "Okay, the user wants a sum. 2 + 2 is 4. </think> It is 4.",
        # A thought may speak of the mark, and of code that it leaves open, before it ends.
        "I must not write `</think>`. Okay, the user wants a sum. 2 + 2 is 4.\n</think>\n\nIt is 4.",
        "A sum.\n[/THINK]It is 4.",
        "A sum.◁/think▷It is 4.",
        "A sum.\n</thought>\nIt is 4.",
        "A sum.<|end_of_thought|>It is 4.",
    ],
)
def test_a_thought_that_begins_in_the_prompt_ends_at_the_closing_mark(text: str) -> None:
    parts = split_thinking(text)
    assert parts.answer == "It is 4."
    assert "sum" in (parts.thinking or "")


@pytest.mark.parametrize(
    ("text", "thinking"),
    [
        ("<think>\nThe user asks for", "The user asks for"),
        ("<think>\nThe user asks for</think>\n\n \n", "The user asks for"),
        ("The user asks for a sum.\n</think>\n", "The user asks for a sum."),
        ("[THINK]The user asks", "The user asks"),
        ("<|channel|>analysis<|message|>The user asks", "The user asks"),
        ("analysisThe user asks for", "The user asks for"),
        ("analysis用户要求", "用户要求"),
        ("<think>", None),
        ("<think></think>", None),
        ("<think>\n\n</think>\n\n", None),
    ],
)
def test_a_text_that_is_only_a_thought_has_no_answer(text: str, thinking: str | None) -> None:
    assert split_thinking(text) == Thinking(thinking, "")


def test_an_empty_thought_is_no_thought() -> None:
    assert split_thinking("<think>\n\n</think>\n\nIt is 4.") == Thinking(None, "It is 4.")


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        # Models that think again and again.
        ("<think>A.</think>\nOne.\n<think>B.</think>\nTwo.", "A.\n\nB.", "One.\n\nTwo."),
        ("<think>A.</think><think>B.</think>Two.", "A.\n\nB.", "Two."),
        ("<think>A.</think>\nOne.\n<think>B", "A.\n\nB", "One."),
        # A second end without a beginning: the model began its answer anew.
        ("<think>A.</think>\nIt is\n</think>\nIt is 4.", "A.\n\nIt is", "It is 4."),
        ("A.\n</think>\nIt is\n</think>\nIt is 4.", "A.\n\nIt is", "It is 4."),
        ("<think>A.</think>\nIt is 4.\n</think>", "A.", "It is 4."),
        # Marks that are named within a thought.
        ("<think>I shall not write `</think>` yet.</think>It is 4.", "I shall not write `</think>` yet.", "It is 4."),
        ('<think>The tag "</think>" ends it.</think>It is 4.', 'The tag "</think>" ends it.', "It is 4."),
        ("<think>The tag <think> begins it.</think>It is 4.", "The tag <think> begins it.", "It is 4."),
        ('<think>She said "no"</think>"No," she said.', 'She said "no"', '"No," she said.'),
        # A thought that leaves code open, or is ended by another tag.
        ("<think>\n```python\n2 + 2\n</think>\nIt is 4.", "```python\n2 + 2", "It is 4."),
        ("<thinking>A sum.</think>It is 4.", "A sum.", "It is 4."),
        # Tags that were asked for are part of the answer.
        ("<think>A.</think><answer>4</answer>", "A.", "<answer>4</answer>"),
        ("<think>A.</think><reasoning>B.</reasoning>4", "A.", "<reasoning>B.</reasoning>4"),
        (
            "<think>A.</think>Write `<think>` first:\n```\n<think>\n</think>\n```",
            "A.",
            "Write `<think>` first:\n```\n<think>\n</think>\n```",
        ),
    ],
)
def test_several_thoughts_are_put_together(text: str, thinking: str, answer: str) -> None:
    assert split_thinking(text) == Thinking(thinking, answer)


@pytest.mark.parametrize(
    "text",
    [
        "It is 4.",
        "",
        "  It is 4.\n",
        "I think it is 4.",
        "Models write </think> before they answer.",
        "Models write `</think>` before they answer.",
        'The mark "</think>" ends a thought.',
        "`<think>` begins a thought and `</think>` ends it.",
        "DeepSeek puts its thoughts between <think> and </think>.",
        "Use this:\n```\n<think>\nThought.\n</think>\nAnswer.\n```\nIt works.",
        "Use this:\n\n~~~xml\nThought.\n</think>\n~~~\n",
        "```\nThought.\n</think>\n```",
        "An example:\n<think>\n2 + 2\n</think>\nThe answer is 4.",
        'Here is the file:\n<reasoning kind="short">\nA sum.\n</reasoning>\n',
        "<b>Bold</b> words, a <thinker>, and <answer>4</answer>.",
        "[think] and [THINKING] are none.",
        "Here's my thought process: first add, then divide.",
        "analysis of the text: it is short.",
        "analysis = 4",
        "analysisResult = 4",
        "In gpt-oss the word assistantfinal stands before the answer.",
        "The stripped form is `analysis...assistantfinal...`.",
        "Harmony looks like this: `<|start|>assistant<|channel|>final<|message|>Hi<|return|>`.",
        f"Harmony looks like this:\n```\n{HARMONY}\n```\n",
        "The channel <|channel|>final<|message|> comes last.",
    ],
)
def test_marks_in_code_in_quotes_and_in_the_middle_of_an_answer_are_text(text: str) -> None:
    assert split_thinking(text) == Thinking(None, text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Here you are.\n<think>Rating: 1</think>\nRating: 5", "Here you are.\n\nRating: 5"),
        ("Here you are.\n<thinking>\nRating: 1", "Here you are."),
        ("Sure: <think>\nRating: 1\n</think>\nRating: 5", "Rating: 5"),
        ("<think>a</think>\n<reasoning>Rating: 1</reasoning>\nRating: 5", "Rating: 5"),
        ("Text 1 puts <think> before its answer.\nRating: 5", "Text 1 puts <think> before its answer.\nRating: 5"),
        ("It writes `</think>`.\nRating: 5", "It writes `</think>`.\nRating: 5"),
    ],
)
def test_without_thinking_also_leaves_out_thoughts_in_the_middle_of_an_answer(text: str, left: str) -> None:
    assert without_thinking(text) == left


@pytest.mark.slow
@pytest.mark.timeout(300)  # A pattern that backtracks would take hours.
@pytest.mark.parametrize(
    "noise",
    [
        *("<think>", "</think>", "\n</think>", "\n<think>", "<think", "<think ", "<think>a</think>", '"<think>"'),
        *("`", "```\n", "~~~\n", "`<think>`", " ", "\n", "[THINK]"),
        *("<|channel|>", "<|channel|>analysis<|message|>", "<|end|> ", "<|end|>" + " " * 50 + "x"),
        *("analysis", "assistantfinal", "Here is my thought process:", "Here is my response:"),
    ],
)
def test_an_enormous_text_of_anything_is_split_without_backtracking(noise: str) -> None:
    many = noise * (100_000 // len(noise))
    for text in (f"{many}x", f"<think>{many}"):
        parts = split_thinking(text)
        # Marks are taken out; a blank line may stand between two thoughts.
        assert len(parts.answer) <= len(text)
        assert len(without_thinking(text)) <= len(parts.answer)
