"""Processes that may be killed: documents and feeds are worked on where a hang or crash costs one.

In: a function and items (or `RawDocument`s). Out: results in the order of the items; an item that
took too much time or memory, or that killed its process, gives a `Status` instead of a result, and
the other items never notice.

How: each worker is a process with its own pipe. It gets a few items at a time and answers one by
one, so that the item it died on is known. The kernel limits its address space (RLIMIT_AS) and,
renewed for every item, its processor time (RLIMIT_CPU ends it even inside a C library, and even
when this process is gone); this process ends it when the item hangs without using the processor.
Workers are forked from a server process that has the libraries loaded, so that a replacement costs
some 20 ms. It does no work itself and keeps nothing between runs.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final

from extractors.errors import ExtractError
from extractors.models import Article, RawDocument, Status

if TYPE_CHECKING:
    from extractors.documents import Memory
    from extractors.rules import RuleSet

FOLDER_VARIABLE: Final = "PRESSWATCH_RULES_FOLDER"  # as in extractors.rules
ENGINE_VARIABLE: Final = "PRESSWATCH_LANGUAGE_ENGINE"  # as in extractors.language_engines

TIMEOUT_S: Final = 10.0
"""Processor time one document may take (design.md §6.5). The slowest of 750 pages takes 1.3 s."""

MEMORY_BYTES: Final = 2_000_000_000
"""Address space of a worker (design.md §6.5)."""

WALL_FACTOR: Final = 3.0
"""An item may take this many times its processor time by the clock: on a busy machine a page that
is not to blame waits for the processor; a function that sleeps for ever is ended by this."""

CHUNK: Final = 4
"""Items handed over at a time: enough to hide the hand-over (0.3 ms), few enough to share well."""

AHEAD: Final = 64
"""Items per worker that may be finished before an earlier one is: bounds the memory held."""

RETIRE_BYTES: Final = 700_000_000
"""A worker that has grown to this is replaced between two items."""

POLL_S: Final = 0.2

_PRELOAD: Final = (
    "trafilatura",
    "htmldate",
    "extractors.documents",
    "extractors.articles",
    "extractors.boilerplate",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What became of one item: `value`, or `status` and a sentence when there is none."""

    value: Any = None
    status: Status | None = None
    error: str = ""


class WorkerFailure(ExtractError):
    """A guarded call gave no result; `status` says why (timeout, out of memory, error)."""

    def __init__(self, message: str, status: Status) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True, eq=False)
class _Worker:
    process: Any
    pipe: Connection
    todo: deque[int] = field(default_factory=deque)  # items handed over and not answered, in order
    job: int = -1  # the map call whose function it was told
    deadline: float = 0.0


class WorkerPool:
    """`jobs` processes for guarded work. Use as a context manager, from one thread at a time."""

    def __init__(
        self,
        jobs: int = 1,
        *,
        timeout_s: float = TIMEOUT_S,
        memory_bytes: int = MEMORY_BYTES,
        wall_s: float | None = None,
    ) -> None:
        if jobs < 1:
            raise ValueError("a pool needs at least one worker")
        self.jobs = jobs
        self.timeout_s = timeout_s
        self.wall_s = WALL_FACTOR * timeout_s if wall_s is None else wall_s
        self.memory_bytes = memory_bytes
        self._workers: list[_Worker] = []
        self._job = 0
        self._lock = threading.Lock()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(_PRELOAD))

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers. The pool can be used again; new workers start then."""
        for worker in self._workers:
            _end(worker)
        self._workers.clear()

    def map(
        self, function: Callable[..., Any], items: Iterable[Any], *, shared: Any = None
    ) -> Iterator[Guarded]:
        """Call `function(item)` for each item, or `function(item, shared)`; results in order.

        `function` must be importable, items and results picklable. `shared` travels once a worker.
        """
        with self._lock:
            self._job += 1
            run = _Run(self, function, shared, iter(items))
            try:
                yield from run.results()
            finally:
                run.abandon()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function in a worker and return its result.

        Raises:
            WorkerFailure: it took too long, too much memory, or raised.
        """
        outcome = next(self.map(_apply, [(function, args)]))
        if outcome.status is not None:
            raise WorkerFailure(outcome.error, outcome.status)
        return outcome.value

    def map_documents(
        self,
        docs: Iterable[RawDocument],
        *,
        memory: Memory = None,
        rules: RuleSet | None = None,
    ) -> Iterator[Article]:
        """Process documents; one article each, in order, whatever the document is like."""
        from extractors.documents import failed_article

        kept: deque[RawDocument] = deque()

        def remember() -> Iterator[RawDocument]:
            for doc in docs:
                kept.append(doc)
                yield doc

        for outcome in self.map(_process, remember(), shared=(memory, rules)):
            doc = kept.popleft()
            if outcome.status is None:
                yield outcome.value
            else:
                yield failed_article(doc, outcome.status, outcome.error)

    def _start(self) -> _Worker:
        here, there = self._context.Pipe()
        process = self._context.Process(
            target=_serve,
            args=(there, self.timeout_s, self.memory_bytes, _choices()),
            daemon=True,
        )
        process.start()
        there.close()
        return _Worker(process, here)


