"""A recorded variable: an array, the gradient it has gathered, and the node that made it.

The graph is `Variable → Node → input Variables`. It is held by its end only: when the last variable that needs it is
gone, so is the graph. `Tensor` adds the operators; the engine needs no more than what stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from tinygrad_mlp.autograd import protocols
from tinygrad_mlp.dtypes import default_dtype
from tinygrad_mlp.errors import DtypeError, GradientError, ShapeError

if TYPE_CHECKING:
    from tinygrad_mlp.autograd.op import Node

Array = Any
"""In an operation's body: a NumPy array, a Variable or a traced array. All three answer the same calls."""


class Clock:
    """The engine's one clock. It dates nodes, which orders them, and changes of leaves, which shows the stale ones."""

    __slots__ = ("last_change", "lock", "tick")

    def __init__(self) -> None:
        self.tick: Callable[[], int] = count(1).__next__
        self.last_change = 0
        self.lock = Lock()

    def change(self) -> int:
        """The date of a change that is made now. Nodes that are younger than the last change need no closer look."""
        with self.lock:  # another thread, with a later change, would be told this one
            self.last_change = date = self.tick()
        return date


clock = Clock()


class Variable:
    """An array whose gradient can be asked for. Users meet it as `Tensor`."""

    __slots__ = ("__weakref__", "_changed", "_data", "_grad", "_home", "_node", "_requires_grad", "name")
    recorded_as: ClassVar[type[Variable]]
    """The class of results: Tensor, also for operations on its subclasses."""

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None) -> None:
        self._data = as_data(data)
        self._node: Node | None = None
        self.name = name
        self.become_leaf()
        self.requires_grad = requires_grad

    def become_leaf(self) -> None:
        """Fill in what only leaves have: results of operations are made without it, to be made quickly."""
        self._requires_grad = False
        self._changed = 0
        self._grad: np.ndarray | None = None
        # Where an optimizer wants the gradient, beside those of its other parameters. `.grad` hands out no such memory.
        self._home: np.ndarray | None = None

    @property
    def requires_grad(self) -> bool:
        """Whether a backward pass brings a gradient here. True for every result of something that requires one."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self._node is not None and not wanted:
            raise GradientError(f"{self.title} is the result of an operation: detach() gives a copy without a graph")
        if wanted and self._data.dtype.kind != "f":
            raise DtypeError(f"only floating-point tensors can require a gradient; {self.title} is {self._data.dtype}")
        self._requires_grad = bool(wanted)

    @property
    def title(self) -> str:
        """What messages call it: its name, or what made it and its shape."""
        made_by = "tensor" if self._node is None else f"the result of {self._node.title}"
        return f"'{self.name}'" if self.name else f"{made_by} {self._data.shape}"

    @property
    def data(self) -> Any:
        """The values, an ndarray. Of a leaf it may be changed: `p.data -= rate * p.grad`, `p.data = array`."""
        return self._data

    @data.setter
    def data(self, values: Any) -> None:
        if self._node is not None:
            raise GradientError(f"{self.title} cannot be changed: only the data of a leaf can be set")
        if values is not self._data:
            values = values if hasattr(values, "__lift__") else np.asarray(values)
            if values.shape != self._data.shape:
                raise ShapeError(f"data of {self.title}: shape {values.shape} given, {self._data.shape} expected")
            if isinstance(self._data, np.ndarray):
                self._data[...] = values  # into the memory it has: an optimizer may have packed it
            else:
                self._data = values.astype(self._data.dtype)
        self.mark_changed()

    def mark_changed(self) -> None:
        """Date a change of the values, so that a backward pass through an older use of them is refused."""
        self._changed = clock.change()

    @property
    def grad(self) -> np.ndarray | None:
        """The gradient gathered by `backward()` since it was last set to None: an array that this leaf owns.

        Raises:
            GradientError: this is not a leaf; `tg.grad(loss, h)` gives the gradient of an intermediate.
        """
        if self._node is not None:
            raise GradientError(
                f"{self.title} is not a leaf, so backward() leaves no .grad on it: ask tg.grad(loss, h) for it"
            )
        if self._grad is not None and self._grad is self._home:
            self._grad = self._home.copy()  # the next backward pass will write into the home
        return self._grad

    @grad.setter
    def grad(self, gradient: Any) -> None:
        if gradient is not None:
            gradient = np.array(gradient, self._data.dtype)
            if gradient.shape != self._data.shape:
                raise ShapeError(f"grad of {self.title}: shape {gradient.shape} given, {self._data.shape} expected")
        self._grad = gradient

    shape = property(attrgetter("_data.shape"), doc="The lengths of the axes.")
    dtype = property(attrgetter("_data.dtype"), doc="The dtype of the values, and of the gradient.")
    ndim = property(attrgetter("_data.ndim"), doc="The number of axes.")
    size = property(attrgetter("_data.size"), doc="The number of elements.")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self._requires_grad:
            raise GradientError(
                f"{self.title} requires a gradient, which an array would lose: "
                "write t.numpy() for its values, or use the function of the same name in tinygrad_mlp"
            )
        return np.array(self._data, dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return protocols.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        return protocols.call_function(function, inputs, options)

    def __reduce__(self) -> Any:
        if self._node is not None:
            raise GradientError(f"{self.title} holds a graph, which cannot be copied or pickled: detach() it first")
        return restore, (type(self), self._data, self._requires_grad, self.name, self._grad)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            f"{self.title} cannot be assigned to in parts, because the graph may use its values: "
            "write y = x.at[index].set(value) for a new tensor (or .add, .multiply, .max, .min); "
            "x.data[index] = value changes a leaf outside of any graph"
        )


def wrapped(data: Any) -> Variable:
    """A Variable around an array, without a copy: a constant in a graph. A Variable stays what it is."""
    if isinstance(data, Variable):
        return data
    x = object.__new__(Variable.recorded_as)
    x._data = data
    x._node = x.name = None
    x.become_leaf()
    return x


def as_data(data: Any) -> Any:
    """A copy of an array, which keeps its dtype; numbers and lists take the default dtype."""
    if isinstance(data, np.ndarray | np.generic):
        data = np.array(data)
    elif isinstance(data, Variable):
        raise DtypeError("a Tensor cannot be made of a Tensor: detach() gives a copy without a graph")
    elif not hasattr(data, "__array_function__"):  # a traced array stays what it is
        data = np.array(data, default_dtype())
    if data.dtype.kind not in "fiub":
        raise DtypeError(f"a Tensor holds floating-point numbers, integers or booleans, not {data.dtype}")
    return data


def restore(cls: type[Variable], data: Any, requires_grad: bool, name: str | None, grad: Any) -> Variable:
    """Make the copy of a leaf that `copy`, `deepcopy` and `pickle` ask for."""
    leaf = cls(data, requires_grad, name)
    leaf.grad = grad
    return leaf


Variable.recorded_as = Variable
