"""Reading a judge's reply: a rating lands on the text it was given to, or nowhere."""

# ruff: noqa: RUF001 - words and marks of many languages are the data of this file

from __future__ import annotations

from typing import Any, get_args

import pytest

from curation.generation.endpoints import EndpointsLLM
from curation.generation.judge_options import Aspect
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
        ("Rating: 4\nRationale: Fine.\n\nRating: 2\nRationale: Weak.", [None, None]),
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


TWO_FIRST = [
    # English, in the marks that judges use.
    "**Text 2**\nRating: 5\n**Text 1**\nRating: 2",
    "**Text 2:**\n_Rating:_ 5\n**Text 1:**\n_Rating:_ 2",
    "Text 2:\nRating: 5\nText 1:\nRating: 2",
    "text 2\nrating 5\ntext 1\nrating 2",
    "Response 2\nRating: 5\n\nResponse 1\nRating: 2",
    "## 2.\nRating: 5\n## 1.\nRating: 2",
    "### Output 2\nRating: 5\n### Output 1\nRating: 2",
    "**Answer 2:** Rating: 5\n**Answer 1:** Rating: 2",
    "Text #2\nRating: 5\nText #1\nRating: 2",
    "Text No. 2\nRating: 5\nText No. 1\nRating: 2",
    "Text_2:\nRating: 5\nText_1:\nRating: 2",
    "[Text 2]\nRating: 5\n[Text 1]\nRating: 2",
    "<text 2>\nRating: 5\n</text 2>\n<text 1>\nRating: 2\n</text 1>",
    "Text Two:\nRating: five\nText One:\nRating: two",
    "1. **Text 2**\n   - Rating: 5\n2. **Text 1**\n   - Rating: 2",
    "Assistant 2:\nScore: 5 stars\nAssistant 1:\nScore: 2 stars",
    "**Evaluation of Response 2**\n\n**Score: 5/5**\n\n**Evaluation of Response 1**\n\n**Score: 2/5**",
    "#### Output for Text 2 - accurate and clear\nRating: 5\n#### Output for Text 1 - wrong\nRating: 2",
    "### Text 2\n#### Rating\n5\n#### Rationale\nGood.\n### Text 1\n#### Rating\n2\n#### Rationale\nBad.",
    "Text 2\nRating:\n\n5\nText 1\nRating:\nTwo.",
    "Text 2\nRating (1-5): 5\nText 1\nRating (1-5): 2",
    "Text 2\nOverall Rating: 5\nText 1\nOverall Rating: 2",
    # Text and rating in one line.
    "Text 2: 5/5\nText 1: 2/5",
    "- **Text 2**: 5\n- **Text 1**: 2",
    "Text 2 Rating: 5\nText 1 Rating: 2",
    "Rating for Text 2: 5\nRating for Text 1: 2",
    "Rating (Text 2): 5\nRating (Text 1): 2",
    "**Text 2 - the longer one**\nRating: 5\n**Text 1 - the other**\nRating: 2",
    "Text 2 - Rating: 5 - good\nText 1 - Rating: 2 - bad",
    "Rating for Text 2: 5\nRating for Text 1: 2\nRationale for Text 2: Good.\nRationale for Text 1: Bad.",
    "Text 2: Rating: 5 Rationale: Better than Text 1.\nText 1: Rating: 2 Rationale: It has 3 errors.",
    "Text 2: This one is good.\nRating: 5\n\nText 1: This one is bad.\nRating: 2",
    # A whole reply in code or quoted.
    "```\n#### Output for Text 2\nRating: 5\n\n#### Output for Text 1\nRating: 2\n```",
    "> #### Output for Text 2\n> Rating: 5\n>\n> #### Output for Text 1\n> Rating: 2",
    # JSON that names its texts.
    '{"text_2": {"rating": 5, "rationale": "Good."}, "text_1": {"rating": 2}}',
    '```json\n{"Text 2": {"Rating": "5/5"}, "Text 1": {"Rating": 2}}\n```',
    '[{"text": 2, "rating": 5}, {"text": 1, "rating": 2}]',
    '{"1": 2, "2": 5}',
    # Other languages.
    "Antwort 2:\nBewertung: 5\nBegründung: Gut.\n\nAntwort 1:\nBewertung: 2",
    "### Ausgabe für Text 2\nBewertung: 5\n### Ausgabe für Text 1\nBewertung: 2",
    "#### Sortie pour le texte 2\nNote : 5/5\nJustification : Bien.\n#### Sortie pour le texte 1\nNote : 2",
    "#### Salida para el Texto 2\nCalificación: 5\n#### Salida para el Texto 1\nCalificación: 2",
    "#### Saída para o Texto 2\nAvaliação: 5\n#### Saída para o Texto 1\nNota: 2",
    "#### Output per il Testo 2\nValutazione: 5\n#### Output per il Testo 1\nVoto: 2",
    "#### Uitvoer voor Tekst 2\nBeoordeling: 5\n#### Uitvoer voor Tekst 1\nBeoordeling: 2",
    "#### Wynik dla Tekstu 2\nOcena: 5\n#### Wynik dla Tekstu 1\nOcena: 2",
    "#### Вывод для текста 2\nОценка: 5\n#### Вывод для текста 1\nОценка: 2",
    "#### 文本 2 的输出\n评分：5\n理由：好\n#### 文本 1 的输出\n评分：2",
    "文本２：\n评分：５\n文本１：\n评分：２",
    "**对文本2的输出**\n评分: 5\n**对文本1的输出**\n评分: 2",
    "第2个回答：\n评分：5\n第1个回答：\n评分：2",
    "【文本2】评分：5\n【文本1】评分：2",
    "#### テキスト2の出力\n評価：5\n理由：良い\n#### テキスト1の出力\n評価：2",
    "#### 텍스트 2에 대한 출력\n평점: 5\n근거: 좋음\n#### 텍스트 1에 대한 출력\n평점: 2",
    "#### مخرجات النص 2\nالتقييم: 5\n#### مخرجات النص 1\nالتقييم: 2",
    "#### النص ٢\nالتقييم: ٥\n#### النص ١\nالتقييم: ٢",
    "#### Metin 2 için Çıktı\nPuan: 5\n#### Metin 1 için Çıktı\nPuan: 2",
]


