"""Makes a text for Argilla's page from its code, formulas and prose."""

from __future__ import annotations

import re

from curation.review.shown import marks
from curation.review.shown.code import INDENTED, Part, read_parts
from curation.review.shown.formulas import Formula, is_plain
from curation.review.shown.marks import JOINER
from curation.review.shown.mathematics import COMMANDS
from curation.review.shown.prose import Piece, Span, are_certain, read_pieces, text_of

_RIGHT_TO_LEFT = re.compile("[\u0591-\u07ff\ufb1d-\ufdfd\ufe70-\ufefc]")
_LEFT_TO_RIGHT = re.compile(
    "[A-Za-z\u00c0\u00d8-\u00f6\u00f8-\u02b8\u0300-\u0590\u0800-\u1fff\u2c00-\ufb1c\ufdfe-\ufe6f\ufefd-\uffff]"
)

_LINE = r"(?:^|(?<=\r))"
_TAG, _IMAGE = r"<(?=[A-Za-z/!?])", r"!(?=\[)"
_ROW_HEIGHT, _COMMAND = r"\\\\(?=\s*\[)", r"\\(?=(?P<name>[A-Za-z]+))"
_CONTAINER = r"[ \t]*(?:>|[*+-](?=[ \t])|\d{1,9}[.)](?=[ \t]))"
_RULE = r"[ \t]*([-*])(?:[ \t]*\1)*[ \t]*$"
_NESTED = rf"{_LINE}(?!{_RULE})(?:{_CONTAINER}){{6}}"
"""A line that begins too many lists and quotes. At some hundreds marked runs out of stack, and the page fails."""

_DEFINITION = rf"{_LINE}(?:{_CONTAINER})*[ \t]*(?=\[(?P<label>))"
"""What stands before the label of a link definition. Marked removes a definition up to "]:", code within it too."""

_BROKEN = re.compile(rf"{_NESTED}|{_DEFINITION}|{_TAG}|{_IMAGE}|{_ROW_HEIGHT}|{_COMMAND}", re.MULTILINE)
_MARKDOWN = re.compile(
    rf"{_NESTED}|{_DEFINITION}|{_TAG}|{_ROW_HEIGHT}|{_COMMAND}"
    r"|(?P<kept>\\(?!<[A-Za-z/!?]|!\[)[!-/:-@\[-`{-~])|(?P<escape>!\[|\$|&(?=\#?\w{1,32};))",
    re.MULTILINE,
)


def display_text(text: str) -> str:
    """Return `text` as Markdown that shows reviewers what was written.

    Code stays as it is, and plain formulas are rendered. Tags, images, entities and other formulas are shown as text.
    """
    text = marks.with_circles(marks.with_doubled_marks(text))
    source = read_parts(text)
    prose = {part.text: read_pieces(part.text) for part in source.parts if not part.is_code}
    certain = source.certain and all(are_certain(pieces) for pieces in prose.values())
    renderer = _Renderer(certain=certain, right_to_left=_is_right_to_left(text), definitions="]:" in text)
    rendered = ""
    for part in source.parts:
        rendered += renderer.block(part) if part.is_code else renderer.prose(prose[part.text])
        rendered = marks.blank_line_after(rendered) if part.swallows else rendered
    return rendered


def _is_right_to_left(text: str) -> bool:
    """Return whether Argilla 2.8 shows a text from right to left: it has more such letters than others."""
    return len(_RIGHT_TO_LEFT.findall(text)) > len(_LEFT_TO_RIGHT.findall(text))


class _Renderer:
    """Renders parts.

    `certain`: marked sees the same code as we do, so code needs no change. `definitions`: the text may define links.
    """

    def __init__(self, *, certain: bool, right_to_left: bool, definitions: bool) -> None:
        self.certain = certain
        self.right_to_left = right_to_left
        self.definitions = definitions

    def block(self, part: Part) -> str:
        """Return a block of code, which stays left to right in a right-to-left text."""
        code = self._code(part.text)
        if self.right_to_left and self.certain and part.indent < INDENTED:
            indent, (start, end) = " " * part.indent, marks.BLOCK
            return f"{indent}{start}{code}\n\n{indent}{end}"
        return code

    def prose(self, pieces: list[Piece]) -> str:
        """Return what is not a block of code."""
        rendered = ""
        for piece, after in zip(pieces, [*pieces[1:], ""], strict=True):
            if isinstance(piece, str):
                rendered += _MARKDOWN.sub(self._changed, piece)
            elif isinstance(piece, Span):
                start, end = marks.INLINE if self.right_to_left else ("", "")
                rendered += f"{start}{self._code(piece.text)}{end}"
            elif is_plain(piece.content):
                rendered += self._formula(piece, before=rendered[-1:], after=text_of(after)[:1])
            else:
                rendered += marks.literal(piece.text)
        return rendered

    def _code(self, text: str) -> str:
        return text if self.certain else _BROKEN.sub(self._changed, text)

    def _formula(self, formula: Formula, *, before: str, after: str) -> str:
        """Return a formula in the form that Argilla renders, with a mark for another form in which it was written."""
        dollars = "$$" if formula.displayed else "$"
        # Also where the code is certain: a struck text may begin before a formula and end in it.
        content = marks.guarded_formula(_BROKEN.sub(self._changed, formula.content).replace("\n", "\t"))
        begins = before in {"", " ", "\n"}
        is_at_home = formula.kind == marks.DOLLARS and "\t" not in content and begins and marks.ENDS.match(after)
        if is_at_home and content == formula.content and not self.right_to_left:
            return formula.text
        start, end = marks.INLINE if self.right_to_left else ("" if begins else marks.BOUNDARY, "")
        return f"{start}{dollars}{content}{dollars}{marks.FORMULA_END}{formula.kind}{end}"

    def _changed(self, match: re.Match[str]) -> str:
        """Return the replacement of a tag, an image, a dollar, or a command that no formula may hold."""
        text, groups = match[0], match.groupdict()
        if groups["name"]:
            return text if self.certain or groups["name"] in COMMANDS else text + JOINER
        if groups.get("escape"):
            return f"{text[:-1]}{JOINER}\\{text[-1]}"
        if groups.get("kept") or (groups["label"] is not None and not self.definitions):
            return text
        return text + JOINER
