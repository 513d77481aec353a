"""Trials and sessions reach the kind `traces` from tables of trials and from arrays with three axes."""

import h5py
import numpy as np
import pytest
from sources import trace_files as files

from polyadic.core.errors import InputError
from polyadic.kinds import traces as kind
from polyadic.sources.trace_files.settings import TracesConfig
from polyadic.sources.traces import traces


def read(settings, *paths):
    return traces(settings, *paths)


def test_the_table_of_trials_of_an_nwb_file_numbers_the_frames(tmp_path):
    path = files.nwb(tmp_path / "a.nwb", files.values())
    with h5py.File(path, "a") as file:
        file["general/session_id"] = "day 3"
        del file["intervals/trials/start_time"], file["intervals/trials/stop_time"]
        file["intervals/trials/start_time"], file["intervals/trials/stop_time"] = [6.0, 10.0], [8.0, 12.0]
    found = read(TracesConfig(), path)
    # Frames of .5 s from 5 s on: the first trial begins 1 s after the first frame.
    assert kind.trials(found) == [(0, 0, 2, 6), (0, 1, 10, 14)]
    assert found["session"].to_numpy().tolist() == ["day 3"]


@pytest.mark.parametrize(
    ("orientation", "axes"),
    [("trial_neuron_time", (0, 1, 2)), ("neuron_time_trial", (1, 2, 0)), ("trial_time_neuron", (0, 2, 1))],
)
def test_arrays_with_three_axes_are_trials_one_behind_the_other(tmp_path, orientation, axes):
    values = np.random.default_rng(0).random((5, 3, 20))
    np.savez(tmp_path / "a.npz", dff=values.transpose(axes), rate=10.0)
    found = read(TracesConfig(orientation=orientation), tmp_path / "a.npz")
    assert [stop - start for *_, start, stop in kind.trials(found)] == [20] * 5
    np.testing.assert_allclose(found["fluorescence"][0, :, 40:60], values[2], rtol=1e-6)


def test_three_axes_without_their_order_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", dff=np.random.default_rng(0).random((5, 3, 20)), rate=10.0)
    with pytest.raises(InputError, match=r"three axes \(5, 3, 20\); set orientation: neuron_time_trial or"):
        read(TracesConfig(), tmp_path / "a.npz")


def test_trials_follow_their_frames_to_a_slower_clock(tmp_path):
    paths = [files.nwb(tmp_path / f"{n}.nwb", files.values(), subject=n, rate=r) for n, r in (("a", 2.0), ("b", 1.0))]
    found = read(TracesConfig(), *paths)
    lengths = [stop - start for *_, start, stop in kind.trials(found)]
    assert lengths == [3, 3]  # the frames at 10, 11 and 12 s of the clock of the file
