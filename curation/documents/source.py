"""Where the documents of a configuration come from: a file, a folder, or a dataset on the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curation.documents.options import DocumentPrompts
from curation.documents.reading import Document, Unread, distinct, documents_of_rows, fingerprint, read_documents
from curation.prompts import HubPrompts


def resolve_documents(options: DocumentPrompts, *, endpoint: str, token: str | None) -> str:
    """Return the source with a hash or commit of its content: "handbook@0123456789abcdef", "acme/documents@<commit>".

    Raises MissingError if there is no such file, folder or dataset, and what `HubPrompts.resolve` raises.
    """
    if options.path is not None:
        return fingerprint(options.path)
    return _dataset(options).resolve(endpoint=endpoint, token=token)


def load_documents(
    options: DocumentPrompts, source: str, *, endpoint: str, token: str | None
) -> Iterator[Document | Unread]:
    """Yield the first `limit` documents, and between them an Unread for each entry that is no document.

    Raises what `read_documents`, `documents_of_rows` and `HubPrompts.rows` raise.
    """
    if options.path is not None:
        entries = read_documents(Path(options.path), column=options.column)
    else:
        rows = _dataset(options).rows(source, endpoint=endpoint, token=token)
        entries = distinct(documents_of_rows(rows, column=options.column, source=options.repo_id or ""))
    return entries if options.limit is None else _first(entries, options.limit)


def _first(entries: Iterator[Document | Unread], limit: int) -> Iterator[Document | Unread]:
    documents = 0
    for entry in entries:
        yield entry
        documents += isinstance(entry, Document)
        if documents == limit:
            return


def _dataset(options: DocumentPrompts) -> HubPrompts:
    assert options.repo_id is not None
    return HubPrompts(repo_id=options.repo_id, config=options.config, split=options.split, revision=options.revision)
