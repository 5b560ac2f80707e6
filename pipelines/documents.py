"""The recipe of documents.toml as a launch script. Run it; run it again when people have answered in Argilla."""

import sys
from functools import partial
from pathlib import Path

import curation as c

HANDBOOK = Path(__file__).parent / "handbook"
LARGE = "meta-llama/Llama-3.3-70B-Instruct"
CONFIG = c.Config(
    name="handbook",
    prompts=c.DocumentPrompts(path=HANDBOOK, question_model=c.QuestionModel(model_id=LARGE), questions_per_document=5),
    generators=(
        c.Generator(name="strong", model_id=LARGE, role="chosen"),
        c.Generator(name="weak", model_id="meta-llama/Llama-3.1-8B-Instruct", role="rejected"),
    ),
    judge=c.UltraFeedbackJudge(model_id="Qwen/Qwen2.5-72B-Instruct"),
    labels=c.MajorityResolver(judge_fallback=True),
    quality=c.Quality(benchmarks=("preset:reward", "preset:chat")),
    publish=c.Publish(repo_id="acme/handbook"),
    store=c.StoreSection(repo_id="acme/handbook-store"),
)


def run(config: c.Config) -> None:
    """Questions, answers, records for people, and datasets: what is done already is not done again."""
    for stage in (c.check, partial(c.generate, watch=c.show_progress), c.push, c.sync, c.publish):
        report = stage(config)
        print(*report.lines, sep="\n")
        if report.exit_code:
            sys.exit(report.exit_code)


if __name__ == "__main__":
    try:
        run(CONFIG)
    except c.CurationError as error:
        sys.exit(f"Error: {error}")
