"""What the configuration says of rows."""

from typing import Literal

PairsPerPrompt = Literal["best-worst", "all"]
