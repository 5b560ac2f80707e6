"""The recipe of import.toml as a launch script. Run it; run it again when people have answered in Argilla."""

import sys

import curation as c

CONFIG = c.Config(
    name="reviewed",
    prompts=c.PreferencePrompts(repo_id="HuggingFaceH4/ultrafeedback_binarized", split="train_prefs", limit=500),
    review=c.PairwiseTask(min_submitted=2),
    labels=c.MajorityResolver(min_reviewers=2),
    quality=c.Quality(benchmarks=("preset:reward", "preset:chat")),
    publish=c.Publish(repo_id="acme/reviewed", formats=("dpo", "kto", "raw")),
    store=c.StoreSection(repo_id="acme/reviewed-store"),
)


def run(config: c.Config) -> None:
    """Records for people, their answers, and datasets: what is done already is not done again."""
    for stage in (c.check, c.generate, c.push, c.sync, c.status, c.publish):
        report = stage(config)
        print(*report.lines, sep="\n")
        if report.exit_code:
            sys.exit(report.exit_code)


if __name__ == "__main__":
    try:
        run(CONFIG)
    except c.CurationError as error:
        sys.exit(f"Error: {error}")
