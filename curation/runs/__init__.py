"""The parts of a run that asks models: the prompts that are asked, what earlier runs left, how sets are stored."""
