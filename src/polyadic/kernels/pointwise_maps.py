r"""Linear maps of the channels at every point with GELUs between, with a backward pass of their own.

What automatic differentiation makes of these maps reads and writes every field several times: a bias, a sum, a GELU,
its derivative, sums over points. Here each GELU is one pass (`polyadic.kernels.gelu_passes`) and everything else a
matrix product; what is kept for the backward pass is no more. Fields in 32 bits on a CPU go this way; others, and those
in mixed precision, by torch's own operations (:func:`fused` says which).
"""

import math
from typing import Any

import torch
from torch.nn.functional import gelu, linear

from polyadic.kernels import gelu_passes

__all__ = ["fused", "mixed", "two_maps"]

Tensor = torch.Tensor


def fused(field: Tensor) -> bool:
    """Say whether a field goes by the passes of this module."""
    return field.dtype == torch.float32 and field.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def two_maps(before: Tensor, bias: Tensor, weight: Tensor, last: Tensor) -> Tensor:
    r"""Return :math:`W\,\mathrm{gelu}(x + b) + c` of ``before`` x (..., hidden); it may be overwritten.

    Parameters
    ----------
    before
        (..., hidden), as a matrix product has left it.
    bias, weight, last
        b (hidden,), or a field (..., 1, hidden) that is the same for a whole batch; W (out, hidden), c (out,).

    Examples
    --------
    >>> ones = torch.ones(1)
    >>> two_maps(torch.zeros(1, 1), ones, torch.eye(1), ones).round(decimals=4).tolist()
    [[1.8413000106811523]]
    """
    if not fused(before):
        return linear(gelu(before + bias), weight, last)
    result: Tensor = _TwoMaps.apply(before, bias, weight, last)  # type: ignore[no-untyped-call]
    return result


def mixed(
    convolution: Tensor,
    field: Tensor,
    skip: tuple[Tensor, Tensor],
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
    gate: Tensor,
) -> Tensor:
    r"""Return :math:`\sigma(\mathrm{MLP}(z) + g v)` with :math:`z = \sigma(s + \mathrm{skip}(v))`.

    Parameters
    ----------
    convolution
        s, (..., width); it may be overwritten.
    field
        v, (..., width).
    skip, first, second
        Weight (out, in) and bias (out,) of the skip and of both maps of the MLP.
    gate
        g, (width,).

    Notes
    -----
    At N points of width w with h hidden channels :math:`2 N w (w + 2 h)` flops, twice that backward, and three passes
    over memory each way; kept are 3 w + 2 h numbers a point.

    Examples
    --------
    >>> one, none = (torch.eye(2), torch.zeros(2)), (torch.zeros(2, 2), torch.zeros(2))
    >>> mixed(torch.zeros(1, 2), torch.ones(1, 2), none, one, none, torch.ones(2)).round(decimals=4).tolist()
    [[0.8413000106811523, 0.8413000106811523]]
    """
    if not fused(convolution):
        z = gelu(convolution + linear(field, *skip))
        return gelu(torch.addcmul(linear(gelu(linear(z, *first)), *second), field, gate))
    result: Tensor = _Mixed.apply(convolution, field, *skip, *first, *second, gate)  # type: ignore[no-untyped-call]
    return result


def _flat(field: Tensor) -> Tensor:
    return field.detach().reshape(-1, field.shape[-1])


def _array(values: Tensor) -> Any:
    return values.detach().contiguous().numpy()


def _gelu_(values: Tensor, bias: Tensor) -> Tensor:
    """Turn values into gelu(values + bias) and return the slope."""
    slope = torch.empty_like(values)
    gelu_passes.with_slope(values.numpy(), _array(_flat(bias)), slope.numpy())
    return slope


def _back_(gradient: Tensor, slope: Tensor, rows: int = 1) -> Tensor:
    """Multiply a gradient by a slope and return its sums over the points of each row of the bias."""
    return torch.as_tensor(gelu_passes.slope_applied(gradient.numpy(), slope.numpy(), rows)).float()


class _TwoMaps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, before: Tensor, bias: Tensor, weight: Tensor, last: Tensor) -> Tensor:
        values = _flat(before)
        slope = _gelu_(values, bias)
        ctx.save_for_backward(values, slope, weight)
        ctx.bias = bias.shape
        return torch.addmm(last, values, weight.T).view(*before.shape[:-1], -1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        values, slope, weight = ctx.saved_tensors
        outer = _flat(gradient)
        inner = torch.mm(outer, weight)
        sums = _back_(inner, slope, math.prod(ctx.bias[:-1])).view(ctx.bias)
        return inner.view(*gradient.shape[:-1], -1), sums, torch.mm(outer.T, values), outer.sum(0)


class _Mixed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, convolution: Tensor, field: Tensor, *parameters: Tensor) -> Tensor:
        skip, skip_bias, first, first_bias, second, second_bias, gate = parameters
        given, z = _flat(field), _flat(convolution)
        z.addmm_(given, skip.T)
        z_slope = _gelu_(z, skip_bias)
        hidden = torch.mm(z, first.T)
        hidden_slope = _gelu_(hidden, first_bias)
        out = torch.mm(hidden, second.T)
        slope = torch.empty_like(out)
        gelu_passes.with_slope_and_gate(out.numpy(), _array(second_bias), given.numpy(), _array(gate), slope.numpy())
        ctx.save_for_backward(field, z, z_slope, hidden, hidden_slope, slope, skip, first, second, gate)
        return out.view(field.shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        field, z, z_slope, hidden, hidden_slope, slope, skip, first, second, gate = ctx.saved_tensors
        given, outer = _flat(field), _flat(gradient)
        through, into = torch.empty_like(outer), torch.empty_like(outer)
        arrays = (_array(outer), slope.numpy(), given.numpy(), _array(gate), through.numpy(), into.numpy())
        second_bias, gates = torch.as_tensor(gelu_passes.slope_and_gate_applied(*arrays)).float()
        inner = torch.mm(through, second)
        first_bias = _back_(inner, hidden_slope)[0]
        at_z = torch.mm(inner, first)
        skip_bias = _back_(at_z, z_slope)[0]
        into.addmm_(at_z, skip)
        weights = (torch.mm(at_z.T, given), torch.mm(inner.T, z), torch.mm(through.T, hidden))
        shape = field.shape
        return (
            at_z.view(shape),
            into.view(shape),
            weights[0],
            skip_bias,
            weights[1],
            first_bias,
            weights[2],
            second_bias,
            gates,
        )
