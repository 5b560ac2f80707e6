"""Sets of benchmarks by one name: `benchmarks = ["preset:reward"]`."""

from __future__ import annotations

from typing import NamedTuple

PRESET = "preset:"
"""How an entry of `quality.benchmarks` begins that names a preset."""

PRESET_NGRAM = 7
"""So many words in a row are shared by a prompt and a prompt that it was taken from.

Prompts are short and written by one person; in the answers of a benchmark seven words in a row are often an idiom. So
of a preset only the prompts are looked at.
"""


class Benchmark(NamedTuple):
    """A dataset, "owner/name[:config[:split]]", and its column of prompts; without one all its text counts."""

    source: str
    column: str | None


PRESETS: dict[str, tuple[Benchmark, ...]] = {
    "reward": (
        Benchmark("allenai/reward-bench", "prompt"),
        Benchmark("allenai/reward-bench-2", "prompt"),
        Benchmark("THU-KEG/RM-Bench", "prompt"),
        Benchmark("ScalerLab/JudgeBench", "question"),
    ),
    "chat": (
        Benchmark("HuggingFaceH4/mt_bench_prompts", "prompt"),
        Benchmark("lmarena-ai/arena-hard-auto-v0.1", "turns"),
        Benchmark("allenai/WildBench:v2:test", "conversation_input"),
        Benchmark("google/IFEval", "prompt"),
    ),
}
"""The usual benchmarks of reward models and of chat models. AlpacaEval is not among them: its dataset is a program,
which `datasets` no longer runs. Part of its prompts is in allenai/reward-bench."""


def preset(source: str) -> tuple[Benchmark, ...] | None:
    """Return the benchmarks of an entry such as "preset:chat", None for an entry that is no preset.

    Raises ValueError, which names the presets, if there is none of that name.
    """
    if not source.startswith(PRESET):
        return None
    name = source.removeprefix(PRESET)
    if name not in PRESETS:
        known = " and ".join(f"{PRESET}{known}" for known in PRESETS)
        raise ValueError(f"{source!r} is no preset; there are {known}")
    return PRESETS[name]
