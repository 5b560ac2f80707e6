"""Variations of prompts: the requests for them, and the prompts that models wrote."""

from typing import TYPE_CHECKING

from curation.late import late_names
from curation.variations.options import VariationModel

if TYPE_CHECKING:
    from curation.variations.variations import (
        checked_variations,
        complaint,
        is_readable,
        stand_ins,
        variation_request,
        variations_of,
    )
else:
    __getattr__ = late_names(
        __name__,
        {"variations": "checked_variations complaint is_readable stand_ins variation_request variations_of"},
    )

__all__ = [
    "VariationModel",
    "checked_variations",
    "complaint",
    "is_readable",
    "stand_ins",
    "variation_request",
    "variations_of",
]
