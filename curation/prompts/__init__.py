"""Where prompts come from: datasets on the Hub and files. Every source reads rows lazily and says which it drops."""

from curation.prompts.file import FilePrompts
from curation.prompts.hub import HubPrompts
from curation.prompts.rows import REMEDIES, read_prompt

__all__ = ["REMEDIES", "FilePrompts", "HubPrompts", "read_prompt"]
