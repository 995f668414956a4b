"""A module: a callable that keeps its parameters in its attributes.

Nothing is registered. Parameters are found by walking the attributes (lists, tuples and dicts of modules too), and a
parameter's name is the path to it: `layers.0.W`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np

from tinygrad_mlp.autograd import SCOPE
from tinygrad_mlp.errors import DtypeError, ShapeError, StateError
from tinygrad_mlp.nn.table import table
from tinygrad_mlp.tensor import Tensor

_INSIDE: ContextVar[bool] = ContextVar("inside", default=False)
"""Whether a module is being called, so that a call is not the outermost one."""
_PLAIN = frozenset({bool, float, int, np.ndarray, str, type(None)})
"""Types of attributes in which no module can be."""
Shape = tuple[Any, ...]
"""A shape in a table: lengths, "N" for the batch, "?" for what is not known."""


class Parameter(Tensor):
    """A Tensor that belongs to a module and is trained: `requires_grad` is True unless it is frozen.

    >>> from tinygrad_mlp import nn
    >>> class Scaling(nn.Module):
    ...     def __init__(self):
    ...         self.gain = nn.Parameter([1.0, 2.0])
    >>> Scaling().named_parameters()
    {'gain': Tensor([1., 2.], dtype=float32, name='gain', requires_grad=True)}
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, name: str | None = None) -> None:
        super().__init__(data, requires_grad, name)


