"""Modes: what the engine does beside computing, per thread and per task.

A mode is a context manager and a decorator. It lives in a `contextvars` variable, so a thread or an asyncio task that
switches recording off does not switch it off for its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from tinygrad_mlp.autograd.op import Node
    from tinygrad_mlp.autograd.variable import Variable

Observer = Callable[["Node", Any, "list[tuple[Variable, Any]]"], None]
"""Told of each node of a sweep, in backward order: the node, the gradient that arrived, and what left for whom."""


class Mode(NamedTuple):
    """Whether operations are recorded, whether they are guarded against anomalies, and who watches the sweeps."""

    recording: bool = True
    guarding: bool = False
    observers: tuple[Observer, ...] = ()


MODE: ContextVar[Mode] = ContextVar("mode", default=Mode())  # noqa: B039 - a NamedTuple cannot be changed
SCOPE: ContextVar[str] = ContextVar("scope", default="")
"""The path of the layer that is being called (`layers.2`): nodes and errors carry it."""


class ModeSwitch(ContextDecorator):
    """Changes some fields of the mode while it is entered."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        self.tokens: list[Token[Mode]] = []

    def _recreate_cm(self) -> Self:
        # A decorated function may run in several threads at once: each call gets a switch of its own.
        return type(self)()

    def __enter__(self) -> Self:
        self.tokens.append(MODE.set(MODE.get()._replace(**self.fields)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        MODE.reset(self.tokens.pop())


class no_grad(ModeSwitch):  # noqa: N801 - the field's name for it
    """Nothing is recorded inside: results do not require a gradient.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(recording=False)


class enable_grad(ModeSwitch):  # noqa: N801
    """Operations are recorded again inside, within an outer `no_grad`."""

    def __init__(self) -> None:
        super().__init__(recording=True)


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Let `observer(node, arrived, left)` watch every sweep inside.

    `left` has a pair for each input that a gradient went to: the input, and the gradient as it receives it (summed
    over broadcast axes, in its dtype). The arrays belong to the sweep: an observer reads them, and copies what it
    wants to keep.
    """
    mode = MODE.get()
    token = MODE.set(mode._replace(observers=(*mode.observers, observer)))
    try:
        yield
    finally:
        MODE.reset(token)
