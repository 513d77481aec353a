"""Spiking populations with planted communities, seen through a calcium indicator.

A *state* is a way of working together: in its epochs every one of its communities fires shared bursts. A neuron that
belongs to communities of several states makes them overlap. Spikes become calcium by an AR(2) process.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

REST = -1
"""The state of a frame outside all epochs, and the community of a neuron that belongs to none."""


@dataclass(frozen=True)
class Bursts:
    """Shared events of a community while its state is active.

    Attributes
    ----------
    rate
        Bursts of one community, in Hz.
    participation
        Probability that a member joins a burst.
    spikes
        Mean number of spikes of a member that joins, at least 1: one and a Poisson number more.
    jitter
        Standard deviation of a member's delay, in s.
    """

    rate: float
    participation: float
    spikes: float
    jitter: float


def memberships(
    states: int, neurons: int, communities: int, coverage: float, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Return the community of every neuron in every state, `REST` where it belongs to none.

    Each state draws ``round(coverage * neurons)`` neurons and deals them evenly to its communities, independently of
    the other states.

    Returns
    -------
    array (states, neurons) of 0 ... communities - 1, or -1.

    Raises
    ------
    ValueError
        If a community would have fewer than two members.

    Examples
    --------
    >>> memberships(2, 6, 2, 0.7, np.random.default_rng(0))
    array([[-1, -1,  1,  0,  1,  0],
           [-1,  0,  1, -1,  0,  1]], dtype=int16)
    """
    members = round(coverage * neurons)
    if members < 2 * communities:
        raise ValueError(
            f"coverage {coverage:g} of {neurons} neurons gives {members} members to {communities} communities;"
            " each needs at least 2: accepted are more neurons, more coverage or fewer communities"
        )
    found = np.full((states, neurons), REST, np.int16)
    for state in range(states):
        chosen = rng.permutation(neurons)[:members]
        found[state, chosen] = np.arange(members) % communities
    return found


