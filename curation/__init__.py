"""From prompts on the Hugging Face Hub to human-verified preference datasets on the Hub."""

from curation.config import Config, Services, load_config
from curation.errors import CurationError
from curation.stages import check, generate, publish, push, status, sync

__all__ = [
    "Config",
    "CurationError",
    "Services",
    "check",
    "generate",
    "load_config",
    "publish",
    "push",
    "status",
    "sync",
]
