"""Runs a distilabel pipeline row by row in one asyncio loop: a row goes on as soon as its own inputs are ready.

distilabel's own runner waits for the slowest request of each batch, cannot resume, and loses a whole batch to one bad
row.
"""

from __future__ import annotations

import asyncio
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from copy import deepcopy
from functools import partial
from graphlib import TopologicalSorter
from typing import Any, TypeVar

import greenlet
from distilabel.constants import ROUTING_BATCH_FUNCTION_ATTR_NAME
from distilabel.errors import DistilabelUserError
from distilabel.models.llms.base import LLM, AsyncLLM
from distilabel.models.mixins.cuda_device_placement import CudaDevicePlacementMixin
from distilabel.pipeline import Pipeline
from distilabel.steps.tasks.base import _Task

from curation.errors import ConfigError, CurationError
from curation.generation.batch import NotAnsweredYet
from curation.generation.endpoints import EndpointsLLM
from curation.generation.waiting import Begun, awaited_from, dismiss, wait_for
from curation.types import Row as _Row

Row = dict[str, Any]
ResultT = TypeVar("ResultT")

LEAST_ROWS_IN_FLIGHT = 64


class FailedRow(_Row):
    """A row about which a step raised an error: the name of the step and the error. All other rows go on.

    `waits` is whether the step asked a request that a batch has not answered yet.
    """

    step: str
    error: str
    row: Row
    waits: bool = False


async def stream(
    pipeline: Pipeline, *, rows_in_flight: int | None = None, room: Callable[[int], bool] = lambda in_flight: True
) -> AsyncGenerator[Row | FailedRow, None]:
    """Yield the rows of the pipeline's last step as they finish, in no fixed order.

    The pipeline must have one first and one last step, and steps that work row by row. Each step runs as distilabel
    runs it, on the rows that come from one row of the first step. At most `rows_in_flight` rows are in the pipeline at
    once (by default twice as many as all LLMs take), so memory does not grow. `room(in_flight)` returns whether another
    row may be started; if it returns False while none is in flight, the run ends.

    Raises ConfigError if a step needs whole batches or all rows. If an LLM raises an error that ends the run, it is
    raised here when the rows in flight are finished.
    """
    graph = _Graph(pipeline)
    limits = sum(getattr(llm, "max_concurrency", LEAST_ROWS_IN_FLIGHT) for llm in graph.llms)
    loaded: list[Any] = []
    try:
        for name in graph.order:
            loaded.append(graph.steps[name])
            loaded[-1].load()
        for llm in graph.llms:
            if hasattr(llm, "reach"):
                await llm.reach()
        with _awaited(graph.llms):
            rows = _bounded(graph, rows_in_flight or max(LEAST_ROWS_IN_FLIGHT, 2 * limits), room)
            async with aclosing(rows):
                async for row in rows:
                    yield row
    finally:
        for llm in graph.llms:
            if hasattr(llm, "aclose"):
                await llm.aclose()
        for step in loaded:
            step.unload()


async def _bounded(
    graph: _Graph, rows_in_flight: int, room: Callable[[int], bool]
) -> AsyncGenerator[Row | FailedRow, None]:
    flight = _Flight(graph)
    source = graph.rows()
    try:
        async for row in source:
            while flight.running and (len(flight.running) >= rows_in_flight or not room(len(flight.running))):
                await flight.land()
            while flight.landed:
                yield flight.landed.popleft()
            if flight.error is not None or not room(len(flight.running)):
                break
            flight.begin(row)
        while flight.running or flight.landed:
            if not flight.landed:
                await flight.land()
            while flight.landed:
                yield flight.landed.popleft()
        if flight.error is not None:
            raise flight.error
    finally:
        await source.aclose()
        await flight.cancel()
        dismiss(graph.workers)


