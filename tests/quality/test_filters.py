"""`[[filters]]`: what each rule keeps, and what a rule may be."""

from __future__ import annotations

from typing import Any

import pytest

from curation.config import Config, parse_config
from curation.errors import ConfigError
from curation.quality import Filter, Quality, answer_checks, answer_fault, prompt_checks
from curation.types import Message

HAIKU = "An old silent pond\nA frog jumps into the pond\nSplash! Silence again."


def hi() -> tuple[Message, ...]:
    return (Message(role="user", content="Hi"),)


@pytest.mark.parametrize(
    ("rule", "kept", "dropped"),
    [
        (
            {"type": "lines", "min": 3, "max": 3},
            [HAIKU, f"\n{HAIKU}\n", "a\n\nb\n \t\nc", "a\r\nb\r\nc", "a\u2028b\u2028c"],
            ["a\nb", "a\nb\nc\nd", "", "\n\n\n", "a\x0bb\x0bc"],
        ),
        ({"type": "lines", "max": 1}, ["", "a", "a\n"], ["a\nb"]),
        ({"type": "words", "min": 2}, ["It's", "good day", "東京"], ["day", "...", ""]),
        ({"type": "words", "min": 1, "max": 2}, ["good day!"], ["a good day"]),
        ({"type": "characters", "max": 3}, ["abc", "  abc\n", "äöü", ""], ["abcd"]),
        ({"type": "regex", "pattern": "^Dear"}, ["Dear you"], ["My Dear", "dear", "x\nDear"]),
        ({"type": "regex", "pattern": "(?m)^Dear"}, ["x\nDear"], ["My Dear"]),
        ({"type": "regex", "pattern": "(?i)sincerely", "drop_matches": True}, ["Bye", ""], ["Yours SINCERELY, A."]),
    ],
)
def test_a_rule_keeps_what_it_says(rule: dict[str, Any], kept: list[str], dropped: list[str]) -> None:
    built = Filter(**rule)
    assert [text for text in kept if not built.keeps(text)] == []
    assert [text for text in dropped if built.keeps(text)] == []


def test_no_pattern_takes_longer_than_the_text_is_long() -> None:
    # Python's own regular expressions would need 2 ** 5000 steps, and never end.
    assert not Filter(type="regex", pattern="^(a+)+$").keeps("a" * 5000 + "b")


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"type": "lines"}, "type = 'lines' needs min, max or both"),
        ({"type": "lines", "min": 4, "max": 3}, "min = 4 is more than max = 3"),
        ({"type": "words", "min": 0}, "filters[1].min = 0: must be at least 1"),
        ({"type": "words", "min": 1, "pattern": "a"}, "pattern and drop_matches are for type = 'regex'"),
        ({"type": "regex"}, "type = 'regex' needs a pattern"),
        ({"type": "regex", "pattern": "a", "max": 2}, "min and max are for what is counted"),
        ({"type": "regex", "pattern": "("}, "filters[1].pattern = '(': is no regular expression: unclosed group."),
        ({"type": "regex", "pattern": "(?=a)"}, "look-around, including look-ahead and look-behind, is not supported"),
        ({"type": "regex", "pattern": "a{1,90000}{1,90000}"}, "exceeds size limit"),
        ({"type": "haiku", "min": 1}, "filters[1].type = 'haiku': must be 'lines', 'words', 'characters' or 'regex'"),
        ({"type": "lines", "min": 1, "name": "Three lines"}, "must be 1 to 64 of small letters, digits and '_'"),
        ({"type": "lines", "min": 1, "name": "pii"}, "the name 'pii' stands twice, or is a check's of [quality]"),
        (
            {"type": "lines", "minimum": 1},
            "filters[1].minimum is not a setting (see docs/configuration.md); did you mean min?",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_in_a_sentence(rule: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(rule)
    assert sentence in str(raised.value)


def test_two_rules_of_one_name_are_refused() -> None:
    two = ({"type": "lines", "min": 1}, {"type": "lines", "on": "prompts", "max": 9})
    with pytest.raises(ConfigError, match="the name 'lines' stands twice"):
        config(*two)
    assert [rule.reason for rule in config(two[0], two[1] | {"name": "long"}).filters] == ["lines", "long"]


def test_rules_are_listed_with_the_checks() -> None:
    rules = (
        Filter(type="lines", min=3, max=3),
        Filter(type="words", name="long", on="prompts", max=1000),
        Filter(type="characters", min=1),
        Filter(type="regex", name="greets", pattern="^Dear"),
        Filter(type="regex", name="signed", pattern="Yours", drop_matches=True),
    )
    assert Quality().lines(rules)[12:] == (
        "answers: lines: dropped if not 3 lines",
        "prompts: long: dropped if more than 1,000 words",
        "answers: characters: dropped if fewer than 1 character",
        "answers: greets: dropped if it does not match '^Dear'",
        "answers: signed: dropped if it matches 'Yours'",
    )
    assert "Checks: empty, identical, lines, long, characters, greets, signed; off: " in Quality().summary(rules)


def test_rules_are_checks_of_prompts_and_of_answers() -> None:
    rules = (Filter(type="lines", min=3, max=3), Filter(type="words", name="short", on="prompts", min=2))
    answers = answer_checks(Quality(), rules)
    assert [answer_fault(answers, hi, answer=text) for text in (HAIKU, "One line.", " ")] == [None, "lines", "empty"]
    prompts = prompt_checks(Quality(), rules)
    assert prompts.reason(hi()) == "short"
    conversation = (
        Message(role="system", content="You write"),
        Message(role="user", content="A haiku, please"),
        Message(role="assistant", content="No."),
        Message(role="user", content="Why?"),
    )
    # Of a conversation the last message of the user is looked at.
    assert prompts.reason(conversation) == "short"
    assert prompts.reason(conversation[:2]) is None


def config(*rules: dict[str, Any]) -> Config:
    return parse_config(
        {
            "name": "haiku",
            "prompts": {"type": "list", "rows": ["A pond"]},
            "generators": [{"model_id": "a"}, {"model_id": "b"}],
            "filters": list(rules),
            "publish": {"repo_id": "acme/haiku"},
            "store": {"repo_id": "acme/haiku-store"},
        }
    )
