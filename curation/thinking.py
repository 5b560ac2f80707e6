"""Splits a model's text into what the model thought and what it answered.

Many services return both in one text, and each family of models marks its thoughts in its own way. The marks known here
are those of vLLM's and SGLang's reasoning parsers (docs.vllm.ai, docs.sglang.io). For example

    <think>2 and 2 make 4.</think>Four.                               most models
    <|channel|>analysis<|message|>2 and 2 ...<|channel|>final<|message|>Four.    gpt-oss
"""

# ruff: noqa: RUF001 - marks and words of many models are the data of this file

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from curation.characters import is_blank


class Thinking(NamedTuple):
    """The two parts of a text: the thoughts (None if there are none) and the answer ("" if there is none)."""

    thinking: str | None
    answer: str


def split_thinking(text: str) -> Thinking:
    """Return the thoughts and the answer of a text.

    A text has thoughts if it begins with an opening mark ("<think>", "[THINK]", "<|channel|>analysis", ...), or if it
    has a closing mark without an opening one: the chat templates of DeepSeek R1 and Qwen put the opening mark into the
    prompt. A thought without a closing mark goes to the end of the text. Marks in code or in quotation marks do not
    count, nor does a pair of marks in the middle of an answer. An answer without thoughts is returned unchanged.
    """
    if not _may_think(text):
        return Thinking(None, text)
    for split in (_split_harmony, _split_bare_harmony, _split_granite, _split_tagged):
        parts = split(text)
        if parts is not None:
            return parts
    return Thinking(None, text)


def without_thinking(text: str) -> str:
    """Return a text without its thoughts, also without thoughts on lines of their own in the middle of the answer.

    This is stricter than `split_thinking`. It is for texts, such as a judge's reply, in which a thought must never be
    read as an answer.
    """
    if not _may_think(text):
        return text
    answer = split_thinking(text).answer
    marks = _marks(answer)
    if not any(_opens_line(answer, mark) if not mark.closes else _ends_thought(answer, mark) for mark in marks):
        return answer
    return _walk(answer, marks, thinks=False).answer


def _may_think(text: str) -> bool:
    """Whether a text has any of what one of the patterns below cannot do without. Most texts have none of it."""
    return (
        "<" in text
        or "THINK]" in text
        or "◁" in text
        or "analysis" in text
        or "commentary" in text
        or "assistantfinal" in text
        or "my thought process:" in text
    )


# --- opening and closing marks ----------------------------------------------------------------------------------------

_XML_NAMES = "think|thinking|thoughts?|reasoning|scratchpad|seed:think"
_MARK = re.compile(
    rf"<(?P<slash>/?)(?P<name>(?i:{_XML_NAMES}))(?:\s[^<>]{{0,200}})?>"
    r"|\[/?THINK\]"  # Mistral
    r"|◁/?think▷"  # Kimi
    r"|<\|(?:begin|end)_of_thought\|>"  # OpenThinker
    r"|<\|(?:START|END)_THINKING\|>"  # Cohere
    r"|<\|inner_(?:prefix|suffix)\|>"  # Apertus
    r"|<\|channel>thought\b|<channel\|>"  # Gemma
)
_SPECIAL = {
    "[THINK]": ("mistral", False),
    "[/THINK]": ("mistral", True),
    "◁think▷": ("kimi", False),
    "◁/think▷": ("kimi", True),
    "<|begin_of_thought|>": ("openthinker", False),
    "<|end_of_thought|>": ("openthinker", True),
    "<|START_THINKING|>": ("cohere", False),
    "<|END_THINKING|>": ("cohere", True),
    "<|inner_prefix|>": ("apertus", False),
    "<|inner_suffix|>": ("apertus", True),
    "<|channel>thought": ("gemma", False),
    "<channel|>": ("gemma", True),
}
# Some models also put marks around the answer.
_ANSWER_MARKS = re.compile(
    r"^(?:<\|begin_of_solution\|>|<\|START_RESPONSE\|>)|(?:<\|end_of_solution\|>|<\|END_RESPONSE\|>)$"
)
_FENCE = re.compile(r"^[ \t]{0,12}(?P<marks>`{3,}(?=[^`\n]*$)|~{3,})(?P<rest>[^\n]*)$", re.MULTILINE)
_INLINE_CODE = re.compile(r"`[^`\n]+`")
_QUOTES = frozenset("`\"'“”‘’«»")
_SENTENCE_ENDS = frozenset(".!?…:)]}*。！？：）")