def schedule(states: int, frames: int, epoch: float, rest: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return the state of every frame: epochs of all states in rounds of random order, with rests between them.

    Parameters
    ----------
    states, frames
        How many there are.
    epoch, rest
        Mean length of an epoch and of the rest before it, in frames; each length is drawn within 25 % of its mean.
    rng
        Generator of the draws.

    Returns
    -------
    array (frames,) of 0 ... states - 1, or -1 in a rest. Two epochs of one state never follow each other (with two
    states or more), and every state occurs before any occurs again.

    Raises
    ------
    ValueError
        If an epoch is shorter than one frame.
    """
    if epoch < 1:
        raise ValueError(f"epoch must be at least one frame long, found {epoch:g} frames")
    found = np.full(frames, REST, np.int16)
    now, last = 0, REST
    while now < frames:
        order = rng.permutation(states)
        if states > 1 and order[0] == last:
            order[[0, -1]] = order[[-1, 0]]
        for state in order:
            now += round(rest * rng.uniform(0.75, 1.25))
            length = max(1, round(epoch * rng.uniform(0.75, 1.25)))
            found[now : now + length] = state
            now += length
        last = order[-1]
    return found


def spike_counts(
    membership: NDArray[np.int16],
    active: NDArray[np.bool_],
    bursts: Bursts,
    background: float,
    interval: float,
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """Return the spikes of every neuron in every frame: private Poisson spikes and the bursts of active communities.

    Parameters
    ----------
    membership
        Community of each neuron by state (state, neuron), -1 for none.
    active
        Whether a state is active (state, time).
    bursts
        What the communities of an active state do.
    background
        Rate of private spikes, in Hz.
    interval
        Length of a frame, in s.
    rng
        Generator of the draws.

    Returns
    -------
    array (neuron, time) of spike counts.

    Notes
    -----
    Bursts of a community are a Poisson process on the frames in which its state is active. Cost: one draw a neuron and
    frame, and one a member and burst.
    """
    neurons, frames = membership.shape[1], active.shape[1]
    counts = rng.poisson(background * interval, (neurons, frames)).astype(np.int32)
    for state in range(membership.shape[0]):
        for community in range(int(membership[state].max()) + 1):
            members = np.flatnonzero(membership[state] == community)
            numbers = rng.poisson(bursts.rate * interval, frames) * active[state]
            _add_bursts(counts, members, np.repeat(np.arange(frames), numbers), bursts, interval, rng)
    return counts


def _add_bursts(
    counts: NDArray[np.int32],
    members: NDArray[np.intp],
    starts: NDArray[np.intp],
    bursts: Bursts,
    interval: float,
    rng: np.random.Generator,
) -> None:
    shape = (members.size, starts.size)
    joins = rng.random(shape) < bursts.participation
    sizes = 1 + rng.poisson(bursts.spikes - 1, shape)
    delays = np.rint(rng.normal(0, bursts.jitter / interval, shape)).astype(np.intp)
    frames = np.clip(starts[None, :] + delays, 0, counts.shape[1] - 1)
    rows = np.broadcast_to(members[:, None], shape)
    np.add.at(counts, (rows[joins], frames[joins]), sizes[joins].astype(np.int32))


def expected_rate(
    membership: NDArray[np.int16], active: NDArray[np.bool_], bursts: Bursts, background: float
) -> NDArray[np.float64]:
    r"""Return the mean rate of every neuron given the states, in Hz.

    :math:`\lambda_i(t) = \lambda_0 + \sum_s [i \in s] \, [s \text{ active at } t] \; r \, p \, m` with the burst rate
    r, the participation p and the mean spikes m of a burst.

    Examples
    --------
    >>> expected_rate(np.array([[0, -1]], np.int16), np.array([[True, False]]), Bursts(2, 0.5, 3, 0), 0.1)
    array([[3.1, 0.1],
           [0.1, 0.1]])
    """
    member = (membership != REST).astype(float)
    mean = bursts.rate * bursts.participation * bursts.spikes
    found: NDArray[np.float64] = background + mean * (member.T @ active.astype(float))
    return found


def ar2_coefficients(rise: float, decay: float, interval: float) -> tuple[float, float, float]:
    r"""Return (:math:`\gamma_1`, :math:`\gamma_2`, scale) of :math:`c_t = \gamma_1 c_{t-1} + \gamma_2 c_{t-2} + s_t`.

    The impulse response is :math:`h_k \propto d^{k+1} - r^{k+1}` with :math:`d = e^{-\Delta/\tau_d}` and
    :math:`r = e^{-\Delta/\tau_r}`, so :math:`\gamma_1 = d + r`, :math:`\gamma_2 = -d r`; spikes times ``scale`` have a
    response that peaks at 1 (in its largest frame).

    Parameters
    ----------
    rise, decay
        Time constants, in s; the rise may be 0 (AR(1)) and must be shorter than the decay.
    interval
        Length of a frame, in s.

    Raises
    ------
    ValueError
        Unless ``0 <= rise < decay``.

    Notes
    -----
    Vogelstein et al., *J. Neurophysiol.* 104 (2010) 3691; Friedrich, Zhou & Paninski, *PLoS Comput. Biol.* 13 (2017)
    e1005423, eq. 1.

    Examples
    --------
    >>> ar2_coefficients(0.0, 1.0, 1.0)
    (0.36787944117144233, -0.0, 1.0)
    """
    if not 0 <= rise < decay:
        raise ValueError(f"rise must lie in [0, decay = {decay:g}) s, found {rise:g}")
    slow = np.exp(-interval / decay)
    fast = np.exp(-interval / rise) if rise > 0 else 0.0
    powers = np.arange(1, 2 + int(np.ceil(10 * decay / interval)))
    peak = np.max((slow**powers - fast**powers) / (slow - fast))
    return float(slow + fast), float(-slow * fast), float(1 / peak)


def calcium(spikes: NDArray[np.int32], rise: float, decay: float, interval: float) -> NDArray[np.float64]:
    """Return the calcium of spike counts (..., time), in units of the peak that one spike causes.

    See `ar2_coefficients`. Cost: four flops an entry.

    Examples
    --------
    >>> calcium(np.array([0, 1, 0, 0]), 0.0, 1.0, 1.0).round(3)
    array([0.   , 1.   , 0.368, 0.135])
    """
    first, second, scale = ar2_coefficients(rise, decay, interval)
    found: NDArray[np.float64] = lfilter([scale], [1.0, -first, -second], spikes.astype(float), axis=-1)
    return found


def noise(clean: NDArray[np.float64], snr: float, rng: np.random.Generator) -> NDArray[np.float64]:
    r"""Return white Gaussian noise of a signal-to-noise ratio per row.

    :math:`\sigma_i^2 = \operatorname{var}_t(c_i) \, 10^{-\mathrm{SNR}/10}` for each row of ``clean`` (..., time);
    ``snr`` in dB. Rows without variance get the median noise of the others, so that a silent neuron is not a constant.
    """
    deviation = clean.std(axis=-1, keepdims=True)
    varying = deviation > 0
    usual = float(np.median(deviation[varying])) if varying.any() else 1.0
    size = np.where(varying, deviation, usual) * 10 ** (-snr / 20)
    found: NDArray[np.float64] = rng.standard_normal(clean.shape) * size
    return found


def drift(rows: int, frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return slow baselines (rows, frames) of mean 0 and standard deviation 1.

    Each is a sum of three cosines with one half to one and a half periods over the recording, and a random phase: no
    faster than anything that lasts a third of the recording.
    """
    phase = rng.uniform(0, 2 * np.pi, (3, rows, 1))
    size = rng.standard_normal((3, rows, 1))
    periods = np.array([0.5, 1.0, 1.5])[:, None, None]
    waves = (size * np.cos(2 * np.pi * periods * np.arange(frames) / frames + phase)).sum(axis=0)
    waves -= waves.mean(axis=1, keepdims=True)
    found: NDArray[np.float64] = waves / waves.std(axis=1, keepdims=True)
    return found
