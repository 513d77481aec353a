"""Settings of source `traces`."""

from dataclasses import dataclass
from typing import Literal

from polyadic.core.config import setting

FORMATS = ("nwb", "suite2p", "caiman", "table", "npz", "matlab", "hdf5")


@dataclass(frozen=True)
class TracesConfig:
    """How to read traces; the defaults do for files that say what they hold."""

    format: Literal["auto", "nwb", "suite2p", "caiman", "table", "npz", "matlab", "hdf5"] = setting(
        "auto", "format of the files; auto: recognised by their content"
    )
    series: str = setting(
        "", "array that holds the traces, where there are several: NWB series, F or spks, C or F_dff, array or variable"
    )
    names: str = setting(
        "",
        "column (NWB) or array of the neurons' names; empty: recognised; an empty name is a neuron of no other animal",
    )
    time: str = setting("", "array or column with the time of each frame in s; empty: recognised, else sampling_rate")
    groups: str = setting("", "pattern of the groups of an HDF5 file, one an animal, as animals/*; empty: no groups")
    orientation: Literal[
        "auto", "neuron_time", "time_neuron", "neuron_time_trial", "trial_neuron_time", "trial_time_neuron"
    ] = setting(
        "auto",
        "axes of the arrays, three where they hold trials; auto: as the format has it, else by the length of names or"
        " time",
    )
    sampling_rate: float | None = setting(None, "frames a second in Hz, where the files do not say; above 0")
    signal_type: Literal["auto", "raw", "dF/F", "z-score", "spikes", "BOLD"] = setting(
        "auto", "what the traces are; auto: as the format has it, else raw"
    )
    units: str = setting("", "UDUNITS unit of the traces; empty: as the file says, else 1")
    animals: tuple[str, ...] = setting((), "names of the animals, one a file; empty: as the files say or are called")
    align: Literal["auto", "name", "index", "none"] = setting(
        "auto",
        "which neurons of two animals are the same: those of a name, those of a position in the file (an atlas), or"
        " none; auto: by name, and asks where several animals have no names",
    )
    registration: str = setting(
        "", "name of the CSV file, among those given, with columns animal, roi (position from 0 in the file) and neuron"
    )
    minimum_animals: int = setting(1, "leave out neurons that fewer animals have; at least 1")
    duplicates: Literal["first", "error"] = setting("first", "two ROIs of one name in an animal: the first, or refuse")
    clock: Literal["per_animal", "shared"] = setting(
        "per_animal", "shared: equal times of two animals are the same moment of a common stimulus"
    )
    resample: bool = setting(
        True, "bring unequal or irregular clocks to the slowest by linear interpolation, gaps left missing; else refuse"
    )
    only_cells: bool = setting(True, "leave out ROIs that iscell (suite2p) or idx_components (CaImAn) reject")
    neuropil: float = setting(0.7, "share of the neuropil that is subtracted from F of suite2p, in [0, 1]")
    trust_pickles: bool = setting(
        False, "read ops.npy of suite2p, a pickle, for the frame rate; a pickle from a stranger can run any code"
    )
    events: dict[str, str] = setting({}, "array (n, 2) or (n,) of starts and stops by label (npz, matlab, hdf5)")
    event_unit: Literal["s", "frame", "frame1"] = setting("s", "unit of events: s, frames from 0, or frames from 1")
    behaviour: dict[str, str] = setting({}, "array (time,) by name of the behaviour (npz, matlab, hdf5)")
    behaviour_units: dict[str, str] = setting({}, "UDUNITS unit by name of the behaviour, where it is not 1")

    def __post_init__(self) -> None:
        if self.sampling_rate is not None and not 0 < self.sampling_rate < float("inf"):
            raise ValueError(f"sampling_rate must be above 0 Hz, found {self.sampling_rate:g}")
        if not 0 <= self.neuropil <= 1:
            raise ValueError(f"neuropil must lie in [0, 1], found {self.neuropil:g}")
        if self.minimum_animals < 1:
            raise ValueError(f"minimum_animals must be at least 1, found {self.minimum_animals}")
