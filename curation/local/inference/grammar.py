"""A grammar, in llama.cpp's GBNF, that forces a small model to answer in the form that the judge's parser needs."""

from __future__ import annotations

from curation.local.inference.judge import JudgePrompt

# A rationale is one short sentence on one line, because distilabel's parser splits sections at blank lines. It starts
# with a letter, because a small model may otherwise write nothing but spaces.
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