class Buffer(Parameter):
    """Values that belong to a module and are stored with its weights, but are never trained: running means, tables.

    It requires no gradient, and `unfreeze()` leaves it so.

    >>> import tinygrad_mlp as tg
    >>> mean = tg.nn.Buffer([1.0, 5.0])
    >>> isinstance(mean, tg.nn.Parameter), mean.requires_grad
    (True, False)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None) -> None:
        super().__init__(data, requires_grad, name)


Layer = Callable[[Any], Any]
"""Anything that can be called with a batch is a layer: a Module, or a function such as `tg.relu`."""


class Module:
    """Base of layers and models: write `forward`, put Parameters and Modules into attributes, call the object.

    Attributes:
        training: True in training; `eval()` makes it False. Dropout looks at it.
        options: the constructor's arguments that a model file stores, by name.

    >>> import tinygrad_mlp as tg
    >>> from tinygrad_mlp import nn
    >>> class Skipping(nn.Module):
    ...     def __init__(self, n):
    ...         self.inner = [nn.Dense(n, n, rng=i) for i in range(2)]
    ...
    ...     def forward(self, x):
    ...         return x + self.inner[1](tg.relu(self.inner[0](x)))
    >>> model = Skipping(3)
    >>> list(model.named_parameters())
    ['inner.0.W', 'inner.0.b', 'inner.1.W', 'inner.1.b']
    >>> model([[1.0, 2.0, 3.0]]).shape
    (1, 3)
    """

    training: bool = True
    options: ClassVar[tuple[str, ...]] = ()
    _path: str | None = None
    """Where this module stands in the outermost one that was called last."""
    _paths: object | None = None
    _latest_paths: ClassVar[object | None] = None
    """The same object for that outermost module, until another one is called or any module gets an attribute."""

    def forward(self, x: Any) -> Any:
        """The output for an input, a batch of rows (N, …)."""
        raise TypeError(f"{type(self).__name__} has no forward(self, x)")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Run `forward`; operations inside, and their errors, know the path from the outermost module to this one."""
        if _INSIDE.get():
            token = SCOPE.set(self._path or SCOPE.get())
            try:
                return self.forward(*inputs, **options)
            finally:
                SCOPE.reset(token)
        if self._paths is None or self._paths is not Module._latest_paths:
            self._tell_paths()
        inside = _INSIDE.set(True)
        try:
            return self.forward(*inputs, **options)
        finally:
            _INSIDE.reset(inside)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if type(value) not in _PLAIN:
            Module._latest_paths = None

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        Module._latest_paths = None

    def _tell_paths(self) -> None:
        """Tell each module within this one its path."""
        within = Within(self)
        for path, module in within.modules.items():
            module._path = path
        self._paths = object() if within.fixed else None  # in a list, modules may change places unnoticed
        Module._latest_paths = self._paths

    def __rshift__(self, after: Layer) -> Sequential:
        return Sequential(self) >> after

    def __rrshift__(self, before: Layer) -> Sequential:
        return Sequential(before, self)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the output for an input of this shape, for the table that `repr` prints."""
        return ("?",)

    def input_shape(self, shape: Shape) -> Shape:
        """The shape that an input has, if the layer after this one takes this shape."""
        return ("N", "?")

    def named_modules(self) -> dict[str, Module]:
        """This module (under "") and all within it, by path."""
        return Within(self).modules

    def named_parameters(self) -> dict[str, Parameter]:
        """The parameters by path; each gets its path as `.name`. One that stands in two places counts once."""
        found = Within(self).parameters
        for path, parameter in found.items():
            parameter.name = path
        return found

    def named_generators(self) -> dict[str, np.random.Generator]:
        """The random generators that layers keep in their attributes, by path: `layers.2.rng`."""
        return Within(self).generators

    def parameters(self) -> list[Parameter]:
        """The parameters, in the order of the attributes. Those without a name get their path as it."""
        found = Within(self).parameters
        for path, parameter in found.items():
            if parameter.name is None:
                parameter.name = path
        return list(found.values())

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of the parameters' values, by path."""
        return {path: p.numpy() for path, p in Within(self).parameters.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the parameters' values; all of them or, after an error, none.

        >>> from tinygrad_mlp import nn
        >>> first, second = nn.Dense(2, 3, rng=0), nn.Dense(2, 3, rng=1)
        >>> second.load_state_dict(first.state_dict())
        >>> second.load_state_dict({"W": [[1, 2, 3], [4, 5, 6]]})
        Traceback (most recent call last):
        tinygrad_mlp.errors.StateError: state dict for Dense: missing b

        Args:
            state: arrays, lists or Tensors by path, such as another model's `state_dict()`.

        Raises:
            StateError: names are missing or not known.
            ShapeError: a shape differs.
            DtypeError: values that are not real numbers, or a state that is no dict.
        """
        if not isinstance(state, Mapping):
            raise DtypeError(f"state dict for {type(self).__name__}: {type(state).__name__} given; a dict is expected")
        own = Within(self).parameters
        missing = sorted(own.keys() - state.keys())
        unknown = sorted(state.keys() - own.keys())
        if missing or unknown:
            lists = {"missing": missing, "unknown": unknown}
            parts = [f"{what} {', '.join(paths)}" for what, paths in lists.items() if paths]
            raise StateError(f"state dict for {type(self).__name__}: {'; '.join(parts)}")
        values = {path: cast_values(path, state[path], p) for path, p in own.items()}
        for path, p in own.items():
            p.data = values[path]

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all within it to training; returns itself."""
        for module in self.named_modules().values():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation: no dropout; returns itself."""
        return self.train(False)

    def freeze(self) -> Self:
        """Let training leave this module and all within it as they are; returns itself.

        The parameters require no gradient any more and forget the one that they have, so an optimizer skips them: no
        momentum moves them and no weight decay, and its state for them waits until they are unfrozen. A `BatchNorm`
        that is frozen uses its running means in training too, and keeps them. Dropout goes on. `tg.save` stores what is
        frozen, a state dict does not.

        >>> from tinygrad_mlp import nn
        >>> model = nn.Dense(3, 4, rng=0) >> nn.ReLU() >> nn.Dense(4, 2, rng=1)
        >>> _ = model[0].freeze()
        >>> [name for name, p in model.named_parameters().items() if p.requires_grad]
        ['layers.2.W', 'layers.2.b']
        """
        for p in self.parameters():
            p.requires_grad = False
            p.grad = None
        return self

    def unfreeze(self) -> Self:
        """Let this module and all within it be trained, except for `Buffer`s and integers; returns itself."""
        for p in self.parameters():
            p.requires_grad = p.dtype.kind == "f" and not isinstance(p, Buffer)
        return self

    def __repr__(self) -> str:
        arguments = []
        for name, parameter in signature(type(self)).parameters.items():
            if name in self.options and getattr(self, name) != parameter.default:
                required = parameter.default is parameter.empty
                arguments.append(f"{'' if required else f'{name}='}{getattr(self, name)!r}")
        return f"{type(self).__name__}({', '.join(arguments)})"


class Sequential(Module):
    """Layers one after the other; `Dense(30, 24) >> ReLU() >> Dense(24, 2)` builds the same.

    Its `repr` is a table of the layers, the shapes of their outputs, and how many numbers they learn.

    Args:
        layers: Modules, or functions of one Tensor.

    >>> from tinygrad_mlp import nn
    >>> nn.Sequential(nn.Dense(30, 24), nn.ReLU(), nn.Dense(24, 2))
       layer           output shape   parameters
    ────────────────────────────────────────────
    0  Dense(30, 24)   (N, 24)               744
    1  ReLU()          (N, 24)                 0
    2  Dense(24, 2)    (N, 2)                 50
    ────────────────────────────────────────────
       total                                 794
    """

    def __init__(self, *layers: Layer) -> None:
        for position, layer in enumerate(layers):
            if not callable(layer) or isinstance(layer, type):
                raise DtypeError(
                    f"layer {position} of Sequential is {layer!r}; an object that can be called is expected"
                )
        self.layers = layers

    def forward(self, x: Any) -> Any:
        """The output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __rshift__(self, after: Layer) -> Sequential:
        return Sequential(*pieces(self), *pieces(after))

    def __rrshift__(self, before: Layer) -> Sequential:
        return Sequential(before, *pieces(self))

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def input_shape(self, shape: Shape = ("N", "?")) -> Shape:
        """The shape of a batch that the first layer takes, as far as the layers know."""
        for layer in reversed(self.layers):
            shape = layer.input_shape(shape) if isinstance(layer, Module) else ("N", "?")
        return shape

    def output_shape(self, shape: Shape) -> Shape:
        """The shape after the last layer."""
        for layer in self.layers:
            shape = layer.output_shape(shape) if isinstance(layer, Module) else ("?",)
        return shape

    def __repr__(self) -> str:
        rows = [(path, *row) for path, row in self.rows("", self.input_shape())]
        total = learned(self)
        return table(["", "layer", "output shape", "parameters"], rows, ["", "total", "", f"{total:,}"])

    def rows(self, path: str, shape: Shape) -> Iterator[tuple[str, tuple[str, str, str]]]:
        """The lines of the table: where a layer stands, and its name, output shape and count of parameters."""
        for i, layer in enumerate(self.layers):
            here = f"{path}{i}"
            if isinstance(layer, Sequential):
                yield from layer.rows(f"{here}.", shape)
            module = layer if isinstance(layer, Module) else None
            shape = module.output_shape(shape) if module else ("?",)
            if not isinstance(layer, Sequential):
                title = repr(layer) if module else getattr(layer, "__name__", repr(layer))
                yield here, (title, f"({', '.join(map(str, shape))})", f"{learned(layer):,}")


def pieces(layer: Layer) -> tuple[Layer, ...]:
    """The layers of a plain sequence; a subclass may do more than run them, so it stays one layer."""
    return layer.layers if type(layer) is Sequential else (layer,)


def learned(layer: Any) -> int:
    """How many numbers a layer learns."""
    return sum(p.size for p in Within(layer).parameters.values() if p.requires_grad)


def cast_values(path: str, values: Any, parameter: Parameter) -> np.ndarray:
    """Values in the dtype of a parameter and of its shape, or an error that has its path."""
    try:
        array: np.ndarray[Any, Any] = np.asarray(getattr(values, "_data", values))
    except ValueError as error:  # what NumPy says of lists in lists
        raise ShapeError(f"{path}: {parameter.shape} expected ({error})") from error
    if array.shape != parameter.shape:
        raise ShapeError(f"{path}: shape {array.shape} given, {parameter.shape} expected")
    if not np.can_cast(array.dtype, parameter.dtype, "same_kind"):
        raise DtypeError(f"{path}: {array.dtype} given, {parameter.dtype} expected")
    return array.astype(parameter.dtype)


class Within:
    """What can be reached from a module, or another layer, through attributes, lists, tuples and dicts.

    Attributes:
        parameters, modules, generators: by path; what stands in several places has the first one's.
        fixed: whether only setting an attribute can change that: there are no lists and dicts.
    """

    def __init__(self, x: Any) -> None:
        self.parameters: dict[str, Parameter] = {}
        self.modules: dict[str, Module] = {}
        self.generators: dict[str, np.random.Generator] = {}
        self.fixed = True
        self._seen: set[int] = set()
        self._visit(x, "")

    def _visit(self, x: Any, path: str) -> None:
        if id(x) in self._seen:
            return
        children: Iterable[tuple[Any, Any]] = ()
        if isinstance(x, Parameter):
            if path in self.parameters:  # keys of a dict such as 1 and "1"
                raise StateError(f"two parameters have the path {path}: give them other keys")
            self.parameters[path] = x
        elif isinstance(x, Module):
            self.modules[path] = x
            children = vars(x).items()
        elif isinstance(x, np.random.Generator):
            self.generators[path] = x
        elif isinstance(x, list | tuple):
            self.fixed = self.fixed and isinstance(x, tuple)
            children = enumerate(x)
        elif isinstance(x, dict):
            self.fixed = False
            children = x.items()
        else:
            return
        self._seen.add(id(x))
        for name, child in children:
            if type(child) not in _PLAIN:
                self._visit(child, f"{path}.{name}" if path else str(name))
