"""Sets of benchmarks by one name: `benchmarks = ["preset:reward"]`."""

from __future__ import annotations

from typing import NamedTuple

PRESET = "preset:"
"""An entry of `quality.benchmarks` that names a preset begins with this."""

PRESET_NGRAM = 7
"""A prompt that was taken from a preset shares so many words in a row with it.

Only the prompts of a preset are compared. Prompts are short and each is written by one person, while in the answers of
a benchmark seven words in a row are often an idiom.
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
        presets = " and ".join(f"{PRESET}{name}" for name in PRESETS)
        raise ValueError(f"{source!r} is no preset; there are {presets}")
    return PRESETS[name]