@pytest.mark.parametrize("text", TWO_FIRST)
def test_a_rating_belongs_to_the_text_whose_number_its_heading_has(text: str) -> None:
    assert ratings(text) == [2, 5]


@pytest.mark.parametrize(
    "text",
    [
        "1. Rating: 4\n2. Rating: 2",
        "First text\nRating: 4\nSecond text\nRating: 2",
        "Text A\nRating: 4\nText B\nRating: 2",
        "### Text 1 and Text 2\nRating: 4\nRating: 2",
        "Text 1: good.\nText 2: bad.\nRating: 4",
        "Text 1 is better than Text 2. Rating: 4\nRating: 2",
        "| Text | Rating |\n|---|---|\n| 1 | 4 |\n| 2 | 2 |",
        # Judges that count from 0 or from 2.
        "Text 0\nRating: 4\nText 1\nRating: 2",
        "Text 2\nRating: 4\nText 3\nRating: 2",
        '[{"id": 0, "rating": 4}, {"id": 1, "rating": 2}]',
        '[{"rating": 4}, {"rating": 2}]',
        '{"ratings": [4, 2], "rationales": ["Good.", "Bad."]}',
    ],
)
def test_where_a_number_cannot_be_told_there_is_no_rating(text: str) -> None:
    assert ratings(text) == [None, None]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("> Rating: 5\nRating: 4", 4),
        ("Rating: 4\n> Rating: 5", 4),
        ('"Rating: 5"\nRating: 4', 4),
        ("`Rating: 5`\nRating: 4", 4),
        ("```\nRating: 5\n```\nRating: 4", 4),
        ("Rating: 4\nFinal Rating: 4/5", 4),
        ("Rating: 4\nRating:", 4),
        ("Accuracy rating: 2\nRating: 4", 4),
        # Which of them is the judge's own cannot be told.
        ("The text claims:\nRating: 5\nbut I say:\nRating: 4", None),
        ("Rating: 4\nRating: 5", None),
        ("Rating: 4\nRating: 8/10", None),
        ("> Rating: 5", None),
        ("**Text 1**\nRating: 4\n**Text 1**\nRating: 5", None),
    ],
)
def test_of_several_ratings_a_quoted_one_never_wins(told: str, expected: float | None) -> None:
    assert ratings(reply(f"#### Output for Text 1\n{told}\nRationale: Fine.", section(2, 2))) == [expected, 2]


