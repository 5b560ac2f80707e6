"""The recipe of preference.toml as a launch script: generate answers, then send them to people."""
# Labels and checks are as if they were not named; others: labels=MeanResolver() of curation.labels, and
# quality=Quality(near_duplicates=0.8, pii=True) of curation.quality.

from curation import Config, generate, push
from curation.config import Publish, StoreSection
from curation.generation import Generator, UltraFeedbackJudge
from curation.prompts import HubPrompts

CONFIG = Config(
    name="helpful",
    prompts=HubPrompts(repo_id="databricks/databricks-dolly-15k", limit=200),
    generators=(
        Generator(model_id="meta-llama/Llama-3.1-8B-Instruct"),
        Generator(model_id="Qwen/Qwen2.5-7B-Instruct"),
    ),
    judge=UltraFeedbackJudge(model_id="meta-llama/Llama-3.3-70B-Instruct"),
    publish=Publish(repo_id="acme/helpful"),
    store=StoreSection(repo_id="acme/helpful-store"),
)

if __name__ == "__main__":
    for stage in (generate, push):
        print(*stage(CONFIG).lines, sep="\n")
