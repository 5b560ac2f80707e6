"""explain: tells the whole life of one prompt, answer, record or row."""

from __future__ import annotations

from curation.config import Config, Services
from curation.derive import Watch
from curation.errors import RefusedError
from curation.explaining import SHORTEST_TEXT, PromptLife, known_rows, lives_of, matching_prompts
from curation.report import Report
from curation.services import open_store
from curation.wording import counted

MOST = 3
"""The lives of so many prompts are told at a time."""


class ExplainReport(Report):
    """The lives of the prompts that were looked for.

    `more` prompts match too and are left out. `underived` says why nothing is known of verdicts and rows, null if they
    are known.
    """

    query: str
    prompts: tuple[PromptLife, ...]
    more: int
    underived: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """One life below the other."""
        lines = [line for prompt in self.prompts for line in prompt.lines]
        if self.underived is not None:
            lines.append(f"Verdicts and rows are not known: {self.underived}")
        if self.more:
            lines.append(f"{counted(self.more, 'more prompt')} with {self.query!r}: give an id or a longer text.")
        return tuple(lines)


def explain(
    config: Config, query: str, *, services: Services | None = None, watch: Watch = lambda done, total: None
) -> ExplainReport:
    """Tell the life of up to three prompts that have something to do with `query`. Nothing is written.

    `query` is the id of a prompt, candidate set, candidate, record (ours or Argilla's) or row, or a piece of the text
    of a prompt, an answer or what a reviewer wrote. `watch` is called with the number of segments of the store that are
    done, and of all. Raises MissingError without a store, RefusedError if nothing matches.
    """
    services = services or Services.from_environment()
    snapshot = open_store(config, services).snapshot()
    with known_rows(config, services, snapshot, watch) as rows:
        prompt_ids = matching_prompts(snapshot, rows, query)
        if not prompt_ids:
            raise RefusedError(
                f"Nothing in {config.store.repo_id} has the id or the text {query!r}.",
                remedy=f"Give a whole id, or a piece of text of at least {SHORTEST_TEXT} characters.",
            )
        return ExplainReport(
            query=query,
            prompts=tuple(lives_of(config, snapshot, rows, prompt_ids[:MOST])),
            more=len(prompt_ids[MOST:]),
            underived=rows.underived,
        )