@pytest.mark.parametrize(
    "quoted",
    [
        "> #### Output for Text 2\n> Rating: 5",
        "```\n#### Output for Text 2\nRating: 5\n```",
        "(Text 2)",
        "Text 2 is longer.",
        "than Text 2",
    ],
)
def test_what_is_quoted_in_a_rationale_heads_nothing(quoted: str) -> None:
    text = reply(f"#### Output for Text 1\nRationale: It says:\n{quoted}\nRating: 4", section(2, 2))
    assert ratings(text) == [4, 2]
    assert ratings(text.partition("\n\n")[0]) == [4, None]


@pytest.mark.parametrize("line", ["Option 2", "Response 2:", "Text 2: better.", "of Text 2"])
def test_a_line_that_may_begin_another_text_leaves_the_rating_after_it_to_nobody(line: str) -> None:
    assert ratings(f"#### Output for Text 1\nRationale: Good.\n{line}\nRating: 4") == [None, None]
    assert ratings(f"#### Output for Text 1\nRating: 4\nRationale: Good.\n{line}") == [4, None]
    assert ratings(f"#### Output for Text 1\nRating: 4\nRationale: Good.\n{line}\nRating: 5") == [None, None]


@pytest.mark.parametrize(
    "end",
    [
        "\n\n### Summary\n- Text 1: 1/5\n- Text 2: 5/5",
        "\n- Text 1: 1/5\n- Text 2: 5/5",
        "\n\n#### Text 3\nRating: 1",
        "\n\n---\n",
    ],
)
def test_what_follows_the_last_section_is_no_part_of_it(end: str) -> None:
    assert parse_ratings(GOOD + end, 2) == (Rating(4, "Fine."), Rating(2, "Fine."))


@pytest.mark.parametrize("heading", ["**Text 2**", "Text 2:", "## 2.", "Response 2", "#### Output for Text 2 -"])
def test_a_rationale_never_holds_the_next_heading(heading: str) -> None:
    first = heading.replace("2", "1")
    text = f"{first}\nRating: 4\nRationale: Good.\nIndeed.\n\n{heading}\nRationale: Bad.\nRating: 2\n"
    assert parse_ratings(text, 2) == (Rating(4, "Good.\nIndeed."), Rating(2, "Bad."))


THOUGHT = "#### Output for Text 1\nRating: 1\nRationale: a\n\n#### Output for Text 2\nRating: 5\nRationale: b\n"


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\n{THOUGHT}</think>\n\n{GOOD}",
        f"{THOUGHT}</think>\n\n{GOOD}",
        f"<thinking>{THOUGHT}</thinking>{GOOD}",
        f"<reasoning>{THOUGHT}</reasoning>{GOOD}",
        f"[THINK]{THOUGHT}[/THINK]{GOOD}",
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{GOOD}",
        f"analysisWe rate.\n{THOUGHT}assistantfinal{GOOD}",
        f"Let me see.\n<think>\n{THOUGHT}</think>\n{GOOD}",
    ],
)
def test_ratings_noted_in_thoughts_are_not_read(text: str) -> None:
    assert ratings(text) == [4, 2]
    assert ratings(text.removesuffix(GOOD)) == [None, None]


