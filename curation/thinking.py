"""A model's text, parted into what the model thought and what it answered.

A service that does not part the two returns both in one text, and each family of models marks its thoughts in its own
way. The marks are those of vLLM's and SGLang's reasoning parsers (docs.vllm.ai, docs.sglang.io).
"""

# ruff: noqa: RUF001 - marks and words of many models are the data of this file

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curation.types import is_blank


@dataclass(frozen=True, slots=True)
class Thinking:
    """A text in two parts: what a model thought (None if it has no thoughts) and what it answered ("" if nothing)."""

    thinking: str | None
    answer: str


def split_thinking(text: str) -> Thinking:
    """Return the thoughts and the answer of a text.

    A text has thoughts if it begins with the mark of one ("<think>", "[THINK]", "<|channel|>analysis", ...), or if the
    mark that ends one comes without a mark that begins it, because chat templates of DeepSeek R1 and Qwen put that
    into the prompt. A thought that is not ended goes to the end of the text. Marks in code or in quotation marks
    are text, and so is a pair of marks in the middle of an answer. An answer without thoughts is returned unchanged.
    """
    for split in (_split_harmony, _split_bare_harmony, _split_granite, _split_tagged):
        parts = split(text)
        if parts is not None:
            return parts
    return Thinking(None, text)


def without_thinking(text: str) -> str:
    """Return a text without its thoughts, and also without those that stand on lines of their own in its middle.

    This is stricter than `split_thinking`: it is for texts in which a thought would be taken for an answer.
    """
    answer = split_thinking(text).answer
    marks = _marks(answer)
    if not any(_opens_line(answer, mark) if not mark.closes else _ends_thought(answer, mark) for mark in marks):
        return answer
    return _walk(answer, marks, thinks=False).answer


# --- marks that begin and end a thought -------------------------------------------------------------------------------

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
# What those who mark their thoughts put around the answer.
_ANSWER_MARKS = re.compile(
    r"^(?:<\|begin_of_solution\|>|<\|START_RESPONSE\|>)|(?:<\|end_of_solution\|>|<\|END_RESPONSE\|>)$"
)
_FENCE = re.compile(r"^[ \t]{0,12}(?P<marks>`{3,}(?=[^`\n]*$)|~{3,})(?P<rest>[^\n]*)$", re.MULTILINE)
_INLINE_CODE = re.compile(r"`[^`\n]+`")
_QUOTES = frozenset("`\"'“”‘’«»")
_SENTENCE_ENDS = frozenset(".!?…:)]}*。！？：）")


@dataclass(frozen=True, slots=True)
class _Mark:
    family: str
    closes: bool
    start: int
    end: int
    quoted: bool


def _marks(text: str) -> list[_Mark]:
    found = list(_MARK.finditer(text))
    if not found:
        return []
    code = list(_code(text))
    starts = [start for start, _ in code]
    marks = []
    for match in found:
        family, closes = _SPECIAL.get(match[0]) or (match["name"].lower(), match["slash"] == "/")
        before = bisect_right(starts, match.start()) - 1
        quoted = before >= 0 and match.start() < code[before][1]
        around = {text[max(match.start() - 1, 0) : match.start()], text[match.end() : match.end() + 1]}
        marks.append(_Mark(family, closes, match.start(), match.end(), quoted or around <= _QUOTES))
    return marks


def _code(text: str) -> Iterator[tuple[int, int]]:
    """Yield where code begins and ends, in order: fenced blocks, and between them code within lines."""
    start, fence, rest = 0, "", 0
    for found in _FENCE.finditer(text):
        if not fence:
            yield from (code.span() for code in _INLINE_CODE.finditer(text, rest, found.start()))
            start, fence = found.start(), found["marks"]
        elif found["marks"].startswith(fence) and is_blank(found["rest"]):
            yield start, found.end()
            fence, rest = "", found.end()
    if fence:
        yield start, len(text)
    else:
        yield from (code.span() for code in _INLINE_CODE.finditer(text, rest))


def _split_tagged(text: str) -> Thinking | None:
    marks = _marks(text)
    if not marks:
        return None
    first = marks[0]
    if not first.closes and is_blank(text[: first.start]):
        family = [mark for mark in marks if mark.family == first.family]
        if not any(mark.closes and not mark.quoted for mark in family):
            return _split_at_any_end(text, marks)
        return _walk(text, family, thinks=False)
    for mark in marks:
        if mark.quoted:
            continue
        if not mark.closes:
            return None
        if _ends_thought(text, mark):
            return _walk(text, [other for other in marks if other.family == mark.family], thinks=True)
    return None


