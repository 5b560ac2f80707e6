"""The recipe of preference.toml as a launch script. Run it; run it again when people have answered in Argilla."""

import sys
from functools import partial

import curation as c

CONFIG = c.Config(
    name="helpful",
    prompts=c.HubPrompts(repo_id="databricks/databricks-dolly-15k", limit=200),  # or c.ListPrompts(rows=["Why?", ...])
    generators=(
        c.Generator(model_id="meta-llama/Llama-3.1-8B-Instruct"),
        c.Generator(model_id="Qwen/Qwen2.5-7B-Instruct"),
    ),
    judge=c.UltraFeedbackJudge(model_id="meta-llama/Llama-3.3-70B-Instruct"),
    quality=c.Quality(benchmarks=("preset:reward", "preset:chat")),
    publish=c.Publish(repo_id="acme/helpful"),
    store=c.StoreSection(repo_id="acme/helpful-store"),
)


def run(config: c.Config) -> None:
    """Answers, then records for people, then their answers as datasets: what is done already is not done again."""
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
