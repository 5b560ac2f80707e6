"""The recipe of model_pool.toml as a launch script: prompts in, scored answers out, without people."""

import sys
from functools import partial

import curation as c

LARGE, OTHER = "Qwen/Qwen2.5-72B-Instruct", "meta-llama/Llama-3.3-70B-Instruct"
ASPECTS = ("helpfulness", "honesty", "instruction-following", "truthfulness")
CONFIG = c.Config(
    name="pool",
    prompts=c.HubPrompts(repo_id="databricks/databricks-dolly-15k", limit=1000),
    generators=(
        c.Generator(name="llama", model_id="meta-llama/Llama-3.1-8B-Instruct", temperature=1.0),
        c.Generator(name="qwen", model_id="Qwen/Qwen2.5-7B-Instruct", temperature=0.3, system_prompt="Be correct."),
        c.Generator(name="mistral", model_id="mistralai/Mistral-7B-Instruct-v0.3", template="{prompt}\n\nBe brief."),
    ),
    evolve=tuple(c.Evolver(name=f"{n}-better", model_id=LARGE, generators=(n,)) for n in ("llama", "mistral")),
    judges=tuple(c.UltraFeedbackJudge(model_id=model, aspects=ASPECTS) for model in (OTHER, LARGE)),
    review=c.RatingTask(),
    labels=c.MeanResolver(judge_fallback=True),
    quality=c.Quality(benchmarks=("preset:reward", "preset:chat")),
    publish=c.Publish(repo_id="acme/pool", formats=("dpo", "reward", "raw")),
    store=c.StoreSection(repo_id="acme/pool-store"),
)


def run(config: c.Config) -> None:
    """Answers, ratings, and datasets: what is done already is not done again."""
    for stage in (c.check, partial(c.generate, watch=c.show_progress), c.publish):
        print(*(report := stage(config)).lines, sep="\n")
        if report.exit_code:
            sys.exit(report.exit_code)


if __name__ == "__main__":
    try:
        run(CONFIG)
    except c.CurationError as error:
        sys.exit(f"Error: {error}")
