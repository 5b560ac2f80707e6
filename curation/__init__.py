"""From prompts on the Hugging Face Hub to human-verified preference datasets on the Hub."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curation.config import Config, Services, load_config, parse_config
    from curation.errors import CurationError
    from curation.stages.check import check
    from curation.stages.generate import generate
    from curation.stages.lint import lint
    from curation.stages.publish import publish
    from curation.stages.push import push
    from curation.stages.status import status
    from curation.stages.sync import sync

__all__ = [
    "Config",
    "CurationError",
    "Services",
    "check",
    "generate",
    "lint",
    "load_config",
    "parse_config",
    "publish",
    "push",
    "status",
    "sync",
]

_HOMES = {
    "Config": "curation.config",
    "CurationError": "curation.errors",
    "Services": "curation.config",
    "load_config": "curation.config",
    "parse_config": "curation.config",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `curation --help` needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module 'curation' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "curation.stages")), name)