def run_guarded(
    function: Callable[..., Any], args: Sequence[Any] = (), timeout_s: float = TIMEOUT_S
) -> Any:
    """Call `function(*args)` in a process of its own that ends with the call.

    Many calls go better through one `WorkerPool`.

    Raises:
        WorkerFailure: it took too long, too much memory, or raised.
    """
    with WorkerPool(1, timeout_s=timeout_s) as pool:
        return pool.call(function, *args)


class _Run:
    """One `map` call: hands out items, collects answers, replaces the dead."""

    def __init__(
        self, pool: WorkerPool, function: Callable[..., Any], shared: Any, items: Iterator[Any]
    ) -> None:
        self.pool, self.function, self.shared, self.items = pool, function, shared, items
        self.open: dict[int, Any] = {}  # items not yet answered
        self.again: deque[int] = deque()  # items whose worker died before it came to them
        self.done: dict[int, Guarded] = {}
        self.taken = 0
        self.given = 0
        self.exhausted = False

    def results(self) -> Iterator[Guarded]:
        while True:
            self._hand_out()
            if self.given in self.done:
                self._collect(0.0)
                yield self.done.pop(self.given)
                self.given += 1
            elif self.exhausted and not self.open:
                return
            else:
                self._collect(POLL_S)

    def abandon(self) -> None:
        """Leave no worker with items of this run: the consumer stopped early."""
        for worker in list(self.pool._workers):
            if worker.todo:
                _end(worker)
                self.pool._workers.remove(worker)

    def _hand_out(self) -> None:
        pool = self.pool
        for place in range(pool.jobs):
            if place < len(pool._workers) and pool._workers[place].todo:
                continue
            chunk = self._next_chunk()
            if not chunk:
                return
            if place >= len(pool._workers):
                pool._workers.append(pool._start())
            self._send(pool._workers[place], chunk)

    def _next_chunk(self) -> list[int]:
        chunk: list[int] = []
        while self.again and len(chunk) < CHUNK:
            chunk.append(self.again.popleft())
        room = self.given + AHEAD * self.pool.jobs
        while len(chunk) < CHUNK and not self.exhausted and self.taken < room:
            try:
                self.open[self.taken] = next(self.items)
            except StopIteration:
                self.exhausted = True
                break
            chunk.append(self.taken)
            self.taken += 1
        return chunk

    def _send(self, worker: _Worker, chunk: list[int]) -> None:
        worker.todo.extend(chunk)
        worker.deadline = self._deadline()
        try:
            if worker.job != self.pool._job:
                worker.pipe.send((self.function, self.shared))
                worker.job = self.pool._job
            worker.pipe.send([self.open[index] for index in chunk])
        except (BrokenPipeError, ConnectionError, EOFError):
            self._bury(worker)

    def _deadline(self) -> float:
        return time.monotonic() + self.pool.wall_s

    def _collect(self, timeout_s: float) -> None:
        busy = {w.pipe: w for w in self.pool._workers if w.todo}
        for pipe in wait(list(busy), timeout_s):
            worker = busy[pipe]  # type: ignore[index]
            try:
                while worker.todo and worker.pipe.poll():
                    self._settle(worker, worker.pipe.recv())
                    worker.deadline = self._deadline()
            except (EOFError, OSError):
                self._bury(worker)
        now = time.monotonic()
        for worker in busy.values():
            if worker.todo and worker.deadline < now:
                self._bury(worker, hung=True)

    def _settle(self, worker: _Worker, answer: Guarded) -> None:
        index = worker.todo.popleft()
        del self.open[index]
        self.done[index] = answer

    def _bury(self, worker: _Worker, *, hung: bool = False) -> None:
        """A worker died or hangs: the item it was on is to blame, the others go to another."""
        if worker not in self.pool._workers:
            return
        code = None if hung else _exit_code(worker)
        _end(worker)
        self.pool._workers.remove(worker)
        if worker.todo and code != _RETIRED:
            guilty = worker.todo.popleft()
            del self.open[guilty]
            self.done[guilty] = _verdict(code, self.pool.timeout_s, hung)
        self.again.extendleft(reversed(worker.todo))
        worker.todo.clear()


