"""Modes: what the engine does beside computing, per thread and per task.

A mode is a context manager and a decorator. It lives in a `contextvars` variable, so a thread or an asyncio task that
switches recording off does not switch it off for its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from tinygrad_mlp.autograd.op import Node, Operation
    from tinygrad_mlp.autograd.variable import Variable

Recorder = Callable[["Operation", "list[Any]", Any, "Node | None"], None]
"""Told of each operation on Variables: what was called, the arrays it got, its value, and the node if there is one."""
Observer = Callable[["Node", Any, "list[tuple[Variable, Any]]"], None]
"""Told of each node of a sweep, in backward order: the node, the gradient that arrived, and what left for whom."""


class Mode(NamedTuple):
    """Whether operations are recorded, and who watches them and the sweeps."""

    recording: bool = True
    recorders: tuple[Recorder, ...] = ()
    observers: tuple[Observer, ...] = ()


MODE: ContextVar[Mode] = ContextVar("mode", default=Mode())  # noqa: B039 - a NamedTuple cannot be changed
ENTERED: ContextVar[tuple[tuple[ModeSwitch, Token[Mode]], ...]] = ContextVar("entered", default=())  # what undoes each
SCOPE: ContextVar[str] = ContextVar("scope", default="")
"""The path of the layer that is being called (`layers.2`): nodes and errors carry it."""


class ModeSwitch(ContextDecorator):
    """Changes the mode while it is entered; subclasses say how. It has no state, so threads may share one."""

    def changed(self, mode: Mode) -> Mode:
        """The mode inside, given the one outside."""
        raise TypeError("a mode says how it changes")

    def __enter__(self) -> Self:
        ENTERED.set((*ENTERED.get(), (self, MODE.set(self.changed(MODE.get())))))
        return self

    def __exit__(self, *error: object) -> None:
        entered = ENTERED.get()
        last = max(i for i, (switch, _) in enumerate(entered) if switch is self)
        MODE.reset(entered[last][1])
        ENTERED.set((*entered[:last], *entered[last + 1 :]))


class no_grad(ModeSwitch):  # noqa: N801 - the field's name for it
    """Nothing is recorded inside: results do not require a gradient.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    def changed(self, mode: Mode) -> Mode:
        """The same mode without recording."""
        return mode._replace(recording=False)


class enable_grad(ModeSwitch):  # noqa: N801
    """Operations are recorded again inside, within an outer `no_grad`.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor(3.0, requires_grad=True)
    >>> with tg.no_grad(), tg.enable_grad():
    ...     y = w * w
    >>> tg.grad(y, w)
    array(6., dtype=float32)
    """

    def changed(self, mode: Mode) -> Mode:
        """The same mode with recording."""
        return mode._replace(recording=True)


class graph_building(ModeSwitch):  # noqa: N801
    """Inside a sweep that builds a graph: everything is recorded, and the sweep's observers alone watch it."""

    def changed(self, mode: Mode) -> Mode:
        """The same mode with recording, without recorders."""
        return mode._replace(recording=True, recorders=())


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Let `observer(node, arrived, left)` watch every sweep inside.

    `left` has a pair for each input that a gradient went to: the input, and the gradient as it receives it (summed
    over broadcast axes, in its dtype). The arrays belong to the sweep: an observer reads and copies them.
    """
    mode = MODE.get()
    token = MODE.set(mode._replace(observers=(*mode.observers, observer)))
    try:
        yield
    finally:
        MODE.reset(token)
