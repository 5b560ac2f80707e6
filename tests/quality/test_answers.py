"""Faults of one answer, each beside texts that look like it and have none."""

# ruff: noqa: RUF001 - texts of many languages

from __future__ import annotations

import pytest

from curation.quality.answers import (
    OPENING,
    ends_in_mid_sentence,
    has_ai_tell,
    is_empty,
    is_refusal,
    is_truncated,
    leaked_names,
)

LONG = "Magnesium is a mineral that many foods contain. " * 20


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u200b", " \u200b \ufeff\n", "\u3000", "\u00a0\u2060"])
def test_blanks_and_what_does_not_show_are_empty(text: str) -> None:
    assert is_empty(text)


@pytest.mark.parametrize("text", ["a", ".", "0", " \u200b x", "-", "None", "🙂"])
def test_anything_to_read_is_not_empty(text: str) -> None:
    assert not is_empty(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with that request.",
        "I cannot assist with that request.",
        "I cannot and will not help with that.",
        "Sorry, I can't do that.",
        "I'm afraid I can't do that.",
        "I am unable to provide instructions for making weapons.",
        "As an AI language model, I cannot provide instructions on how to build a bomb.",
        "I'm sorry, but as an AI language model, I can't create harmful content.",
        "Unfortunately, I'm not able to help you with this.",
        "I must decline this request.",
        "I apologize, but I cannot fulfill this request as it goes against ethical guidelines.",
        "I'm not comfortable helping with that.",
        "That's not something I can help with.",
        "This request goes against my guidelines.",
        "I understand you're frustrated, but I can't help you harm someone.",
        "**I can't help with that.**",
        "\"I'm sorry, but I can't assist with that.\"",
        "I can't assist with hacking. However, I can explain how to secure your account.",
        "I cannot in good conscience provide that.",
        f"I can't help with that. {LONG}",
        "Es tut mir leid, aber ich kann dir dabei nicht helfen.",
        "Leider kann ich Ihnen dabei nicht helfen.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "I'm not comfortable with that.",
        "I'm sorry, but I'm not comfortable with this request. Let's talk about something else.",
        "Je suis désolé, mais je ne peux pas vous aider avec cela.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "很抱歉，我无法帮助你。",
        "申し訳ありませんが、そのリクエストにはお応えできません。",
    ],
)
def test_an_answer_that_opens_with_a_no_is_a_refusal(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "I can't recommend it enough!",
        "I can't help but smile when I see puppies.",
        "I can't wait to help you with that.",
        "I cannot stress enough how important this is.",
        "Sorry to hear that you are unwell. Try these steps.",
        "I'm sorry for your loss. Here is how you can write the letter.",
        "The assistant replied: \"I'm sorry, but I can't help with that.\"",
        "Here is a dialogue.\n\nUser: how?\nAssistant: I'm sorry, but I can't help with that.\n",
        f"{LONG}\n\nI'm sorry, but I can't help with that.",
        "No, you can't take both medicines at once.",
        "I couldn't agree more.",
        "I can't say for sure, but the film came out in 1994.",
        "I will not go gentle into that good night",
        "I can help with that. I cannot provide more.",
        f"I can't provide personal medical advice, but here is what is known. {LONG}",
        "Ich kann nicht mehr, sagte der Hase.",
        "Dabei kann ich nicht nur zusehen, sondern auch helfen.",
        "I'm not comfortable with that much sugar in a cake, so I use half.",
        '"I\'m not comfortable with that." is short and kind.',
        "Je ne suis pas fatigué.",
        "No puedo más.",
        "",
    ],
)
def test_a_no_to_something_else_or_further_on_is_none(text: str) -> None:
    assert not is_refusal(text)


def test_a_caveat_counts_as_a_refusal_only_if_no_help_follows() -> None:
    caveat = "I can't give medical advice, but drink water."
    assert is_refusal(caveat.replace("give", "provide"))
    assert not is_refusal(caveat.replace("give", "provide") + " Rest." * OPENING)


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I do not have opinions.",
        "Well, as an AI, my view counts little.",
        "As an AI developed by OpenAI, I can't say.",
        "I’m just an AI, but here goes.",
        "I am an AI assistant created to help.",
        "I'm a language model.",
        "I'm just a computer program, so I don't have feelings.",
        "As of my knowledge cutoff in 2023, it was so.",
        "As of my knowledge cut-off in 2021, it was so.",
        "My training data ends in 2021.",
        "I don't have personal opinions.",
        "I cannot browse the internet.",
        "Als KI-Sprachmodell habe ich keine Meinung.",
        "En tant qu'IA, je n'ai pas d'opinion.",
        "Como modelo de lenguaje, no tengo opiniones.",
        "作为一个AI语言模型，我没有感情。",
    ],
)
def test_an_ai_that_speaks_of_itself_is_told(text: str) -> None:
    assert has_ai_tell(text)


