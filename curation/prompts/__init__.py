"""Where prompts come from: datasets on the Hub, files and lists. A source reads rows lazily and says which it drops."""

from curation.prompts.file import FilePrompts
from curation.prompts.hub import HubPrompts
from curation.prompts.memory import ListPrompts
from curation.prompts.rows import REMEDIES, read_prompt

__all__ = ["REMEDIES", "FilePrompts", "HubPrompts", "ListPrompts", "read_prompt"]