def test_a_thought_that_is_not_ended_has_no_ratings() -> None:
    assert ratings(f"<think>\n{THOUGHT}") == [None, None]
    assert ratings(f"{GOOD}\n<think>\n{THOUGHT}") == [4, 2]


@pytest.mark.parametrize(
    ("said", "rating"),
    [
        *((said, 4) for said in (
            "<4>", "[[4]]", "(4)", "**4**", "**4**/5", '"4"', "$4$", "\\boxed{4}", "4️⃣", "４", "4!",
            "four", "Four", "four stars", "four out of five", "vier", "quatre", "cuatro", "四", "四分",
            "4/5 stars", "4 stars", "4 points", "4 Punkte", "4分", "4点", "4점", "4星", "★★★★☆", "⭐⭐⭐⭐",
            "4 von 5", "4 sur 5", "4 de 5", "4 su 5", "4 z 5", "4 из 5", "4 (满分5分)",
            "4 (out of 5)", "4 out of 5 stars", "4 (on a scale of 1 to 5)", "4 on a scale from 1 to 5", "4 (1-5)",
            "4/5 (Good)", "4: Strong", "4 – mostly right", "4 — a good one", "4 | good",
        )),
        ("5.0/5.0", 5),
        ("4,5/5", 4.5),
        *((said, None) for said in (
            "5 (out of 10)", "3 (on a scale of 1 to 10)", "3 on a scale from 1 to 10", "4 (max 10)", "4 (scale 0-5)",
            "4 out of ten", "4/100", "4/50", "4/5.5", "4/ 7", "4 von 10", "4 sur 10", "4分（满分10分）", "80%", "4%",
            "4-5", "4–5", "4 to 5", "4 or 5", "4 and 5", "four or five", "4, 5", "4,5", "4~5", "4 bis 5", "4到5",
            "4 (5)", "3 → 4", "3 -> 4", "4/5 → 3/5", "was 3, now 4", "4 instead of 5", "4 (was 5)", "between 3 and 4",
            "8/10 (4/5)",
            "4 (2 errors)", "~4", "<4", ">4", "4+", "4-", "4?", "4x", "4½", "IV", "☆☆☆☆", "?",
        )),
    ],
)  # fmt: skip
def test_a_rating_is_read_however_it_is_written_if_it_is_one_number_of_five(said: str, rating: float | None) -> None:
    assert ratings(reply(section(1, said), section(2, 2))) == [rating, 2]


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


@pytest.mark.slow
@pytest.mark.timeout(20)  # What backtracks would take hours.
@pytest.mark.parametrize("noise", ["\n", "* > # \n", "> - _ *\n", "Rating: (\n", "#### Output for Text x\n"])
def test_an_enormous_reply_is_read_in_no_time(noise: str) -> None:
    assert ratings(f"{noise * 20_000}x\n{GOOD}\n{noise * 20_000}x") == [4, 2]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("lead", ["", "#### ", "Rating: 4 ", "Text 1: "])
@pytest.mark.parametrize(
    "noise",
    ["for ", "text ", "text 1 ", "output for text ", "的", "文本", "rating for ", "4 ", "- ", "1 to ", "out of "],
)
def test_lines_of_words_that_head_and_rate_are_read_in_no_time(lead: str, noise: str) -> None:
    assert ratings(f"{lead}{noise * (1200 // len(noise))}\n" * 20, 3)[2] is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize("said", ["(" * 20_000, "()" * 20_000, "4" * 20_000, " " * 20_000, "*" * 20_000])
def test_an_enormous_rating_is_read_in_no_time(said: str) -> None:
    assert ratings(reply(section(1, f"4{said}1"), section(2, 2))) == [None, 2]
    assert ratings(reply(section(1, f"4 {said} x"), section(2, 2)))[1] == 2
    assert ratings(f"#### Output for Text {said}\n\n{GOOD}") == [4, 2]