_RETIRED: Final = 75


def _verdict(code: int | None, timeout_s: float, hung: bool) -> Guarded:
    """Name a death by its exit code."""
    if hung or code == -signal.SIGXCPU:
        return Guarded(status=Status.TIMEOUT, error=f"stopped: it took more than {timeout_s:g} s")
    if code in (-signal.SIGKILL, -signal.SIGABRT):
        return Guarded(
            status=Status.OUT_OF_MEMORY, error="stopped: it needed more memory than allowed"
        )
    return Guarded(status=Status.ERROR, error=f"the process that read it died (exit code {code})")


def _exit_code(worker: _Worker) -> int | None:
    worker.process.join(5.0)
    code: int | None = worker.process.exitcode
    return code


def _end(worker: _Worker) -> None:
    with contextlib.suppress(OSError):
        worker.pipe.close()
    if worker.process.exitcode is None:
        worker.process.kill()
    worker.process.join(5.0)


# ---------------------------------------------------------------- in the worker


def _choices() -> dict[str, str | None]:
    """What the user chose for cleaning: the server that forks workers may be older than that."""
    return {name: os.environ.get(name) for name in (FOLDER_VARIABLE, ENGINE_VARIABLE)}


def _take_over(choices: Mapping[str, str | None]) -> None:
    """Put the user's choices in force in a worker."""
    from extractors.language_engines import set_default_engine
    from extractors.rules import builtin_rules

    if os.environ.get(FOLDER_VARIABLE) != choices[FOLDER_VARIABLE]:
        builtin_rules.cache_clear()
    for name, value in choices.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    set_default_engine(choices[ENGINE_VARIABLE] or "hybrid")


def _serve(
    pipe: Connection,
    timeout_s: float,
    memory_bytes: int,
    choices: Mapping[str, str | None],
) -> None:
    """Answer items until the pipe closes."""
    _take_over(choices)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that owns us
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.freeze()  # what is loaded stays: no collection looks at it again, or copies its pages
    function: Callable[..., Any] = _apply
    shared: Any = None
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            return
        if isinstance(message, tuple):
            function, shared = message
            continue
        for item in message:
            _limit_time(timeout_s)
            answer = _answer(function, item, shared)
            try:
                pipe.send(answer)
            except (BrokenPipeError, ConnectionError):
                return
            except Exception as error:
                pipe.send(Guarded(status=Status.ERROR, error=f"no usable result: {error}"))
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > RETIRE_BYTES:
            os._exit(_RETIRED)


def _limit_time(timeout_s: float) -> None:
    """Let the kernel end this process `timeout_s` of processor time from now."""
    used = time.process_time()
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (max(1, int(used + timeout_s)), hard))


def _answer(function: Callable[..., Any], item: Any, shared: Any) -> Guarded:
    try:
        value = function(item) if shared is None else function(item, shared)
        return Guarded(value=value)
    except MemoryError:
        return Guarded(
            status=Status.OUT_OF_MEMORY, error="stopped: it needed more memory than allowed"
        )
    except RecursionError:
        return Guarded(status=Status.ERROR, error="it is nested too deeply")
    except Exception as error:
        text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        return Guarded(status=Status.ERROR, error=text)


def _apply(pair: tuple[Callable[..., Any], Sequence[Any]]) -> Any:
    function, args = pair
    return function(*args)


def _process(doc: RawDocument, shared: tuple[Any, Any]) -> Article:
    from extractors.documents import process_document

    memory, rules = shared
    return process_document(doc, memory=memory, rules=rules)