def _split_at_any_end(text: str, marks: Sequence[_Mark]) -> Thinking:
    """Part at an end that seems to stand in code (a thought may leave a block of code open), or is another family's."""
    first = marks[0]
    ends = [mark for mark in marks if mark.closes]
    end = next((mark for mark in ends if mark.family == first.family), next(iter(ends), None))
    if end is None:
        return Thinking(_joined([text[first.end :]]), "")
    return Thinking(_joined([text[first.end : end.start]]), _bare(text[end.end :]))


def _walk(text: str, marks: Sequence[_Mark], *, thinks: bool) -> Thinking:
    """Part a text at its marks; it begins in a thought if `thinks`.

    All before an end that no mark began is thought, unless nothing comes after it.
    """
    thoughts: list[str] = []
    answers: list[str] = []
    here, nothing_more = 0, len(text.rstrip())
    for mark in marks:
        if mark.quoted or mark.start < here:
            continue
        if thinks and mark.closes:
            thoughts.append(text[here : mark.start])
            here, thinks = mark.end, False
        elif not thinks and not mark.closes and (_opens_line(text, mark) or _follows(text, here, mark)):
            answers.append(text[here : mark.start])
            here, thinks = mark.end, True
        elif not thinks and mark.closes and _ends_thought(text, mark):
            if mark.end >= nothing_more:
                answers.append(text[here : mark.start])
                here = len(text)
                break
            thoughts += [*answers, text[here : mark.start]]
            answers, here = [], mark.end
    (thoughts if thinks else answers).append(text[here:])
    return Thinking(_joined(thoughts), _joined([_bare(answer) for answer in answers]) or "")


def _opens_line(text: str, mark: _Mark) -> bool:
    return not mark.quoted and is_blank(_line_before(text, mark))


def _follows(text: str, here: int, mark: _Mark) -> bool:
    return mark.start - here < 200 and is_blank(text[here : mark.start])


def _line_before(text: str, mark: _Mark) -> str:
    """What stands before a mark on its line, or the last of it: a text may be one line of a megabyte."""
    return text[max(0, mark.start - 200) : mark.start].rpartition("\n")[2]


def _ends_thought(text: str, mark: _Mark) -> bool:
    """Whether a mark ends a thought where it stands: alone on its line, or after a sentence or glued to a word.

    "Models write </think> before they answer" has it in the middle of a sentence.
    """
    if mark.quoted:
        return False
    line = _line_before(text, mark)
    return is_blank(line) or not line[-1].isspace() or line.rstrip()[-1] in _SENTENCE_ENDS


def _bare(answer: str) -> str:
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
# Such a word begins no other text: "analysisWe need to", "analysis用户".
_BARE_THOUGHT = re.compile(r"\s*(?:assistant)?analysis(?:[A-Z][\w'’]{0,30},? [a-z]|[^\x00-\x7f])")
_BARE_FINAL = re.compile(r"(?:(?<=[.!?…)\]}\"'”。！？\n])|\A\s*)assistantfinal")


def _split_harmony(text: str) -> Thinking | None:
    """Part at the marks of OpenAI's harmony format (cookbook.openai.com/articles/openai-harmony).

    The channel "final" is the answer, all others are thoughts.
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
    """Part the same where the special tokens were left out: "analysisWe need ...assistantfinalFour."."""
    final = text.rfind("assistantfinal") if _BARE_START.match(text) else _bare_final(text)
    if final >= 0:
        thought = _BARE_START.sub("", text[:final], count=1) if _BARE_START.match(text) else text[:final]
        return Thinking(_joined([thought]), text[final + len("assistantfinal") :].strip())
    if _BARE_THOUGHT.match(text):
        return Thinking(_joined([_BARE_START.sub("", text, count=1)]), "")
    return None


def _bare_final(text: str) -> int:
    found = _BARE_FINAL.search(text) if "assistantfinal" in text else None
    if found is None or any(start <= found.end() - 1 < end for start, end in _code(text)):
        return -1
    after = text[found.end() : found.end() + 1]
    return -1 if after in _QUOTES else found.end() - len("assistantfinal")


# --- Granite: sentences -----------------------------------------------------------------------------------------------

_GRANITE = re.compile(r"\s*Here(?: is|['’]s) my thought process:")
_GRANITE_ANSWER = re.compile(r"Here(?: is|['’]s) my response:")


def _split_granite(text: str) -> Thinking | None:
    begin = _GRANITE.match(text)
    end = _GRANITE_ANSWER.search(text, begin.end()) if begin else None
    if begin is None or end is None:
        return None
    return Thinking(_joined([text[begin.end() : end.start()]]), text[end.end() :].strip())
