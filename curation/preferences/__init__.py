"""Data with answers that exist already: preferences that others published or exported, and answers to be reviewed.

`layouts.py` reads the layouts that trainers know, for `lint`; `rows.py` reads these and those of other tools, for the
prompt sources of `options.py`.
"""

from curation.preferences.options import AnsweredPrompts, AnswerPrompts, PreferencePrompts

__all__ = ["AnswerPrompts", "AnsweredPrompts", "PreferencePrompts"]
