"""`[prompts] type = "documents"`: which documents are read, and how models are asked about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import MinLen
from pydantic import Field, PositiveInt, ValidationInfo, field_validator, model_validator

from curation.generation.endpoint_options import Endpoint
from curation.generation.options import AnswerTemplates, Generator
from curation.prompts.hub import RepoId
from curation.section import Section
from curation.templates import ANSWER_PLACEHOLDERS, QUESTION_PLACEHOLDERS, template_fault

QUESTIONS = """\
Write {num_samples} questions in {language_name} that the document below answers.
Each question must make sense to somebody who does not see the document, and needs the document to be answered.
Ask about different things, and never mention "the document" or "the text".

Reply with a JSON list of {num_samples} objects and nothing else. "quote" is the passage of the document that answers
the question, copied to the letter:
[{{"question": "...", "quote": "..."}}]

Document:
{document}
"""
UNANSWERABLE = """\
Write {num_samples} questions in {language_name} on the subject of the document below that the document does NOT answer.
Each question must make sense to somebody who does not see the document. Never mention "the document" or "the text".

Reply with a JSON list of {num_samples} objects and nothing else:
[{{"question": "..."}}]

Document:
{document}
"""
CHOSEN = """\
Answer the question in {language_name}, completely and correctly, from the document below alone. If the document does
not answer it, say so.

Document:
{document}

Question:
{question}
"""
REJECTED = """\
Answer the question in {language_name} in one or two sentences, without much care.

Document:
{document}

Question:
{question}
"""
JUDGED = """\
Answer the question in {language_name}, from the document alone. If the document does not answer it, say so.

Document:
{document}

Question:
{question}
"""

Template = Annotated[str, Field(min_length=1)]


class QuestionModel(Endpoint):
    """`[prompts.question_model]`: the model that writes questions about documents."""

    name: Annotated[str, Field(validate_default=True)] = ""
    """The name of this model in reports."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """How much questions vary (the sampling temperature), 0 to 2."""
    max_new_tokens: PositiveInt = 2048
    """The largest number of tokens in a list of questions."""

    @field_validator("name")
    @classmethod
    def _name_is_model_id(cls, name: str, info: ValidationInfo) -> str:
        return name or str(info.data.get("model_id", ""))

    @property
    def generator(self) -> Generator:
        """The same model as one that answers prompts; here they are requests for questions."""
        return Generator(**self.model_dump())


class DocumentPrompts(Section):
    """`[prompts] type = "documents"`: a model writes questions about documents, and the questions are the prompts."""

    type: Literal["documents"] = "documents"
    """`"hub"`, `"file"`, `"list"`, `"documents"`, `"preferences"` or `"answers"`."""
    path: Path | None = None
    """A file or a folder, relative to the TOML file: .txt, .md, .html, .pdf, or rows as .jsonl, .csv, .parquet and the
    like. Either this or `repo_id`."""
    repo_id: RepoId | None = None
    """A dataset on the Hub whose rows are documents, as owner/name."""
    config: str = "default"
    """With `repo_id`: one of its configs; "default" is the dataset's own default, whatever its name."""
    split: str = "train"
    """With `repo_id`: one of its splits."""
    revision: str = "main"
    """With `repo_id`: a branch, a tag or a commit. The commit that it stands for is recorded."""
    column: str = "text"
    """The column of rows that holds the documents."""
    limit: PositiveInt | None = None
    """Read only the first so many documents."""
    question_model: QuestionModel
    """Who writes the questions."""
    questions_per_document: PositiveInt = 3
    """How many questions are asked for about each document in each language, spread evenly over its parts."""
    languages: Annotated[dict[str, str], MinLen(1)] = Field(default_factory=lambda: {"en": "English"})
    """The languages of questions and answers: each code with the name that templates use."""
    window_tokens: Annotated[int, Field(ge=50)] = 2000
    """Longer documents are split into parts of at most so many tokens (four bytes each): 50 or more."""
    question_templates: Annotated[tuple[Template, ...], Field(min_length=1)] = (QUESTIONS,)
    """How questions are asked for; several templates are used evenly. Each has {num_samples}, {language_name} and
    {document}."""
    unanswerable: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of questions, 0 to less than 1, that the document does not answer; a good answer says so."""
    unanswerable_template: Template = UNANSWERABLE
    """How questions are asked for that the document does not answer; the same placeholders."""
    closed_book: bool = True
    """`true`: the model is asked each question without the document too, and a question that it can answer is dropped.
    That needs the quote of the question."""
    chosen_template: Template = CHOSEN
    """How generators with `role = "chosen"`, or without a role, are asked. It has {language_name}, {document} and
    {question}."""
    rejected_template: Template = REJECTED
    """How generators with `role = "rejected"` are asked; the same placeholders."""
    judge_template: Template = JUDGED
    """What judges are told that the answers were to do; the same placeholders."""

    @field_validator("languages")
    @classmethod
    def _languages_mean_something(cls, languages: dict[str, str]) -> dict[str, str]:
        from langcodes import tag_is_valid

        for code, name in languages.items():
            if not tag_is_valid(code):
                raise ValueError(f"{code!r} is no language's code; codes are those of ISO 639, such as 'en'")
            if not name.strip():
                raise ValueError(f"{code!r} has no name; write it as templates shall say it, such as 'English'")
        return languages

    @field_validator("question_templates", "unanswerable_template")
    @classmethod
    def _asks_for_questions(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        templates = (value,) if isinstance(value, str) else value
        for number, template in enumerate(templates, 1):
            fault = template_fault(template, QUESTION_PLACEHOLDERS)
            if fault is not None:
                raise ValueError(fault if isinstance(value, str) else f"template {number} {fault}")
        if len(set(templates)) < len(templates):
            raise ValueError("has a template twice")
        return value

    @field_validator("chosen_template", "rejected_template", "judge_template")
    @classmethod
    def _asks_for_answers(cls, template: str) -> str:
        fault = template_fault(template, ANSWER_PLACEHOLDERS)
        if fault is not None:
            raise ValueError(fault)
        return template

    @model_validator(mode="after")
    def _one_place(self) -> DocumentPrompts:
        if (self.path is None) == (self.repo_id is None):
            raise ValueError("needs either path or repo_id, and not both")
        return self

    def resolve(self, *, endpoint: str, token: str | None) -> str:
        """Return the source with a hash or commit: "handbook@0123456789abcdef", or "acme/documents@<commit>".

        Raises MissingError if there is no such file, folder or dataset, and what `HubPrompts.resolve` raises.
        """
        from curation.documents.source import resolve_documents

        return resolve_documents(self, endpoint=endpoint, token=token)

    @property
    def answer_templates(self) -> AnswerTemplates:
        """How generators and judges are asked."""
        return AnswerTemplates(chosen=self.chosen_template, rejected=self.rejected_template, judge=self.judge_template)