class _Flight:
    """The rows in flight, the rows that are finished, and the error for which no more rows are started."""

    def __init__(self, graph: _Graph) -> None:
        self._graph = graph
        self.running: set[asyncio.Task[list[Row | FailedRow]]] = set()
        self.landed: deque[Row | FailedRow] = deque()
        self.error: BaseException | None = None
        self._news = asyncio.Event()

    def begin(self, row: Row) -> None:
        """Send a row on its way. It may be through at once: if all that it asks is in a cache."""
        begun = self._graph.begin(row)
        if isinstance(begun, list):
            self._take(begun)
        else:
            task = asyncio.create_task(begun)
            self.running.add(task)
            task.add_done_callback(self._land)

    async def land(self) -> None:
        """Wait until at least one row is finished. An error does not cancel the others: they have paid requests."""
        self._news.clear()
        await self._news.wait()

    async def cancel(self) -> None:
        # A task that was cancelled before it began would leave behind what its row waits for.
        await asyncio.sleep(0)
        running = list(self.running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _land(self, task: asyncio.Task[list[Row | FailedRow]]) -> None:
        self.running.discard(task)
        self._news.set()
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._take(task.result())
        else:
            self._end(error)

    def _take(self, rows: list[Row | FailedRow]) -> None:
        self.landed.extend(rows)
        if (error := self._graph.ended) is not None:
            self._end(error)

    def _end(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error
            self._graph.end(error)


class _StepFailed(Exception):
    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(step)
        self.step = step
        self.error = error


class _Graph:
    """The steps of the pipeline, ordered so that each comes after the steps it needs."""

    def __init__(self, pipeline: Pipeline) -> None:
        dag = pipeline.dag
        self.needs = {name: list(dag.get_step_predecessors(name)) for name in dag}
        self.order = list(TopologicalSorter(self.needs).static_order())
        self.steps = {name: dag.get_step(name)["step"] for name in self.order}
        self.processes = {name: _process_of(step) for name, step in self.steps.items()}
        self.known = {name: _is_known(step) for name, step in self.steps.items()}
        self.llms = [step.llm for step in self.steps.values() if isinstance(step, _Task)]
        self.workers: list[greenlet.greenlet] = []
        self._alone: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        roots, leaves = list(dag.root_steps), list(dag.leaf_steps)
        if len(roots) != 1 or len(leaves) != 1:
            raise ConfigError(
                f"The pipeline has {len(roots)} first steps ({', '.join(sorted(roots))}) and {len(leaves)} last steps "
                f"({', '.join(sorted(leaves))}); this engine runs pipelines with one of each.",
                remedy='Use engine = "distilabel".',
            )
        self.root, self.leaf = roots[0], leaves[0]
        self.chains = self._find_chains()
        for name, step in self.steps.items():
            _refuse(name, step, routes=bool(dag.get_step(name).get(ROUTING_BATCH_FUNCTION_ATTR_NAME)))

    async def rows(self) -> AsyncGenerator[Row, None]:
        """Yield the rows of the first step. It runs in a greenlet if it asks an LLM, and otherwise in a thread."""
        step = self.steps[self.root]
        batches = step.process_applying_mappings()
        last = False
        while not last:
            reading = awaited_from(next, batches, None) if isinstance(step, _Task) else _in_thread(next, batches, None)
            batch = await reading
            if batch is None:
                return
            rows, last = batch
            for row in rows:
                yield row

    @property
    def ended(self) -> BaseException | None:
        """The error for which an LLM sends no more requests, None if all LLMs still send them."""
        return next((error for llm in self.llms if (error := getattr(llm, "ended", None)) is not None), None)

    def end(self, error: BaseException) -> None:
        """Make the LLMs send no more requests. Requests in flight are still answered."""
        for llm in self.llms:
            if isinstance(error, CurationError) and hasattr(llm, "end"):
                llm.end(error)

    def begin(self, row: Row) -> list[Row | FailedRow] | Coroutine[Any, Any, list[Row | FailedRow]]:
        """Send one row through all steps as far as it comes without waiting; return what it comes to, or what gets it.

        Steps that do not wait for each other run at the same time.
        """
        if not self.chains:
            return [row]
        *first_chains, last_chain = self.chains
        results: dict[str, Begun | asyncio.Task[Any]] = {}
        for chain in first_chains:
            begun = Begun(partial(self._chain, chain, row, results), self.workers)
            results[chain[-1]] = begun if begun.is_done else asyncio.create_task(begun.end())
        begun = Begun(partial(self._chain, last_chain, row, results), self.workers)
        # The last chain has waited for all others, unless it failed.
        return list(begun.result()) if begun.is_done and begun.error is None else self._end_of(begun, row, results)

    async def _end_of(
        self, last: Begun, row: Row, results: dict[str, Begun | asyncio.Task[Any]]
    ) -> list[Row | FailedRow]:
        others = [other for other in results.values() if isinstance(other, asyncio.Task)]
        try:
            return list(await last.end())
        except _StepFailed as failed:
            await self._wait_for_others(others)
            error, waits = failed.error, isinstance(failed.error, NotAnsweredYet)
            return [FailedRow(step=failed.step, error=f"{type(error).__name__}: {error}", row=row, waits=waits)]
        except CurationError:
            await self._wait_for_others(others)
            raise
        finally:
            pending = [task for task in others if not task.done()]
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.gather(*pending, return_exceptions=True)

    @staticmethod
    async def _wait_for_others(others: list[asyncio.Task[Any]]) -> None:
        """Wait for the row's other steps, because their requests are paid for. Their errors are ignored."""
        await asyncio.gather(*others, return_exceptions=True)

    def _find_chains(self) -> list[list[str]]:
        """Return the steps in order, grouped into chains: [["generate_0"], ["generate_1"], ["group", "judge_0"]].

        Steps that simply follow one another are one chain, because an asyncio task for each would take time. The last
        chain ends with the last step, which needs all others.
        """
        followers = Counter(need for needs in self.needs.values() for need in needs)
        chains: dict[str, list[str]] = {}
        for name in self.order:
            if name == self.root:
                continue
            needs = self.needs[name]
            follows = len(needs) == 1 and needs[0] != self.root and followers[needs[0]] == 1
            chain = chains.pop(needs[0]) if follows else []
            chains[name] = [*chain, name]
        return list(chains.values())

    def _chain(self, chain: list[str], row: Row, results: dict[str, Begun | asyncio.Task[Any]]) -> list[Row]:
        rows = [[row] if need == self.root else _result(results[need]) for need in self.needs[chain[0]]]
        for name in chain:
            rows = [self._step(name, rows)]
        return rows[0]

    def _step(self, name: str, inputs: list[list[Row]]) -> list[Row]:
        step = self.steps[name]
        if not inputs[0]:
            return []
        known = self.known[name]
        # Branches get copies, so that one branch does not see what another writes into its rows.
        inputs = inputs if known else deepcopy(inputs)

        def process() -> list[Row]:
            return [output for batch in self.processes[name](*inputs) for output in batch]

        try:
            if known or isinstance(step, _Task):
                # Steps that only move columns run here, because starting a thread would take longer than the step.
                return process()
            return wait_for(partial(self._in_turn, name, process))
        except CurationError:
            raise
        except Exception as error:
            raise _StepFailed(name, error) from error

    async def _in_turn(self, name: str, process: Callable[[], list[Row]]) -> list[Row]:
        async with self._alone[name]:
            return await _in_thread(process)


def prepare(pipeline: Pipeline, parameters: dict[str, dict[str, Any]]) -> None:
    """Set the runtime parameters and check the steps, as distilabel's own runner does first.

    Raises ConfigError if columns do not match or a parameter is missing.
    """
    try:
        with warnings.catch_warnings():
            # distilabel 1.5.3 uses something of pydantic that is deprecated by now.
            warnings.simplefilter("ignore", DeprecationWarning)
            pipeline._set_runtime_parameters(parameters)
            pipeline.dag.validate()
    except (DistilabelUserError, ValueError) as error:
        raise ConfigError(f"The pipeline {pipeline.name!r} cannot run: {str(error).strip()}") from error


def _refuse(name: str, step: Any, *, routes: bool) -> None:
    """Raise ConfigError if a step cannot run row by row. The message names the engine that can run it."""
    kind = type(step).__name__
    if getattr(step, "is_global", False):
        reason, engine = "needs all rows at once", "distilabel"
    elif routes:
        reason, engine = "sends whole batches to different steps", "distilabel"
    elif any(isinstance(part, CudaDevicePlacementMixin) for part in (step, *vars(step).values())):
        reason, engine = "computes on its own machine, in whole batches", "ray"
    elif isinstance(step, _Task) and getattr(step.llm, "use_offline_batch_generation", False):
        reason, engine = "hands whole batches to an offline service", "distilabel"
    else:
        return
    raise ConfigError(
        f"The step {name!r} ({kind}) {reason}; the streaming engine runs row-wise steps.",
        remedy=f'Use engine = "{engine}".',
    )


def _process_of(step: Any) -> Callable[..., Any]:
    """Return the step's own `process`, or distilabel's wrapper if columns are renamed or parameters are added."""
    if step.input_mappings or step.output_mappings or step._built_from_decorator or step.is_generator:
        return step.process_applying_mappings  # type: ignore[no-any-return]
    return step.process  # type: ignore[no-any-return]


def _is_known(step: Any) -> bool:
    """Whether a step is known to make new rows instead of changing those that it got."""
    known = ("distilabel.steps.columns", "distilabel.steps.tasks", "curation.generation.")
    return type(step).__module__.startswith(known)


@contextmanager
def _awaited(llms: list[Any]) -> Iterator[None]:
    """Inside the block, tasks can call `llm.generate` as usual, and the event loop goes on while they wait."""
    for llm in llms:
        # This bypasses pydantic, which would refuse the attribute, and keeps it out of dumps of the pipeline.
        object.__setattr__(llm, "generate", _generate_of(llm))
    try:
        yield
    finally:
        for llm in llms:
            object.__delattr__(llm, "generate")


def _generate_of(llm: LLM) -> Callable[..., Any]:
    if isinstance(llm, EndpointsLLM):
        return partial(_generated, llm)
    if isinstance(llm, AsyncLLM):

        async def one_or_all(inputs: list[Any], num_generations: int = 1, **options: Any) -> Any:
            if len(inputs) == 1 and llm._num_generations_param_supported:
                return [await llm.agenerate(input=inputs[0], num_generations=num_generations, **options)]
            return await llm._agenerate(inputs=inputs, num_generations=num_generations, **options)

        return lambda *arguments, **options: wait_for(partial(one_or_all, *arguments, **options))
    blocking, alone = llm.generate, asyncio.Lock()

    async def in_turn(*arguments: Any, **options: Any) -> Any:
        async with alone:
            return await _in_thread(lambda: blocking(*arguments, **options))

    return lambda *arguments, **options: wait_for(partial(in_turn, *arguments, **options))


async def _in_thread(function: Callable[..., ResultT], *arguments: Any) -> ResultT:
    return await asyncio.to_thread(function, *arguments)


def _generated(llm: EndpointsLLM, inputs: list[Any], num_generations: int = 1, **options: Any) -> list[Any]:
    """Ask about all inputs at once, and wait only if the cache has not every reply."""
    replies = [llm.begin(chat, num_generations, **options) for chat in inputs]
    asking = [reply for reply in replies if not isinstance(reply, dict)]
    if not asking:
        return replies
    received = iter([wait_for(asking[0])] if len(asking) == 1 else wait_for(partial(_all_of, asking)))
    return [reply if isinstance(reply, dict) else next(received) for reply in replies]


async def _all_of(asking: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
    return list(await asyncio.gather(*(ask() for ask in asking)))


def _result(begun: Begun | asyncio.Task[Any]) -> Any:
    """Return the result of another chain, from within a function that was begun."""
    if isinstance(begun, asyncio.Task):
        return begun.result() if begun.done() else wait_for(lambda: begun)
    return begun.result()
