"""One TOML file = one curated dataset. The same model is built in Python by a launch script."""

from curation.config.config import SECTIONS, Config
from curation.config.file import load_config, parse_config
from curation.config.sections import Generate, Publish, StoreSection
from curation.config.services import Services

__all__ = ["SECTIONS", "Config", "Generate", "Publish", "Services", "StoreSection", "load_config", "parse_config"]
