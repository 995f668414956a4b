"""Every operation: a body in plain NumPy and one backward closure per input. Compositions stand beside them."""

from tinygrad_mlp.ops.activations import (
    celu,
    dropout,
    elu,
    erf,
    gelu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
)
from tinygrad_mlp.ops.arithmetic import add, dense, divide, matmul, multiply, negative, over, power, subtract, times
from tinygrad_mlp.ops.arranging import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_arrays,
    expand_dims,
    matrix_transpose,
    meshgrid,
    moveaxis,
    ravel,
    squeeze,
    swapaxes,
)
from tinygrad_mlp.ops.determinants import (
    det,
    slogdet,
)
from tinygrad_mlp.ops.einstein import (
    einsum,
)
from tinygrad_mlp.ops.elementwise import (
    abs,
    astype,
    clip,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    sign,
    sqrt,
    tanh,
    where,
)
from tinygrad_mlp.ops.exponentials import (
    cbrt,
    exp2,
    float_power,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    reciprocal,
    square,
)
from tinygrad_mlp.ops.indexing import getitem
from tinygrad_mlp.ops.likelihoods import (
    cosine_similarity,
    kl_divergence,
    negative_log_likelihood,
)
from tinygrad_mlp.ops.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge,
    softmax_cross_entropy,
)
from tinygrad_mlp.ops.matrices import (
    cholesky,
    inv,
    matrix_power,
    pinv,
    solve,
)
from tinygrad_mlp.ops.normalisation import (
    batch_norm,
    layer_norm,
    rms_norm,
    standardize,
)
from tinygrad_mlp.ops.norms import (
    norm,
)
from tinygrad_mlp.ops.products import (
    cross,
    dot,
    inner,
    kron,
    matvec,
    multi_dot,
    outer,
    tensordot,
    trace,
    vdot,
    vecdot,
    vecmat,
)
from tinygrad_mlp.ops.reductions import broadcast_to, max, mean, min, sum
from tinygrad_mlp.ops.regression import (
    huber,
    mean_absolute_error,
    mean_squared_error,
    smooth_l1,
)
from tinygrad_mlp.ops.repeating import (
    diag,
    diagflat,
    diagonal,
    flip,
    fliplr,
    flipud,
    pad,
    repeat,
    roll,
    rot90,
    tile,
    tril,
    triu,
)
from tinygrad_mlp.ops.rounding import (
    ceil,
    copysign,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    heaviside,
    nan_to_num,
    positive,
    remainder,
    rint,
    round,
    trunc,
)
from tinygrad_mlp.ops.scans import (
    cumprod,
    cumsum,
)
from tinygrad_mlp.ops.selection import (
    embedding,
    one_hot,
    select,
    take,
    take_along_axis,
)
from tinygrad_mlp.ops.shapes import concatenate, reshape, transpose
from tinygrad_mlp.ops.soft_maximum import log_softmax, logsumexp, softmax
from tinygrad_mlp.ops.sorting import (
    median,
    percentile,
    quantile,
    sort,
)
from tinygrad_mlp.ops.stacking import (
    append,
    array_split,
    column_stack,
    diff,
    dsplit,
    dstack,
    hsplit,
    hstack,
    split,
    stack,
    vsplit,
    vstack,
)
from tinygrad_mlp.ops.statistics import (
    average,
    nanmax,
    nanmean,
    nanmin,
    nanprod,
    nansum,
    prod,
    ptp,
    std,
    trapezoid,
    var,
)
from tinygrad_mlp.ops.trigonometry import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cos,
    cosh,
    deg2rad,
    hypot,
    rad2deg,
    sin,
    sinc,
    sinh,
    tan,
)

# fmt: off
__all__ = [
    "abs", "add", "append", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "array_split",
    "astype", "atleast_1d", "atleast_2d", "atleast_3d", "average", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "broadcast_arrays", "broadcast_to", "cbrt", "ceil", "celu", "cholesky",
    "clip", "column_stack", "concatenate", "copysign", "cos", "cosh", "cosine_similarity", "cross", "cumprod",
    "cumsum", "deg2rad", "dense", "det", "diag", "diagflat", "diagonal", "diff", "divide", "dot", "dropout",
    "dsplit", "dstack", "einsum", "elu", "embedding", "erf", "exp", "exp2", "expand_dims", "expm1", "flip",
    "fliplr", "flipud", "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "gelu", "getitem", "glu",
    "hard_sigmoid", "hard_silu", "hard_tanh", "heaviside", "hinge", "hsplit", "hstack", "huber", "hypot", "inner",
    "inv", "kl_divergence", "kron", "layer_norm", "leaky_relu", "log", "log1p", "log2", "log10", "log_sigmoid",
    "log_softmax", "logaddexp", "logaddexp2", "logsumexp", "matmul", "matrix_power", "matrix_transpose", "matvec",
    "max", "maximum", "mean", "mean_absolute_error", "mean_squared_error", "median", "meshgrid", "min", "minimum",
    "mish", "moveaxis", "multi_dot", "multiply", "nan_to_num", "nanmax", "nanmean", "nanmin", "nanprod", "nansum",
    "negative", "negative_log_likelihood", "norm", "one_hot", "outer", "over", "pad", "percentile", "pinv",
    "positive", "power", "prelu", "prod", "ptp", "quantile", "rad2deg", "ravel", "reciprocal", "relu", "relu6",
    "remainder", "repeat", "reshape", "rint", "rms_norm", "roll", "rot90", "round", "select", "selu", "sigmoid",
    "sign", "silu", "sin", "sinc", "sinh", "slogdet", "smooth_l1", "softmax", "softmax_cross_entropy", "softplus",
    "softsign", "solve", "sort", "split", "sqrt", "square", "squeeze", "stack", "standardize", "std", "subtract",
    "sum", "swapaxes", "take", "take_along_axis", "tan", "tanh", "tensordot", "tile", "times", "trace", "transpose",
    "trapezoid", "tril", "triu", "trunc", "var", "vdot", "vecdot", "vecmat", "vsplit", "vstack", "where",
]
# fmt: on
