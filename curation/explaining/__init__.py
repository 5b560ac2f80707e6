"""The life of one prompt, told from the store and the published dataset."""

from curation.explaining.life import PromptLife
from curation.explaining.lives import lives_of
from curation.explaining.matching import SHORTEST_TEXT, matching_prompts
from curation.explaining.rows import KnownRows, known_rows

__all__ = ["SHORTEST_TEXT", "KnownRows", "PromptLife", "known_rows", "lives_of", "matching_prompts"]