@pytest.mark.parametrize(
    "text",
    [
        "As an AI engineer, I build models.",
        "As an AI researcher, my day begins early.",
        "I am an AI researcher at a university.",
        "I'm an AI enthusiast.",
        "Siri serves as an AI assistant for phones.",
        "It was an AI, my friend said.",
        "An AI language model predicts the next word.",
        "The knowledge cutoff of a model is the date its data ends.",
        "The training data of the model was noisy.",
        "My training plan has three runs a week.",
        "I don't have feelings for him any more.",
        "As an assistant, I filed papers.",
        "Think of it as an AI model. My view is different.",
    ],
)
def test_people_and_prose_about_ai_are_not(text: str) -> None:
    assert not has_ai_tell(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("I am ChatGPT, a large language model trained by OpenAI.", ("ChatGPT", "OpenAI")),
        ("I'm Claude, made by Anthropic.", ("Claude", "Anthropic")),
        ("Hi there! I’m Claude, how can I help you today?", ("Claude",)),
        ("My name is Claude, and I'm an AI assistant.", ("Claude",)),
        ("I am Qwen, created by Alibaba Cloud.", ("Qwen", "Alibaba Cloud")),
        ("Hello! I'm Qwen2.5-7B-Instruct.", ("Qwen2.5-7B-Instruct",)),
        ("I'm Gemini, a large language model built by Google.", ("Gemini", "Google")),
        ("I am Llama 3.1, an AI model from Meta.", ("Llama 3.1", "Meta")),
        ("I'm Mistral, an AI assistant.", ("Mistral",)),
        ("I'm DeepSeek-V3, an assistant.", ("DeepSeek-V3",)),
        ("I'm an AI model called Claude.", ("Claude",)),
        ("As ChatGPT, I can help.", ("ChatGPT",)),
        ("As a language model trained by OpenAI, I can help.", ("OpenAI",)),
        ("I was created by a team at OpenAI.", ("OpenAI",)),
        ("I was trained and developed by Mistral AI. I am from Mistral AI.", ("Mistral AI",)),
        ("OpenAI trained me on text.", ("OpenAI",)),
        ("Ich bin ChatGPT, ein Sprachmodell.", ("ChatGPT",)),
        ("我是通义千问，由阿里云开发。", ("通义千问", "阿里云")),
    ],
)
def test_a_model_that_introduces_itself_leaks_its_names(text: str, names: tuple[str, ...]) -> None:
    assert leaked_names(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "ChatGPT is a product by OpenAI.",
        "GPT-4 was trained by OpenAI, I think.",
        "Tools such as ChatGPT help. I am glad of it.",
        "I asked ChatGPT, and I am using Claude too.",
        "Known as ChatGPT, it is a model.",
        "People such as Claude, an AI engineer, agree.",
        "I'm Claude Monet, a painter.",
        "My name is Claude and I live in Lyon.",
        "I am a Gemini.",
        "I'm a llama in the Andes.",
        "I was impressed by OpenAI.",
        "I was working on a model trained by OpenAI.",
        "I'm a developer who uses an assistant made by Google.",
        "I was hired by Google. My phone was made by Google.",
        "As Llama 2 was trained, prices rose.",
    ],
)
def test_prose_about_models_leaks_none(text: str) -> None:
    assert leaked_names(text) == ()


def test_the_word_of_the_service_counts_more_than_the_text() -> None:
    assert is_truncated("It ends well.", "length")
    assert is_truncated("It ends well.", "max_tokens")
    assert not is_truncated("It ends in the", "stop")
    assert is_truncated("It ends in the", None)


@pytest.mark.parametrize(
    "text",
    [
        "```python\nx = 1",
        "Text.\n\n~~~\ncode.\n```\n",
        "````\n```\ncode.\n",
        "- item\n  ```sh\n  ls.",
        "```a`b```\n```\nx.",
    ],
)
def test_a_code_block_left_open_is_truncated(text: str) -> None:
    assert is_truncated(text, None)


@pytest.mark.parametrize(
    "text", ["```python\nx = 1\n```", "~~~~\n~~~\n~~~~", "Use ``` to begin a block.", "```x``` is code."]
)
def test_a_code_block_that_is_closed_is_not(text: str) -> None:
    assert not is_truncated(text, None)


@pytest.mark.parametrize(
    "text",
    [
        "This is a sentence. This is another that stops in the",
        "Dogs are loyal. Cats are independent animals that",
        "It is known that the",
        "We list apples, pears,",
        "The steps are as follows:",
        "- First, take the egg and",
        "这是第一句。这是第二句没有写完",
    ],
)
def test_a_line_that_breaks_off_ends_in_mid_sentence(text: str) -> None:
    assert ends_in_mid_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Paris",
        "42",
        "The answer is 4",
        "We add. The sum is 4",
        "- apples\n- pears",
        "1. One. It is\n2. Two. It ends here",
        "| a | b |\n| 1 | the |",
        "# A Title and",
        "Roses are red\nViolets are blue",
        "Sincerely,\nJohn Smith",
        "Great. Thanks #Golang",
        "Read on. See https://example.com/a",
        "This is said. And so is this 😀",
        'He said "stop."',
        "*Done.*",
        "(It is so.)",
        'Two things are infinite. "So it is" - Albert Einstein',
        "let a = 1;\nlet f = (x) => x,",
        "这是一个完整的句子。",
        "これは文です。",
        "สวัสดีครับ. นี่คือประโยค",
        "यह एक वाक्य है।",
        "هل هذا سؤال؟",
    ],
)
def test_lists_tables_code_labels_and_other_scripts_do_not(text: str) -> None:
    assert not ends_in_mid_sentence(text)


@pytest.mark.parametrize(
    "text", ["I'm sorry " * 3000, "I am an AI " * 5000, "a" * 100_000, "我是" * 20_000, "`" * 50_000]
)
def test_no_text_makes_them_hang(text: str) -> None:
    assert not is_refusal(text)
    assert leaked_names(text) == ()
    assert isinstance(has_ai_tell(text), bool)
    assert isinstance(is_truncated(text, None), bool)
