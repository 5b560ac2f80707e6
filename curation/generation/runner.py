"""Runs a distilabel pipeline row by row in one asyncio loop: a row moves on as soon as its own inputs are there.

The stock runner waits for the slowest request of each batch, cannot resume, and lets one bad row spoil its batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from distilabel.pipeline import Pipeline
from distilabel.steps.base import GeneratorStep
from distilabel.steps.tasks import Task

from curation.errors import ConfigError

Row = dict[str, Any]


async def stream(pipeline: Pipeline, *, rows_in_flight: int = 64) -> AsyncGenerator[Row, None]:
    """Yield the rows of the pipeline's last step as they finish, in no fixed order.

    The pipeline has one generator step, row-wise steps and one last step; every task's LLM is asynchronous. At
    most `rows_in_flight` rows are read ahead, so memory stays flat. Raises ConfigError for a step that needs all rows,
    and what `reach` of an LLM raises before the first request.
    """
    graph = _Graph(pipeline)
    llms = [step.llm for step in graph.steps.values() if isinstance(step, Task)]
    try:
        for name in graph.order:
            graph.steps[name].load()
        for llm in llms:
            if hasattr(llm, "reach"):
                await llm.reach()
        async with aclosing(_bounded(graph, rows_in_flight)) as rows:
            async for row in rows:
                yield row
    finally:
        for llm in llms:
            if hasattr(llm, "aclose"):
                await llm.aclose()


async def _bounded(graph: _Graph, rows_in_flight: int) -> AsyncGenerator[Row, None]:
    source = graph.rows()
    running: set[asyncio.Task[Row]] = set()
    try:
        for row in source:
            running.add(asyncio.create_task(graph.run(row)))
            if len(running) >= rows_in_flight:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Graph:
    """The pipeline's steps in an order in which each comes after what it needs."""

    def __init__(self, pipeline: Pipeline) -> None:
        dag = pipeline.dag
        self.order = [name for level in dag.iter_based_on_trophic_levels() for name in level]
        self.steps = {name: dag.get_step(name)["step"] for name in self.order}
        self.needs = {name: list(dag.get_step_predecessors(name)) for name in self.order}
        roots, leaves = list(dag.root_steps), list(dag.leaf_steps)
        if len(roots) != 1 or len(leaves) != 1:
            raise ConfigError(
                f"The pipeline must have one first and one last step, not {len(roots)} and {len(leaves)}."
            )
        self.root, self.leaf = roots[0], leaves[0]
        for name, step in self.steps.items():
            if name != self.root and step.is_global:
                raise ConfigError(f"The step {name!r} needs all rows at once; this runner runs row-wise steps only.")

    def rows(self) -> Iterator[Row]:
        source: GeneratorStep = self.steps[self.root]
        for batch, last in source.process():
            yield from batch
            if last:
                return

    async def run(self, row: Row) -> Row:
        """Send one row through all steps; steps that do not wait for each other run at the same time."""
        results: dict[str, asyncio.Task[Row]] = {}
        async with asyncio.TaskGroup() as group:
            for name in self.order[1:]:
                results[name] = group.create_task(self._step(name, row, results))
        return results[self.leaf].result()

    async def _step(self, name: str, row: Row, results: dict[str, asyncio.Task[Row]]) -> Row:
        inputs = [row if need == self.root else await results[need] for need in self.needs[name]]
        step = self.steps[name]
        if isinstance(step, Task):
            return await _run_task(step, inputs[0])
        [outputs] = list(step.process(*([entry] for entry in inputs)))
        [output] = outputs
        return dict(output)


async def _run_task(task: Task, row: Row) -> Row:
    reply = await task.llm.agenerate(
        input=task.format_input(row), num_generations=task.num_generations, **task.llm.get_generation_kwargs()
    )
    [output] = task._format_outputs(reply, row)
    return {**row, **output, "model_name": task.llm.model_name}
