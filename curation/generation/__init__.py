"""Turns prompts into candidate sets: models answer, judges rate. This is the only package that imports distilabel."""

from typing import TYPE_CHECKING

from curation.generation.endpoint_options import Endpoint
from curation.generation.judge_options import Criterion, RubricJudge, UltraFeedbackJudge
from curation.generation.loading import load_distilabel
from curation.generation.options import Budget, Engine, Evolver, Generator, Models, settings_id, settings_of
from curation.late import late_names

if TYPE_CHECKING:
    from curation.generation.asking import estimate, generate_candidate_sets, given_set_id, run, stage_meters
    from curation.generation.budget import BudgetGate
    from curation.generation.cache import cache_file
    from curation.generation.endpoints import EndpointsLLM, endpoints_llm
    from curation.generation.estimates import Estimate
    from curation.generation.judging import JudgeStatistics, JudgeTally, disagrees_with_itself
    from curation.generation.meter import Amount, Meter, RunProgress, told_every
    from curation.generation.reach import check_endpoint, reach_endpoint
    from curation.generation.rubric import JudgeByRubric
    from curation.generation.runner import FailedRow
    from curation.generation.spool import PromptSpool, spooled
    from curation.generation.tasks import AnswerPrompt, EvolveAnswer, JudgeAnswers
else:
    __getattr__ = late_names(
        __name__,
        {
            "asking": "estimate generate_candidate_sets given_set_id run stage_meters",
            "budget": "BudgetGate",
            "cache": "cache_file",
            "endpoints": "EndpointsLLM endpoints_llm",
            "estimates": "Estimate",
            "judging": "JudgeStatistics JudgeTally disagrees_with_itself",
            "meter": "Amount Meter RunProgress told_every",
            "reach": "check_endpoint reach_endpoint",
            "rubric": "JudgeByRubric",
            "runner": "FailedRow",
            "spool": "PromptSpool spooled",
            "tasks": "AnswerPrompt EvolveAnswer JudgeAnswers",
        },
        load=load_distilabel,
    )

__all__ = [
    "Amount",
    "AnswerPrompt",
    "Budget",
    "BudgetGate",
    "Criterion",
    "Endpoint",
    "EndpointsLLM",
    "Engine",
    "Estimate",
    "EvolveAnswer",
    "Evolver",
    "FailedRow",
    "Generator",
    "JudgeAnswers",
    "JudgeByRubric",
    "JudgeStatistics",
    "JudgeTally",
    "Meter",
    "Models",
    "PromptSpool",
    "RubricJudge",
    "RunProgress",
    "UltraFeedbackJudge",
    "cache_file",
    "check_endpoint",
    "disagrees_with_itself",
    "endpoints_llm",
    "estimate",
    "generate_candidate_sets",
    "given_set_id",
    "load_distilabel",
    "reach_endpoint",
    "run",
    "settings_id",
    "settings_of",
    "spooled",
    "stage_meters",
    "told_every",
]
