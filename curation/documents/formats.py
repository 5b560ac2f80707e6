"""The text of one file that is a document: plain text, Markdown, HTML or PDF."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from curation.characters import is_storable
from curation.errors import DataError
from curation.files import UNREADABLE, bounded_memory
from curation.files.rows import ROW_SIZE
from curation.files.text import is_utf8, open_text

MOST_CHARACTERS = ROW_SIZE
"""A longer document (about four million tokens) is not read."""
MOST_BYTES = 4 * MOST_CHARACTERS
"""A larger text file is too long, because no character takes more bytes in UTF-8. It is not even opened."""

BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header "
        "hr li main nav ol p pre section table td th title tr ul",
    )
)
"""The elements of HTML that begin a new paragraph."""
UNSEEN = frozenset({"head", "noscript", "script", "style", "template"})
"""The elements of HTML whose text a browser does not show."""


LONGEST_TAG = 1_000
"""A tag with a "<" in it has at most so many characters. Other tags may be longer, because they may hold pictures."""
_COMMENT_END = re.compile(r"--\s*>")


class FileText(NamedTuple):
    """The text of a file, and how many of its pages hold none (only a PDF has pages)."""

    text: str
    empty_pages: int = 0


class NotRead(ValueError):
    """A document cannot be used; its text is the reason as one word (see `reading.REASONS`)."""


def read_text_file(path: Path) -> FileText:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32.

    Raises NotRead with "too_large", "binary" or "not_utf8".
    """
    if path.stat().st_size > MOST_BYTES:
        raise NotRead("too_large")
    try:
        with open_text(path, newline="") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except UnicodeError as error:
        raise NotRead("binary") from error
    if len(text) > MOST_CHARACTERS:
        raise NotRead("too_large")
    if "\0" in text:
        raise NotRead("binary")
    if not is_utf8(text):
        raise NotRead("not_utf8")
    return FileText(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))


def read_html(path: Path) -> FileText:
    """Return what a browser shows of an HTML file: paragraphs with an empty line between them, headings as Markdown."""
    parser = _Paragraphs()
    parser.feed(without_open_marks(read_text_file(path).text))
    parser.close()
    return FileText("\n\n".join(parser.paragraphs()))


def without_open_marks(html: str) -> str:
    """Return HTML in which each "<" that opens no tag is written "&lt;".

    For each of them Python's parser would read to the end of the text. They are a "<" without a ">" behind it, a "<"
    whose ">" is far away and behind another "<", and the beginning of a comment that never ends. Marked sections, which
    HTML does not have, become comments.
    """
    html = html.replace("<![", "<!x[")
    last_comment_end = max((match.start() for match in _COMMENT_END.finditer(html)), default=-1)
    parts, begin, end_of_tag = [], 0, 0
    for match in re.finditer("<", html):
        start = match.start()
        if 0 <= end_of_tag < start:
            end_of_tag = html.find(">", start)
        holds_another = end_of_tag - start > LONGEST_TAG and html.find("<", start + 1, start + LONGEST_TAG) > 0
        is_open_comment = start > last_comment_end and html.startswith("<!--", start)
        if end_of_tag < 0 or holds_another or is_open_comment:
            parts += [html[begin:start], "&lt;"]
            begin = start + 1
    return "".join((*parts, html[begin:]))


def read_pdf(path: Path) -> FileText:
    """Return the text of a PDF, an empty line between two pages. Pictures are not read.

    Raises NotRead with "pdf_encrypted", "pdf_damaged", "pdf_without_text" (its pages are pictures) or "too_large".
    """
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

    # The library warns of every oddity of a file, although it reads the file all the same.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    pages: list[str] = []
    length = empty = 0
    try:
        with bounded_memory(str(path)), path.open("rb") as file:
            for page in PdfReader(file).pages:
                text = page.extract_text().strip()
                length, empty = length + len(text), empty + (not text)
                if length > MOST_CHARACTERS:
                    raise NotRead("too_large")
                pages.append(text)
    except NotRead:
        raise
    except DataError as error:
        raise NotRead("too_large") from error
    except (FileNotDecryptedError, DependencyError) as error:
        # Newer kinds of encryption need another package even to see that a password is needed.
        raise NotRead("pdf_encrypted") from error
    except (PyPdfError, AttributeError, RecursionError, *UNREADABLE) as error:
        raise NotRead("pdf_damaged") from error
    if not length:
        raise NotRead("pdf_without_text" if pages else "pdf_damaged")
    text = "\n\n".join(filter(None, pages))
    return FileText(text if is_storable(text) else _storable(text), empty)


def _storable(text: str) -> str:
    """Return the text without what no service stores: NUL and lone surrogates, which some fonts of PDFs give."""
    return text.replace("\0", "").encode(errors="ignore").decode()


class _Paragraphs(HTMLParser):
    """Collects the text of an HTML file by paragraph."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in UNSEEN
        if tag == "body":
            # Ends a <head> that was never closed.
            self._unseen = 0
        if tag in BLOCKS:
            self._parts.append("\n\n")
        if re.fullmatch("h[1-6]", tag):
            self._parts.append("#" * int(tag[1]) + " ")
        elif tag == "li":
            self._parts.append("- ")
        elif tag == "br":
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN and self._unseen:
            self._unseen -= 1
        if tag in BLOCKS:
            self._parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._parts.append(re.sub(r"\s+", " ", data))

    def paragraphs(self) -> Iterator[str]:
        """Yield the paragraphs that hold more than the mark of a heading or an item."""
        for paragraph in re.split(r"\n{2,}", "".join(self._parts)):
            text = "\n".join(" ".join(line.split()) for line in paragraph.split("\n")).strip()
            if text.strip("#- \n"):
                yield text


FORMATS: dict[str, Callable[[Path], FileText]] = {
    ".txt": read_text_file,
    ".md": read_text_file,
    ".markdown": read_text_file,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
}
"""How a file that is one document is read, by the end of its name in lower case."""
