"""The recipe of judge_only.toml as a launch script: a judge rates answers that exist, and rows are published."""

import sys
from functools import partial
from pathlib import Path

import curation as c

ANSWERS = Path(__file__).parent / "answers.jsonl"
CONFIG = c.Config(
    name="judged",
    prompts=c.AnswerPrompts(path=ANSWERS, column="prompt", answers_column="answers"),
    judge=c.UltraFeedbackJudge(model_id="meta-llama/Llama-3.3-70B-Instruct", order="swap"),
    review=c.RatingTask(candidates=4),
    labels=c.MeanResolver(judge_fallback=True),
    quality=c.Quality(benchmarks=("preset:reward", "preset:chat")),
    publish=c.Publish(repo_id="acme/judged", formats=("dpo", "reward", "raw")),
    store=c.StoreSection(repo_id="acme/judged-store"),
)


def run(config: c.Config) -> None:
    """Ratings of the judge, and datasets: what is done already is not done again."""
    for stage in (partial(c.generate, watch=c.show_progress), c.publish):
        report = stage(config)
        print(*report.lines, sep="\n")
        if report.exit_code:
            sys.exit(report.exit_code)


if __name__ == "__main__":
    try:
        run(CONFIG)
    except c.CurationError as error:
        sys.exit(f"Error: {error}")
