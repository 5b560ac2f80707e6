"""The recipe of haiku_kto.toml as a launch script. Run it; run it again when people have answered in Argilla."""

import sys
from functools import partial

import curation as c

POET = "You are a poet. Answer with one haiku: three lines of 5, 7 and 5 syllables, and nothing else."
MODELS = ("meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen2.5-7B-Instruct", "mistralai/Mistral-7B-Instruct-v0.3")
CONFIG = c.Config(
    name="haiku",
    prompts=c.HubPrompts(repo_id="davanstrien/haiku_prompts", column="instructions", limit=500),
    generators=tuple(c.Generator(model_id=model, system_prompt=POET, max_new_tokens=64) for model in MODELS),
    filters=(c.Filter(type="lines", min=3, max=3),),
    review=c.BinaryTask(min_submitted=3),
    labels=c.UnanimousResolver(min_reviewers=2),
    quality=c.Quality(benchmarks=("preset:reward", "preset:chat")),
    publish=c.Publish(repo_id="acme/haiku-kto", formats=("kto", "raw"), private=False),
    store=c.StoreSection(repo_id="acme/haiku-store"),
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
