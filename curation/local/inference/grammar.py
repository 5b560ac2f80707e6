"""Grammars, in llama.cpp's GBNF, that hold a small model's reply to a form it would not keep by itself."""

from __future__ import annotations

from curation.local.inference.judge import JudgePrompt

# One short sentence on one line: distilabel's parser splits its sections on blank lines. It starts with a letter, or
# a small model may fill the whole length with spaces.
_SENTENCE = r'sentence ::= [A-Z] [a-z]{1,12} (" " [a-zA-Z]{1,12} ","?){2,7} "."'
_RATING = "rating ::= [1-5]"
_TYPE = 'type ::= "None" | [1-3]'


def ultrafeedback_grammar(prompt: JudgePrompt) -> str:
    """Return the grammar of a reply to `prompt`, in the layout that distilabel's UltraFeedback templates ask for."""
    sections = ' "\\n\\n" '.join(_section(number, prompt) for number in range(1, len(prompt.texts) + 1))
    rules = [f"root ::= {sections}", _RATING, _SENTENCE]
    return "\n".join([*rules, _TYPE] if prompt.typed else rules)


def _section(number: int, prompt: JudgePrompt) -> str:
    lines = ['"Rating: " rating', '"Rationale: " sentence']
    if prompt.typed:
        lines = ['"Type: " type', '"Rationale: " sentence', *lines]
    return ' "\\n" '.join([f'"#### Output for Text {number}"', *lines])
