"""Einstein's notation in full. A sum is first brought into a plain form, which is then its own adjoint.

In the plain form each operand has each of its letters once, and each letter is in the output or in another operand too.
Then the gradient of an operand is again such a sum: that of the output's gradient and the other operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.ops.arranging import operand, squeeze
from tinygrad_mlp.ops.reductions import sum as total
from tinygrad_mlp.ops.repeating import diagonal


@op
def contract(*xs: Array, letters: tuple[str, ...], output: str) -> Rule:
    """Σ over the letters that are not in the output, of products of elements; in the plain form."""
    # NumPy's search for a good order, and for a matrix product, takes as long as a small sum itself.
    large = len(xs) > 2 or (len(xs) == 2 and xs[0].size * xs[1].size > 1 << 16)
    y = np.einsum(f"{','.join(letters)}->{output}", *xs, optimize=large)

    def closure(i: int) -> Any:
        others, their_letters = xs[:i] + xs[i + 1 :], letters[:i] + letters[i + 1 :]
        return lambda g: contract(g, *others, letters=(output, *their_letters), output=letters[i])

    return y, *map(closure, range(len(xs)))


@implements(np.einsum)
def einsum(*operands: Any, optimize: Any = None) -> Any:
    """Products of elements, summed: `einsum("ij,jk->ik", A, B)` is the matrix product.

    Args:
        operands: the subscripts and then the arrays, or an array and a list of numbers for its axes in turn, and last
            the axes of the output. Subscripts are letters, a comma between arrays; `...` stands for axes that
            broadcast; a letter twice in one array takes its diagonal; without `->` the output has the letters that
            come once, in the order of the alphabet, behind the axes of `...`.
        optimize: no matter here: the order of several products is chosen.

    Raises:
        OptionError: subscripts that cannot be read.
        ShapeError: subscripts that do not fit the arrays, or a letter with two lengths.

    >>> import tinygrad_mlp as tg
    >>> A = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> tg.einsum("ii->", A).backward()
    >>> A.grad
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    del optimize
    subscripts, xs = interleaved(operands) if not isinstance(operands[0], str) else (operands[0], operands[1:])
    xs = tuple(operand(x) for x in xs)
    letters, output = spelt_out(subscripts.replace(" ", ""), xs)
    lengths = lengths_of(subscripts, letters, xs)
    plain = [without_repeats(x, own) for x, own in zip(xs, letters, strict=True)]
    plain = [without_ones(x, own) for x, own in plain]
    alone = [own for _, own in plain]
    for i, (x, own) in enumerate(plain):
        elsewhere = output + "".join(alone[:i] + alone[i + 1 :])
        summed = tuple(axis for axis, letter in enumerate(own) if letter not in elsewhere)
        if summed:
            plain[i] = total(x, axis=summed), "".join(letter for letter in own if letter in elsewhere)
    kept = "".join(letter for letter in output if any(letter in own for _, own in plain))
    y = contract(*[x for x, _ in plain], letters=tuple(own for _, own in plain), output=kept)
    return y if kept == output else y.reshape(tuple(lengths[letter] for letter in output))  # some have length 1


def interleaved(operands: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The other form, `einsum(A, [0, 1], B, [1, 2], [0, 2])`, in letters."""

    def spelt(axes: Sequence[Any]) -> str:
        return "".join("..." if axis is Ellipsis else ascii_letters[axis] for axis in axes)

    pairs = len(operands) // 2
    subscripts = ",".join(spelt(axes) for axes in operands[1 : 2 * pairs : 2])
    if len(operands) % 2:
        subscripts += f"->{spelt(operands[-1])}"
    return subscripts, tuple(operands[: 2 * pairs : 2])


def spelt_out(subscripts: str, xs: Sequence[Array]) -> tuple[list[str], str]:
    """The letters of each operand and of the output, with letters of their own for the axes of `...`."""
    left, arrow, output = subscripts.partition("->")
    found = left.split(",")
    if len(found) != len(xs):
        raise OptionError(f"einsum: {subscripts!r} is for {len(found)} arrays, not {len(xs)}")
    if any(c not in ascii_letters for c in (left + output).replace("...", "").replace(",", "")) or "," in output:
        raise OptionError(f"einsum: {subscripts!r}: letters, ',', '...' and one '->' expected")
    free = "".join(c for c in ascii_letters if c not in subscripts)
    widest = 0
    letters = []
    for own, x in zip(found, xs, strict=True):
        hidden = x.ndim - len(own.replace("...", ""))
        if hidden < 0 or (hidden and "..." not in own) or own.count("...") > 1:
            raise ShapeError(f"einsum: {subscripts!r}: {own!r} does not fit an array {x.shape}")
        widest = max(widest, hidden) if "..." in own else widest
        letters.append(own.replace("...", free[:hidden][::-1]))  # counted from the last one, as broadcasting is
    if arrow:
        output = output.replace("...", free[:widest][::-1])
    else:
        named = left.replace("...", "").replace(",", "")
        output = free[:widest][::-1] + "".join(sorted(c for c in set(named) if named.count(c) == 1))
    if len(set(output)) < len(output) or not set(output) <= set("".join(letters)):
        raise OptionError(f"einsum: {subscripts!r}: each letter of the output once, and in some array, expected")
    return letters, output


def lengths_of(subscripts: str, letters: Sequence[str], xs: Sequence[Array]) -> dict[str, int]:
    """The length that each letter stands for; an axis of length 1 broadcasts."""
    lengths: dict[str, int] = {}
    for own, x in zip(letters, xs, strict=True):
        for letter, n in zip(own, x.shape, strict=True):
            if lengths.setdefault(letter, n) == 1:
                lengths[letter] = n
            elif n not in (1, lengths[letter]):
                shapes = ", ".join(str(x.shape) for x in xs)
                raise ShapeError(
                    f"einsum: {subscripts!r} of {shapes}: an axis has the lengths {lengths[letter]} and {n}"
                )
    return lengths


def without_repeats(x: Array, own: str) -> tuple[Array, str]:
    """The diagonal for a letter that comes twice."""
    for letter in sorted(set(own)):
        while own.count(letter) > 1:
            first, second = own.index(letter), own.rindex(letter)
            x = diagonal(x, 0, first, second)
            own = own[:first] + own[first + 1 : second] + own[second + 1 :] + letter
    return x, own


def without_ones(x: Array, own: str) -> tuple[Array, str]:
    """No axis of length 1: they are broadcast against other operands, or come back in the output."""
    ones = tuple(axis for axis, n in enumerate(x.shape) if n == 1)
    return (squeeze(x, ones), "".join(c for axis, c in enumerate(own) if axis not in ones)) if ones else (x, own)
