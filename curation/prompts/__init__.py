"""Prompt sources: a dataset on the Hub, a file, or a list.

A source reads its rows one at a time and yields a `Prompt` for each usable row and a `Drop`, with the reason, for each
other row.
"""

from curation.prompts.file import FilePrompts
from curation.prompts.hub import HubPrompts
from curation.prompts.memory import ListPrompts
from curation.prompts.rows import REMEDIES, read_prompt

__all__ = ["REMEDIES", "FilePrompts", "HubPrompts", "ListPrompts", "read_prompt"]
