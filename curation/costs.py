"""What a Space costs, by Hugging Face's pages in November 2026, and which ways to review cost nothing."""

from __future__ import annotations

PLAN = (
    "A Docker Space takes a paid plan, whatever its hardware: PRO ($9 a month), or for an organisation Team ($20 a "
    "month for each member) or Enterprise. Prices are of November 2026; https://huggingface.co/pricing has today's."
)
FREE = (
    "What costs nothing: `curation local up` on a laptop, or a server of your own with Docker "
    "(spaces/argilla/compose.yaml)."
)
HARDWARE = {
    "cpu-basic": ("2 processors, 16 GB, asleep after 48 hours without a visitor", 0.0),
    "cpu-upgrade": ("8 processors, 32 GB, never asleep unless you say so", 0.03),
}
HOURS = 730
"""The hours of a month."""


def hardware_line(hardware: str | None) -> str:
    """Return a sentence about a kind of hardware and its price. None means cpu-basic, which a new Space gets."""
    name = hardware or "cpu-basic"
    if name not in HARDWARE:
        return f"The hardware {name} is paid by the hour: https://huggingface.co/pricing has the price."
    description, price = HARDWARE[name]
    cost = f"${price:.2f} an hour, ${price * HOURS:.0f} in a month without a pause" if price else "free of charge"
    return f"The hardware {name} ({description}): {cost}."
