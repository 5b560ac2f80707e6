"""Steps for any distilabel pipeline: push generations to Argilla, where people review them, and pull the answers."""

from typing import TYPE_CHECKING

import curation.generation.loading
from curation.late import late_names

if TYPE_CHECKING:
    from curation.steps.argilla import ReviewFromArgilla, ReviewToArgilla
else:
    __getattr__ = late_names(
        __name__, {"argilla": "ReviewFromArgilla ReviewToArgilla"}, load=curation.generation.loading.load_distilabel
    )

__all__ = ["ReviewFromArgilla", "ReviewToArgilla"]
