"""Settings of the source `field_files`."""

from dataclasses import dataclass
from typing import Literal, TypeVar

from polyadic.core.config import setting
from polyadic.core.errors import nearest
from polyadic.kinds import fields as kind

T = TypeVar("T")


@dataclass(frozen=True)
class FieldFilesConfig:
    """What the files hold, where they do not say so themselves."""

    inputs: tuple[str, ...] = setting((), "names of the input fields in the files; empty: those of a known layout")
    outputs: tuple[str, ...] = setting((), "names of the output fields in the files; empty: those of a known layout")
    parameters: tuple[str, ...] = setting(
        (), "numbers of each run or file that are inputs too; empty: of a known layout those that differ; none: none"
    )
    names: dict[str, str] = setting(
        {}, "new name by name in the files; one that is an axis, or input and output at once, gets its role in front"
    )
    units: dict[str, str] = setting({}, "unit by new name; default: of the file, or 1")
    sample: str = setting("", "dimension of the samples in NetCDF and Zarr; empty: the first")
    axes: int = setting(
        2, "axes of space, 1 to 3, where the layout does not say: the last dimensions; those between are channels"
    )
    input_times: tuple[int, ...] = setting((0,), "steps of a run that are inputs, from 0; negative from its end")
    output_times: tuple[int, ...] = setting((-1,), "steps of a run that are outputs, from 0; negative from its end")
    every: int = setting(
        0, "steps from one sample of a run to the next, input_times and output_times counting on; 0: one sample a run"
    )
    low: float | tuple[float, ...] = setting(
        (), "where axes start; one, or one an axis in the order z, y, x; empty: of the file, or 0"
    )
    high: float | tuple[float, ...] = setting(
        (), "where axes end, for periodic ones one step behind the last point; empty: of the file, or 1"
    )
    boundary: str | tuple[str, ...] = setting(
        "", "condition at the edges: periodic, dirichlet, neumann, open; one, or one an axis; empty: of the file"
    )
    grid: Literal["", "both", "left", "centre"] = setting(
        "", "points of axes: both ends included, the low one, cell centres; empty: of the file, or both"
    )
    split: tuple[str, ...] = setting((), "use of each file's samples (train, validation, test); empty: not said")

    def __post_init__(self) -> None:
        """Refuse axes, times and uses that do not exist."""
        if not 1 <= self.axes <= 3:
            raise ValueError(f"axes is {self.axes}; accepted are 1 to 3")
        for use in self.split:
            if use not in kind.SPLITS:
                raise ValueError(f"split names {use!r}; {nearest(use, kind.SPLITS)}")
        for condition in self.boundaries:
            if condition not in kind.BOUNDARIES:
                raise ValueError(f"boundary names {condition!r}; {nearest(condition, kind.BOUNDARIES)}")
        times = (*self.input_times, *self.output_times)
        if not self.input_times or not self.output_times:
            raise ValueError("input_times and output_times must name at least one step each")
        if self.every < 0 or (self.every and min(times) < 0):
            raise ValueError(
                "every must be at least 0, and steps count from 0 where several samples are cut from a run"
            )

    @property
    def ends(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Where axes start and where they end, as the settings name it."""
        low, high = ((value,) if isinstance(value, float | int) else value for value in (self.low, self.high))
        return low, high

    @property
    def boundaries(self) -> tuple[str, ...]:
        """The conditions that the setting names."""
        given = (self.boundary,) if isinstance(self.boundary, str) else self.boundary
        return tuple(condition for condition in given if condition)


def spread(name: str, values: tuple[T, ...], axes: int) -> tuple[T, ...]:
    """Return one value an axis of one for all, or of one each; none stays none."""
    if len(values) in (0, axes):
        return values
    if len(values) == 1:
        return values * axes
    raise ValueError(f"setting {name} names {len(values)} values for {axes} axes; name one, or one an axis")
