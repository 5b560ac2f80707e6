"""The recipe of review_only.toml as a launch script. Run it; run it again when people have answered in Argilla."""

import sys
from pathlib import Path

import curation as c

ANSWERS = Path(__file__).parent / "answers.jsonl"
CONFIG = c.Config(
    name="rated",
    prompts=c.AnswerPrompts(path=ANSWERS, column="prompt", answers_column="answers"),
    review=c.RatingTask(candidates=4, min_submitted=2),
    labels=c.MeanResolver(min_reviewers=2),
    quality=c.Quality(benchmarks=("preset:reward", "preset:chat")),
    publish=c.Publish(repo_id="acme/rated", formats=("dpo", "kto", "raw")),
    store=c.StoreSection(repo_id="acme/rated-store"),
)


def run(config: c.Config) -> None:
    """Records for people, their answers, and datasets: what is done already is not done again."""
    for stage in (c.check, c.generate, c.push, c.sync, c.publish):
        report = stage(config)
        print(*report.lines, sep="\n")
        if report.exit_code:
            sys.exit(report.exit_code)


if __name__ == "__main__":
    try:
        run(CONFIG)
    except c.CurationError as error:
        sys.exit(f"Error: {error}")
