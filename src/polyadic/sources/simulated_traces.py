"""Source `simulated_traces`: a GCaMP population with planted communities, epochs and animals, and its truth.

``python -m polyadic.sources.simulated_traces --config '{"snr": 5}' --out traces.nc``
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import traces as kind


@dataclass(frozen=True)
class SimulatedTracesConfig:
    """Settings of the simulation; the defaults are three recurring states in four animals at 10 dB."""

    states: int = setting(3, "ways of working together (components), each with communities of its own; at least 1")
    communities: int = setting(3, "communities in each state, at least 1")
    coverage: float = setting(
        0.6, "share of the neurons that belong to a community of a state, in (0, 1]; each state draws its own"
    )
    neurons: int = setting(60, "neurons, at least 2")
    animals: int = setting(4, "animals, at least 1")
    duration: float = setting(600.0, "length of each recording in s")
    sampling_rate: float = setting(10.0, "frames a second in Hz")
    dynamics: Literal["epochs", "stationary"] = setting(
        "epochs",
        "epochs: states take turns; stationary: the communities of a single state burst all the time, as often on"
        " average as with epochs: sparse, skewed and without any dynamics, for tests against surrogates",
    )
    clock: Literal["shared", "per_animal"] = setting(
        "shared", "whether all animals have the same epochs (one stimulus) or each its own"
    )
    epoch: float = setting(30.0, "mean length of an epoch in s; drawn within 25 %")
    rest: float = setting(5.0, "mean length of the rest before an epoch in s, without any state; drawn within 25 %")
    absence: float = setting(0.0, "probability that a state never occurs in an animal, in [0, 1); one animal has it")
    burst_rate: float = setting(0.5, "bursts of a community while its state is active, in Hz")
    participation: float = setting(0.8, "probability that a member joins a burst, in (0, 1]")
    burst_spikes: float = setting(3.0, "mean spikes of a member that joins a burst, at least 1")
    jitter: float = setting(0.05, "standard deviation of a member's delay in a burst, in s")
    background: float = setting(0.1, "rate of private spikes of every neuron, in Hz")
    shared_rate: float = setting(
        0.0, "bursts that all neurons share, members or not and whatever the state, in Hz: they look like one community"
    )
    rise: float = setting(0.1, "rise time constant of the indicator in s, below the decay; 0: instantaneous")
    decay: float = setting(1.0, "decay time constant of the indicator in s")
    amplitude: float = setting(0.1, "peak dF/F of one spike")
    snr: float = setting(10.0, "10 log10 of calcium variance over noise variance of each neuron, in dB")
    drift: float = setting(0.2, "size of slow baseline changes, in standard deviations of the calcium")
    missing: float = setting(0.1, "share of the neurons that are missing in each animal, in [0, 1)")
    event_share: float = setting(0.9, "probability that an epoch is marked by an event, in [0, 1]")
    detail: bool = setting(True, "also store rates, spikes and noise-free calcium in the group truth")
    seed: int = setting(0, "seed of every draw")
    replicate: int = setting(0, "number of the population of this seed")

    def __post_init__(self) -> None:
        for name, low in (("states", 1), ("communities", 1), ("neurons", 2), ("animals", 1), ("burst_spikes", 1)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, found {getattr(self, name)}")
        for name in ("duration", "sampling_rate", "epoch", "decay", "amplitude"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name):g}")
        for name in ("rest", "burst_rate", "jitter", "background", "shared_rate", "rise", "drift", "seed", "replicate"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name):g}")
        for name in ("coverage", "participation", "absence", "missing", "event_share"):
            self._check_share(name)
        self._check_together()

    def _check_together(self) -> None:
        if self.rise >= self.decay:
            raise ValueError(f"rise must be below decay = {self.decay:g} s, found {self.rise:g}")
        if self.epoch * self.sampling_rate < 2:
            raise ValueError(f"epoch must hold at least two frames, found {self.epoch * self.sampling_rate:g}")
        if round(self.coverage * self.neurons) < 2 * self.communities:
            raise ValueError(
                f"coverage {self.coverage:g} of {self.neurons} neurons is too little for {self.communities} communities"
                " of at least 2 members; raise coverage or neurons, or lower communities"
            )

    def _check_share(self, name: str) -> None:
        value = getattr(self, name)
        with_one, with_zero = name not in ("absence", "missing"), name not in ("coverage", "participation")
        if not 0 <= value <= 1 or (value == 1 and not with_one) or (value == 0 and not with_zero):
            interval = f"{'[' if with_zero else '('}0, 1{']' if with_one else ')'}"
            raise ValueError(f"{name} must lie in {interval}, found {value:g}")


@stage(name="sources.simulated_traces", config=SimulatedTracesConfig, output=kind.SCHEMA)
def simulated_traces(cfg: SimulatedTracesConfig) -> xr.DataTree:
    """Simulate calcium traces of a population whose communities, epochs and rates are known.

    Spikes are private Poisson spikes and shared bursts of the communities of the active state; they become calcium by
    an AR(2) process, and dF/F by an amplitude, white noise at the given SNR, and a slow drift (which does not count as
    noise). Draws of the planted structure, the spikes, the noise and the missing neurons come from independent streams
    of the seed: another SNR changes the noise and nothing else.

    Returns
    -------
    DataTree whose root is of kind `traces`, with events (``state 0`` ...) and a behaviour (``velocity``, reversed in
    epochs of state 0). Its group ``truth`` holds ``membership(state, neuron)`` (-1: none), ``active(state, animal,
    time)``, ``presence(animal, state)``, and with ``detail`` also ``rate``, ``spikes`` and ``calcium`` (animal, neuron,
    time), of missing neurons too.

    Notes
    -----
    Cost: about 60 ns a neuron and frame.
    """
    planted = _plant(cfg)
    interval = 1 / cfg.sampling_rate
    animals = [_animal(cfg, planted, animal) for animal in range(cfg.animals)]
    noisy, clean, spikes, rates = (np.stack(parts) for parts in zip(*animals, strict=True))
    noisy[~planted["observed"]] = np.nan
    state = planted["state"]
    root = kind.dataset(
        noisy,
        cfg.sampling_rate,
        animal=[f"animal {i}" for i in range(cfg.animals)],
        neuron=[f"neuron {i:0{len(str(cfg.neurons - 1))}d}" for i in range(cfg.neurons)],
        observed=planted["observed"],
        clock=cfg.clock,
        events=_events(cfg, planted["active"], interval),
        behaviour={"velocity": (_velocity(cfg, state), {"units": "mm s-1", "long_name": "velocity"})},
    )
    truth = _truth(planted)
    if cfg.detail:
        dims = ("animal", "neuron", "time")
        truth["rate"] = (dims, rates.astype(np.float32), {"units": "Hz", "long_name": "mean rate given the states"})
        truth["spikes"] = (dims, spikes.astype(np.int16), {"units": "1", "long_name": "spikes in the frame"})
        truth["calcium"] = (dims, clean.astype(np.float32), {"units": "1", "long_name": "dF/F without noise and drift"})
    return xr.DataTree.from_dict({"/": root, f"/{kind.TRUTH}": truth})


def _stream(cfg: SimulatedTracesConfig, *purpose: int) -> np.random.Generator:
    return np.random.default_rng([cfg.seed, cfg.replicate, *purpose])


def _plant(cfg: SimulatedTracesConfig) -> dict[str, NDArray[Any]]:
    """Return what is planted: membership, state and active by frame, presence and observed by animal."""
    from polyadic.kernels import spiking_population as population

    rng = _stream(cfg, 0)
    frames = max(2, round(cfg.duration * cfg.sampling_rate))
    states = cfg.states if cfg.dynamics == "epochs" else 1
    membership = population.memberships(states, cfg.neurons, cfg.communities, cfg.coverage, rng)
    if cfg.dynamics == "stationary":
        state = np.zeros((cfg.animals, frames), np.int16)
    else:
        number = 1 if cfg.clock == "shared" else cfg.animals
        lengths = (cfg.epoch * cfg.sampling_rate, cfg.rest * cfg.sampling_rate)
        made = [population.schedule(states, frames, *lengths, _stream(cfg, 1, i)) for i in range(number)]
        state = np.broadcast_to(np.stack(made), (cfg.animals, frames))
    presence = rng.random((cfg.animals, states)) >= cfg.absence
    presence[rng.integers(cfg.animals, size=states), np.arange(states)] = True
    active = (state[None] == np.arange(states)[:, None, None]) & presence.T[:, :, None]
    observed = np.ones((cfg.animals, cfg.neurons), bool)
    for animal in range(cfg.animals):
        observed[animal, _stream(cfg, 2, animal).permutation(cfg.neurons)[: int(cfg.missing * cfg.neurons)]] = False
    return {"membership": membership, "state": state, "active": active, "presence": presence, "observed": observed}


def _animal(
    cfg: SimulatedTracesConfig, planted: dict[str, NDArray[Any]], animal: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32], NDArray[np.float64]]:
    """Return noisy and clean dF/F, spikes and rates (neuron, time) of one animal."""
    from polyadic.kernels import spiking_population as population

    rate = cfg.burst_rate
    if cfg.dynamics == "stationary":  # each community bursts as often as in one of several states that take turns
        rate *= cfg.epoch / (cfg.epoch + cfg.rest) / cfg.states
    bursts = population.Bursts(rate, cfg.participation, cfg.burst_spikes, cfg.jitter)
    membership, active = planted["membership"], planted["active"][:, animal]
    interval = 1 / cfg.sampling_rate
    spikes = population.spike_counts(membership, active, bursts, cfg.background, interval, _stream(cfg, 3, animal))
    if cfg.shared_rate > 0:
        everyone = np.zeros((1, cfg.neurons), np.int16)
        common = population.Bursts(cfg.shared_rate, cfg.participation, cfg.burst_spikes, cfg.jitter)
        always = np.ones((1, active.shape[1]), bool)
        spikes += population.spike_counts(everyone, always, common, 0.0, interval, _stream(cfg, 8, animal))
    clean = cfg.amplitude * population.calcium(spikes, cfg.rise, cfg.decay, interval)
    noisy = clean + population.noise(clean, cfg.snr, _stream(cfg, 4, animal))
    slow = population.drift(clean.shape[0], clean.shape[1], _stream(cfg, 5, animal))
    noisy += cfg.drift * clean.std(axis=1, keepdims=True) * slow
    rate = cfg.background + cfg.shared_rate * cfg.participation * cfg.burst_spikes
    return noisy, clean, spikes, population.expected_rate(membership, active, bursts, rate)


def _events(cfg: SimulatedTracesConfig, active: NDArray[np.bool_], interval: float) -> kind.Events:
    """Mark the epochs, each with the probability ``event_share``."""
    rng = _stream(cfg, 6)
    found: list[tuple[int, float, float, str]] = []
    for state, animal in np.ndindex(*active.shape[:2]) if cfg.dynamics == "epochs" else ():
        edges = np.flatnonzero(np.diff(np.r_[False, active[state, animal], False]))
        for start, stop in edges.reshape(-1, 2):
            if rng.random() < cfg.event_share:
                found.append((animal, start * interval, stop * interval, f"state {state}"))
    columns = list(zip(*sorted(found), strict=True)) or [(), (), (), ()]
    return kind.Events(columns[0], columns[1], columns[2], [str(label) for label in columns[3]])


def _velocity(cfg: SimulatedTracesConfig, state: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return a velocity (animal, time): forward, and backward in the epochs of state 0 where states take turns."""
    forward = np.where((state == 0) & (cfg.dynamics == "epochs"), -0.1, 0.1)
    return forward + 0.02 * _stream(cfg, 7).standard_normal(state.shape)


def _truth(planted: dict[str, NDArray[Any]]) -> xr.Dataset:
    states = planted["membership"].shape[0]
    label = {"long_name": "community of the neuron in the state, -1: none", "units": "1"}
    return xr.Dataset(
        {
            "membership": (("state", "neuron"), planted["membership"], label),
            "active": (("state", "animal", "time"), planted["active"], {"long_name": "whether the state is active"}),
            "presence": (("animal", "state"), planted["presence"], {"long_name": "whether the state ever occurs"}),
        },
        {"state": ("state", np.arange(states), {"units": "1", "long_name": "planted state"})},
    )


if __name__ == "__main__":
    simulated_traces.cli()
