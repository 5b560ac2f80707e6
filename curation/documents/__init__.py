"""Documents to ask questions about: reading them, cutting them into parts, requests for questions, and the replies."""

from typing import TYPE_CHECKING

from curation.documents.options import DocumentPrompts, QuestionModel
from curation.late import late_names

if TYPE_CHECKING:
    from curation.documents.questions import (
        Replies,
        Reply,
        checked_questions,
        closed_book_request,
        is_readable,
        questions_of,
        reply_of,
    )
    from curation.documents.reading import Document, Unread
    from curation.documents.requests import QuestionRequest, question_requests
    from curation.documents.source import load_documents, resolve_documents
    from curation.documents.splitting import windows
    from curation.documents.written import complaint
else:
    __getattr__ = late_names(
        __name__,
        {
            "questions": "Replies Reply checked_questions closed_book_request is_readable questions_of reply_of",
            "reading": "Document Unread",
            "requests": "QuestionRequest question_requests",
            "source": "load_documents resolve_documents",
            "splitting": "windows",
            "written": "complaint",
        },
    )

__all__ = [
    "Document",
    "DocumentPrompts",
    "QuestionModel",
    "QuestionRequest",
    "Replies",
    "Reply",
    "Unread",
    "checked_questions",
    "closed_book_request",
    "complaint",
    "is_readable",
    "load_documents",
    "question_requests",
    "questions_of",
    "reply_of",
    "resolve_documents",
    "windows",
]
