"""The categories of prompts that refusal data needs, and how a cell of a dataset names one.

The categories come from "Creating Preference Datasets" (Panaversity, Agent Factory, chapter "Alignment & Safety"). The
subcategories of `edge_case`, which it leaves open, are the prompt types of XSTest (Röttger et al., NAACL 2024).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

CATEGORIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "direct_harm": ("violence", "harassment", "privacy_violation", "illegal_activity"),
        "prompt_injection": (
            "role_override",
            "instruction_injection",
            "system_prompt_extraction",
            "permission_escalation",
        ),
        "social_engineering": (
            "emotional_manipulation",
            "authority_impersonation",
            "fictional_framing",
            "urgency_fabrication",
        ),
        "gradual_escalation": ("information_gathering", "capability_building", "boundary_testing"),
        "edge_case": (
            "needs_clarification",
            "homonym",
            "figurative_language",
            "safe_target",
            "safe_context",
            "definition",
        ),
    }
)
"""The categories of prompts that refusal data needs, each with its subcategories."""

BENIGN = "benign"
"""The category of a harmless prompt that has nearly the same words as a harmful one: its benign twin. It is in no
range of the checklist. Data that only refuses teaches to refuse too much, so each harmful prompt should have a twin."""


def category_of(value: str | None) -> str | None:
    """Return the category in a cell ("Direct Harm", "edge-cases"), None if it is not one of the checklist."""
    name = _name(value)
    return next((category for category in CATEGORIES if name in {category, f"{category}s"}), None)


def is_benign(value: str | None) -> bool:
    """Whether a cell says that the prompt is a benign twin ("benign", "Benign twin")."""
    return _name(value) in {BENIGN, f"{BENIGN}_twin", f"{BENIGN}_twins"}


def subcategory_of(category: str, value: str | None) -> str | None:
    """Return the subcategory of `category` in a cell, None if it is not one of the checklist."""
    name = _name(value)
    return next((known for known in CATEGORIES[category] if name in {known, f"{known}s"}), None)


def _name(value: str | None) -> str:
    return re.sub(r"[\s-]+", "_", (value or "").strip().lower())
