r"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

For a gradient tensor G with modes k the moments :math:`L_k = E[G_{(k)} G_{(k)}^T]` are averaged over steps; Q_k are
their eigenvectors, refreshed by one step of orthogonal iteration now and then. Adam's second moment is kept of the
rotated gradient :math:`G \times_1 Q_1^T \cdots \times_n Q_n^T`, where its entries are nearly uncorrelated, and the step
is rotated back. The factors of a tensorised weight are small matrices, so this costs little there.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

Tensor = torch.Tensor


class SOAP(torch.optim.Optimizer):
    """Second-order steps for parameters of small modes.

    Parameters
    ----------
    params
        Parameters; a complex one is taken as its real and imaginary parts, a last mode of two.
    lr
        Step size; as for Adam each entry of the rotated step is about one.
    betas
        Decay of the first moment, and of the second moments and the ``L_k``.
    eps
        Added to the root of the second moment.
    weight_decay
        Decoupled, a share of `lr`.
    refresh
        Steps between refreshes of the bases.
    largest
        Modes longer than this keep the identity for a basis; so do vectors.
    floor
        Share of the trace that is added to a moment's diagonal before its basis is taken.

    Notes
    -----
    A step of a parameter with modes n_1 .. n_d costs O(N sum n_k) and, when bases are refreshed, O(sum n_k^3); memory
    O(2 N + 2 sum n_k^2). Vyas et al., *SOAP: Improving and stabilizing Shampoo using Adam*, arXiv 2409.11321. The first
    gradient only sets the bases.

    A gradient has no direction in most of its modes at first, and eigenvectors of equal eigenvalues are decided by
    rounding, which Adam's division then makes as large as everything else. So a basis is never decomposed from
    scratch: it starts as one orthogonal iteration from the identity, and directions below the `floor` stay where they
    were. Both are smooth in the gradient.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.ones(2, 2))
    >>> optimiser = SOAP([weight], lr=0.1)
    >>> for _ in range(200):
    ...     optimiser.zero_grad()
    ...     (weight**2).sum().backward()
    ...     optimiser.step()
    >>> bool(abs(weight).max() < 0.1)
    True
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.025,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 1e-4,
        refresh: int = 20,
        largest: int = 256,
        floor: float = 1e-3,
    ) -> None:
        own = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {"lr": lr, **own, "refresh": refresh, "largest": largest, "floor": floor})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _step(_real(parameter), _real(parameter.grad), self.state[parameter], group)
        return loss


def _real(tensor: Tensor) -> Tensor:
    """Return a tensor; of a complex one its view with real and imaginary parts as a last mode."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _step(parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    """Move one parameter and its moments."""
    if not state:
        _begin(state, gradient, group["largest"], group["floor"])
        return
    first, second = group["betas"]
    state["step"] += 1
    bases = [state.get(f"basis_{k}") for k in range(gradient.ndim)]
    state["mean"].lerp_(gradient, 1 - first)
    turned = _turn(gradient, bases)
    state["square"].mul_(second).addcmul_(turned, turned, value=1 - second)
    done = float(state["step"])
    scale = math.sqrt(1 - second**done) / (1 - first**done)
    move = _turn(state["mean"], bases).div_(state["square"].sqrt().add_(group["eps"]))
    parameter.mul_(1 - group["lr"] * group["weight_decay"])
    parameter.add_(_turn(move, bases, back=True), alpha=-group["lr"] * scale)
    for k in range(gradient.ndim):
        if bases[k] is not None:
            state[f"moment_{k}"].lerp_(_moment(gradient, k), 1 - second)
            if int(done) % group["refresh"] == 0:
                _refresh(state, k, group["floor"])


def _begin(state: dict[str, Any], gradient: Tensor, largest: int, floor: float) -> None:
    state["step"] = torch.zeros(())
    state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
    for k, size in enumerate(gradient.shape):
        if gradient.ndim > 1 and 1 < size <= largest:
            state[f"moment_{k}"] = _moment(gradient, k)
            identity = torch.eye(size, dtype=gradient.dtype, device=gradient.device)
            state[f"basis_{k}"] = _iterated(state[f"moment_{k}"], identity, floor)


def _moment(gradient: Tensor, mode: int) -> Tensor:
    others = [k for k in range(gradient.ndim) if k != mode]
    moment: Tensor = torch.tensordot(gradient, gradient, dims=(others, others))
    return moment


def _turn(tensor: Tensor, bases: list[Tensor | None], back: bool = False) -> Tensor:
    """Return a tensor in the bases, or from them; modes without one stay. Always a new tensor."""
    turned = tensor.clone()
    for k, basis in enumerate(bases):
        if basis is not None:
            turned = torch.movedim(torch.tensordot(turned, basis, dims=([k], [1 if back else 0])), -1, k)
    return turned


def _refresh(state: dict[str, Any], mode: int, floor: float) -> None:
    """Bring a basis nearer to the eigenvectors: sort by the estimated eigenvalues, one orthogonal iteration.

    Those below the floor keep their order.
    """
    moment, basis = state[f"moment_{mode}"], state[f"basis_{mode}"]
    values = (basis * (moment @ basis)).sum(dim=0).clamp_min(floor * moment.trace())
    order = torch.argsort(values, descending=True, stable=True)
    state["square"] = state["square"].index_select(mode, order)
    state[f"basis_{mode}"] = _iterated(moment, basis[:, order], floor)


def _iterated(moment: Tensor, basis: Tensor, floor: float) -> Tensor:
    """Return an orthonormal basis of (moment + floor trace) basis, in 64 bits on the way."""
    wide, old = moment.double(), basis.double()
    new, triangle = torch.linalg.qr(wide @ old + floor * wide.trace() * old)
    signs = torch.where(triangle.diagonal() < 0, -1.0, 1.0)  # the factors are unique with a positive diagonal
    found: Tensor = (new * signs).to(basis)
    return found
