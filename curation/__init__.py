"""From prompts on the Hugging Face Hub to human-verified preference datasets on the Hub.

Everything that a launch script needs is here: the sections of a configuration, one function per verb, and the errors.
"""

from typing import TYPE_CHECKING

from curation.late import late_names

if TYPE_CHECKING:
    from curation.cli.progress import show_progress
    from curation.config import Config, Generate, Publish, Services, StoreSection, load_config, parse_config
    from curation.documents import DocumentPrompts, QuestionModel
    from curation.errors import ConfigError, CurationError, RefusedError, TemporaryError
    from curation.generation import Budget, Criterion, Evolver, Generator, RubricJudge, UltraFeedbackJudge
    from curation.labels import DawidSkeneResolver, MajorityResolver, MeanResolver, UnanimousResolver
    from curation.preferences import AnswerPrompts, PreferencePrompts
    from curation.prompts import FilePrompts, HubPrompts, ListPrompts
    from curation.quality import Filter, Quality
    from curation.review import BinaryTask, PairwiseTask, RankingTask, RatingTask, SafetyTask
    from curation.stages.check import check
    from curation.stages.explain import explain
    from curation.stages.generate import generate
    from curation.stages.lint import lint
    from curation.stages.preview import preview
    from curation.stages.publish import publish
    from curation.stages.push import push
    from curation.stages.refresh import refresh
    from curation.stages.restore import restore
    from curation.stages.status import status
    from curation.stages.sync import sync
    from curation.stages.verify import verify
    from curation.variations import VariationModel
else:
    # `curation --help` needs none of them.
    __getattr__ = late_names(
        __name__,
        {
            "config": "Config Generate Publish Services StoreSection load_config parse_config",
            "documents": "DocumentPrompts QuestionModel",
            "errors": "ConfigError CurationError RefusedError TemporaryError",
            "generation": "Budget Criterion Evolver Generator RubricJudge UltraFeedbackJudge",
            "labels": "DawidSkeneResolver MajorityResolver MeanResolver UnanimousResolver",
            "preferences": "AnswerPrompts PreferencePrompts",
            "prompts": "FilePrompts HubPrompts ListPrompts",
            "quality": "Filter Quality",
            "review": "BinaryTask PairwiseTask RankingTask RatingTask SafetyTask",
            "cli.progress": "show_progress",
            "stages.check": "check",
            "stages.explain": "explain",
            "stages.generate": "generate",
            "stages.lint": "lint",
            "stages.preview": "preview",
            "stages.publish": "publish",
            "stages.push": "push",
            "stages.refresh": "refresh",
            "stages.restore": "restore",
            "stages.status": "status",
            "stages.sync": "sync",
            "stages.verify": "verify",
            "variations": "VariationModel",
        },
    )

__all__ = [
    "AnswerPrompts",
    "BinaryTask",
    "Budget",
    "Config",
    "ConfigError",
    "Criterion",
    "CurationError",
    "DawidSkeneResolver",
    "DocumentPrompts",
    "Evolver",
    "FilePrompts",
    "Filter",
    "Generate",
    "Generator",
    "HubPrompts",
    "ListPrompts",
    "MajorityResolver",
    "MeanResolver",
    "PairwiseTask",
    "PreferencePrompts",
    "Publish",
    "Quality",
    "QuestionModel",
    "RankingTask",
    "RatingTask",
    "RefusedError",
    "RubricJudge",
    "SafetyTask",
    "Services",
    "StoreSection",
    "TemporaryError",
    "UltraFeedbackJudge",
    "UnanimousResolver",
    "VariationModel",
    "check",
    "explain",
    "generate",
    "lint",
    "load_config",
    "parse_config",
    "preview",
    "publish",
    "push",
    "refresh",
    "restore",
    "show_progress",
    "status",
    "sync",
    "verify",
]


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return __all__
