"""Templates: what is wrong with one is said by name, and what a document holds never matters."""

from __future__ import annotations

import pytest

from curation.templates import ANSWER_PLACEHOLDERS, filled, template_fault

NAMES = ("document", "question")


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{document} {question}", None),
        ("{question} {document} {question} {{}} {{document}}", None),
        ("{document}", "lacks {question}"),
        ("", "lacks {document} and {question}"),
        ("{document} {{question}}", "lacks {question}"),
        ("{document} {question} {answer}", "has {answer}, which is no placeholder"),
        ("{document} {question} {}", "has {}, which is no placeholder"),
        ("{document} {question:>9}", "has {question:>9}, which is no placeholder"),
        ("{document.text} {question}", "has {document.text}, which is no placeholder"),
        ("{ document } {question}", "has { document }, which is no placeholder"),
        ("{document} {question} and a { brace", "has a stray '{' near 'uestion} and a { brace'"),
        ("{document} } {question}", "has a stray '}' near '{document} } {question}'"),
        ("{document} {question", "has a stray '{' near"),
        ("{{document} {question}", "has a stray '}' near"),
    ],
)
def test_what_is_wrong_with_a_template_is_said_by_name(template: str, fault: str | None) -> None:
    said = template_fault(template, NAMES)
    assert said is None if fault is None else said is not None and said.startswith(fault), said


def test_braces_in_a_document_are_text_and_no_placeholder_is_filled_twice() -> None:
    values = {"document": "{question} {x} }{ {{}} %s $1 \\1", "question": "{document}?"}
    assert filled("{document}|{question}|{{document}}|{{{question}}}", values) == (
        "{question} {x} }{ {{}} %s $1 \\1|{document}?|{document}|{{document}?}"
    )


def test_the_placeholders_of_answers_are_those_that_the_docs_name() -> None:
    assert ANSWER_PLACEHOLDERS == ("language_name", "document", "question")
