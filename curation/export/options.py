"""The option `pairs` of `[publish]`."""

from typing import Literal

PairsPerPrompt = Literal["best-worst", "all"]