@dataclass(frozen=True, slots=True)
class _Mark:
    """A mark in a text: its family, such as "think", whether it closes, its place, and whether it is only quoted."""

    family: str
    closes: bool
    start: int
    end: int
    quoted: bool


def _marks(text: str) -> list[_Mark]:
    """Return all marks of a text, in order."""
    matches = list(_MARK.finditer(text))
    if not matches:
        return []
    code = list(_code(text))
    starts = [start for start, _ in code]
    marks = []
    for match in matches:
        family, closes = _SPECIAL.get(match[0]) or (match["name"].lower(), match["slash"] == "/")
        code_no = bisect_right(starts, match.start()) - 1
        in_code = code_no >= 0 and match.start() < code[code_no][1]
        neighbours = {text[max(match.start() - 1, 0) : match.start()], text[match.end() : match.end() + 1]}
        marks.append(_Mark(family, closes, match.start(), match.end(), in_code or neighbours <= _QUOTES))
    return marks


def _code(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each piece of code, in order: fenced blocks, and inline code between them."""
    start, fence, rest = 0, "", 0
    for line in _FENCE.finditer(text):
        if not fence:
            yield from (code.span() for code in _INLINE_CODE.finditer(text, rest, line.start()))
            start, fence = line.start(), line["marks"]
        elif line["marks"].startswith(fence) and is_blank(line["rest"]):
            yield start, line.end()
            fence, rest = "", line.end()
    if fence:
        yield start, len(text)
    else:
        yield from (code.span() for code in _INLINE_CODE.finditer(text, rest))


def _split_tagged(text: str) -> Thinking | None:
    """Split a text at opening and closing marks of one family."""
    marks = _marks(text)
    if not marks:
        return None
    opening = marks[0]
    if not opening.closes and is_blank(text[: opening.start]):
        family = [mark for mark in marks if mark.family == opening.family]
        if not any(mark.closes and not mark.quoted for mark in family):
            return _split_at_any_end(text, marks)
        return _walk(text, family, thinks=False)
    for mark in marks:
        if mark.quoted:
            continue
        if not mark.closes:
            return None
        if _ends_thought(text, mark):
            return _walk(text, [sibling for sibling in marks if sibling.family == mark.family], thinks=True)
    return None


def _split_at_any_end(text: str, marks: Sequence[_Mark]) -> Thinking:
    """Split at a closing mark that would not count otherwise, because there is no better one.

    It may seem to be in code, because the thought leaves a block of code open, or it may be of another family.
    """
    opening = marks[0]
    ends = [mark for mark in marks if mark.closes]
    end = next((mark for mark in ends if mark.family == opening.family), next(iter(ends), None))
    if end is None:
        return Thinking(_joined([text[opening.end :]]), "")
    return Thinking(_joined([text[opening.end : end.start]]), _bare(text[end.end :]))


def _walk(text: str, marks: Sequence[_Mark], *, thinks: bool) -> Thinking:
    """Split a text at its marks, from its start to its end. If `thinks`, the text begins inside a thought.

    Everything before a closing mark without an opening one is thought, unless nothing comes after that mark.
    """
    thoughts: list[str] = []
    answers: list[str] = []
    position, text_end = 0, len(text.rstrip())
    for mark in marks:
        if mark.quoted or mark.start < position:
            continue
        if thinks and mark.closes:
            thoughts.append(text[position : mark.start])
            position, thinks = mark.end, False
        elif not thinks and not mark.closes and (_opens_line(text, mark) or _follows(text, position, mark)):
            answers.append(text[position : mark.start])
            position, thinks = mark.end, True
        elif not thinks and mark.closes and _ends_thought(text, mark):
            if mark.end >= text_end:
                answers.append(text[position : mark.start])
                position = len(text)
                break
            thoughts += [*answers, text[position : mark.start]]
            answers, position = [], mark.end
    (thoughts if thinks else answers).append(text[position:])
    return Thinking(_joined(thoughts), _joined([_bare(answer) for answer in answers]) or "")


def _opens_line(text: str, mark: _Mark) -> bool:
    """Whether a mark is the first thing on its line."""
    return not mark.quoted and is_blank(_line_before(text, mark))


def _follows(text: str, position: int, mark: _Mark) -> bool:
    """Whether there is nothing but blanks between a position and a mark."""
    return mark.start - position < 200 and is_blank(text[position : mark.start])


def _line_before(text: str, mark: _Mark) -> str:
    """Return the text before a mark on its line, at most 200 characters: a line may be a megabyte long."""
    return text[max(0, mark.start - 200) : mark.start].rpartition("\n")[2]


def _ends_thought(text: str, mark: _Mark) -> bool:
    """Whether a closing mark really closes a thought: it begins its line, or follows a sentence or directly a word.

    In "Models write </think> before they answer" the mark is in the middle of a sentence and closes nothing.
    """
    if mark.quoted:
        return False
    line = _line_before(text, mark)
    return is_blank(line) or not line[-1].isspace() or line.rstrip()[-1] in _SENTENCE_ENDS


def _bare(answer: str) -> str:
    """Return an answer without marks and blanks around it."""
    return _ANSWER_MARKS.sub("", answer.strip()).strip()


def _joined(parts: Sequence[str]) -> str | None:
    return "\n\n".join(part.strip() for part in parts if not is_blank(part)) or None


# --- gpt-oss: channels ------------------------------------------------------------------------------------------------

_CHANNEL = re.compile(
    r"(?P<mark><\|end\|>\s{0,3})?(?P<start><\|start\|>)?(?:assistant)?"
    r"<\|channel\|>\s{0,3}(?P<name>\w{1,20})[^<]{0,100}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>"
)
_MESSAGE_END = re.compile(r"(?:\s{0,3}<\|(?:end|return|call)\|>){1,3}\s*$")
_BARE_START = re.compile(r"\s*(?:assistant)?(?:analysis|commentary)")
# No other text begins with such a word: "analysisWe need to", "analysis用户".
_BARE_THOUGHT = re.compile(r"\s*(?:assistant)?analysis(?:[A-Z][\w'’]{0,30},? [a-z]|[^\x00-\x7f])")
_BARE_FINAL = re.compile(r"(?:(?<=[.!?…)\]}\"'”。！？\n])|\A\s*)assistantfinal")


def _split_harmony(text: str) -> Thinking | None:
    """Split at the marks of OpenAI's harmony format (cookbook.openai.com/articles/openai-harmony).

    The channel "final" has the answer; all other channels are thoughts.
    """
    if "<|message|>" not in text:
        return None
    if re.match(r"\s*(?:analysis|commentary|final)<\|message\|>", text):
        text = f"<|channel|>{text.lstrip()}"
    headers = list(_CHANNEL.finditer(text))
    if not headers:
        return None
    before = text[: headers[0].start()]
    if not is_blank(before):
        in_code = any(start <= headers[0].start() < end for start, end in _code(text))
        if in_code or not (headers[0]["mark"] or headers[0]["start"]):
            return None
    ends = [*(header.start() for header in headers[1:]), len(text)]
    parts = [
        (header["name"].lower() == "final", _MESSAGE_END.sub("", text[header.end() : end]))
        for header, end in zip(headers, ends, strict=True)
    ]
    thoughts = [before, *(part for is_final, part in parts if not is_final)]
    return Thinking(_joined(thoughts), _joined([part for is_final, part in parts if is_final]) or "")


def _split_bare_harmony(text: str) -> Thinking | None:
    """Split a text in the harmony format without its special tokens: "analysisWe need ...assistantfinalFour."."""
    final = text.rfind("assistantfinal") if _BARE_START.match(text) else _bare_final(text)
    if final >= 0:
        thought = _BARE_START.sub("", text[:final], count=1) if _BARE_START.match(text) else text[:final]
        return Thinking(_joined([thought]), text[final + len("assistantfinal") :].strip())
    if _BARE_THOUGHT.match(text):
        return Thinking(_joined([_BARE_START.sub("", text, count=1)]), "")
    return None


def _bare_final(text: str) -> int:
    """Return where "assistantfinal" begins the answer, -1 if it does not occur or is in code or quotation marks."""
    match = _BARE_FINAL.search(text) if "assistantfinal" in text else None
    if match is None or any(start <= match.end() - 1 < end for start, end in _code(text)):
        return -1
    next_character = text[match.end() : match.end() + 1]
    return -1 if next_character in _QUOTES else match.end() - len("assistantfinal")


# --- Granite: sentences -----------------------------------------------------------------------------------------------

_GRANITE = re.compile(r"\s*Here(?: is|['’]s) my thought process:")
_GRANITE_ANSWER = re.compile(r"Here(?: is|['’]s) my response:")


def _split_granite(text: str) -> Thinking | None:
    """Split at the sentences "Here is my thought process:" and "Here is my response:"."""
    begin = _GRANITE.match(text)
    end = _GRANITE_ANSWER.search(text, begin.end()) if begin else None
    if begin is None or end is None:
        return None
    return Thinking(_joined([text[begin.end() : end.start()]]), text[end.end() :].strip())
