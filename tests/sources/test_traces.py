"""Traces of every format become the same kind; several animals meet on one clock, neuron by neuron."""

import json

import h5py
import numpy as np
import pytest
import scipy.io
from sources import trace_files as make

from polyadic.core import config as configs
from polyadic.core.errors import InputError
from polyadic.sources.traces import TracesConfig, suggest, traces


def read(*paths, **settings):
    return traces(configs.build(TracesConfig, settings), *paths)


def test_nwb_by_rate(tmp_path):
    values = make.values()
    ds = read(make.nwb(tmp_path / "a.nwb", values))
    assert ds["animal"].to_numpy().tolist() == ["W1"]
    assert ds["neuron"].to_numpy().tolist() == [
        "AVAL",
        "AVAR",
        "RIML",
        "W1 ROI 1",
    ]  # the third row of the table, read backwards
    np.testing.assert_allclose(ds["fluorescence"].sel(neuron="AVAL")[0], 2 * values[3] + 1, rtol=1e-6)
    assert float(ds["sampling_rate"]) == make.RATE
    assert ds.attrs["signal_type"] == "dF/F"
    assert ds["event_label"].to_numpy().tolist() == ["trials: butanone"]
    assert (ds["event_start"].item(), ds["event_stop"].item()) == (
        5.0,
        7.5,
    )  # from the first frame, 5 s after the start
    assert ds["position"].sel(neuron="AVAR")[0].to_numpy().tolist() == [2.5, 7.0]


def test_nwb_series_are_listed_and_chosen(tmp_path):
    path = make.nwb(tmp_path / "a.nwb", make.values(), second=True)
    with pytest.raises(InputError, match=r"a\.nwb: found 2 ROI series .*DfOverF/Roi1.*choose one by series: NAME"):
        read(path)
    assert read(path, series="Fluorescence/Roi1").attrs["signal_type"] == "raw"


def test_suite2p_subtracts_the_neuropil_and_leaves_out_what_is_no_cell(tmp_path):
    values = make.values()
    folder = make.suite2p(tmp_path / "s", values)
    ds = read(folder, sampling_rate=10)
    assert ds["neuron"].to_numpy().tolist() == ["ROI 0", "ROI 2", "ROI 3"]
    np.testing.assert_allclose(ds["fluorescence"][0, 0], values[0] - 0.7 * values[3], rtol=1e-5, atol=1e-6)
    spikes = read(folder, sampling_rate=10, series="spks", only_cells=False)
    assert spikes.attrs["signal_type"] == "spikes"
    np.testing.assert_allclose(spikes["fluorescence"][0], values**2)


def test_a_pickle_is_read_on_request_only(tmp_path):
    folder = make.suite2p(tmp_path / "s", make.values())
    with pytest.raises(InputError, match="there is no frame rate; set sampling_rate: HZ"):
        read(folder)
    assert float(read(folder, trust_pickles=True)["sampling_rate"]) == 15
    plane = folder / "suite2p/plane0"
    (plane / "F.npy").write_bytes((plane / "ops.npy").read_bytes())
    with pytest.raises(InputError, match=r"F\.npy: not a readable array of numbers .*save it again from suite2p"):
        read(folder, trust_pickles=True)


def test_caiman_takes_dff_where_it_was_computed_and_the_kept_components(tmp_path):
    values = make.values()
    ds = read(make.caiman(tmp_path / "a.hdf5", values))
    np.testing.assert_allclose(ds["fluorescence"][0], values[[0, 2]], rtol=1e-6)
    assert float(ds["sampling_rate"]) == 30
    ds = read(make.caiman(tmp_path / "b.hdf5", values, dff=True), only_cells=False)
    assert ds.attrs["signal_type"] == "dF/F"
    np.testing.assert_allclose(ds["fluorescence"][0], values - 1, rtol=1e-5, atol=1e-6)


def arrays(path, values, **more):
    held = {"traces": values, "names": np.array(["AVAL", "AVAR", "RIML", "SMDV"]), "fs": np.array(5.0), **more}
    if path.suffix == ".npz":
        np.savez(path, **held)
    elif path.name.startswith("v5"):
        scipy.io.savemat(path, {**held, "names": np.array(held["names"].tolist(), object)})
    else:
        with h5py.File(path, "w", userblock_size=512 if path.suffix == ".mat" else 0) as file:
            for name, array in held.items():
                stored = np.array(array.tolist(), object) if array.dtype.kind == "U" else array
                file[name] = stored.T if path.suffix == ".mat" else stored
    return path


@pytest.mark.parametrize("name", ["a.npz", "v5.mat", "v73.mat", "a.h5"])
@pytest.mark.parametrize("turned", [False, True])
def test_named_arrays_of_every_container_are_the_same_data(tmp_path, name, turned):
    values = make.values()
    path = arrays(tmp_path / name, values.T if turned else values, events=np.array([[1, 5], [11, 21]]))
    settings = {"series": "traces", "events": {"turn": "events"}, "event_unit": "frame1", "names": "names"}
    ds = read(path, **settings)
    np.testing.assert_allclose(ds["fluorescence"].sel(neuron=["AVAL", "AVAR", "RIML", "SMDV"])[0], values)
    assert float(ds["sampling_rate"]) == 5
    np.testing.assert_allclose(ds["event_start"], [0.0, 2.0])
    np.testing.assert_allclose(ds["event_stop"], [0.8, 4.0])


def worms(path, *animals):
    with h5py.File(path, "w") as file:
        for name, values, names, time in animals:
            group = file.create_group(f"animals/{name}")
            group["F"], group["neuron_name"], group["time_s"] = values, np.array(names, object), time
            group["behavior/velocity"] = np.arange(values.shape[1], dtype=float)
    return path


def test_groups_of_an_hdf5_file_are_animals_aligned_by_name(tmp_path):
    time = np.arange(30) * 0.6
    path = worms(
        tmp_path / "w.h5",
        ("w1", make.values(4, 30), ["AVAL", "", "RIML", "RIML"], time),
        ("w2", make.values(3, 30, 1), ["RIML", "AVAL", "SMDV"], time * 1.001),
    )
    settings = {
        "groups": "animals/*",
        "series": "F",
        "names": "neuron_name",
        "behaviour": {"velocity": "behavior/velocity"},
    }
    ds = read(path, **settings)
    assert ds["neuron"].to_numpy().tolist() == ["AVAL", "RIML", "SMDV", "w1 ROI 1"]
    assert ds["observed"].to_numpy().tolist() == [[True, True, False, True], [True, True, True, False]]
    np.testing.assert_allclose(ds["fluorescence"][1, 0], make.values(3, 30, 1)[1])
    assert json.loads(ds.attrs["dropped"]) == {"duplicate of RIML in w1": 1}
    assert ds["behaviour_velocity"].shape == (2, 30)
    assert read(path, **settings, minimum_animals=2)["neuron"].to_numpy().tolist() == ["AVAL", "RIML"]
    with pytest.raises(InputError, match="two ROIs are named 'RIML'; rename one, or set duplicates: first"):
        read(path, **settings, duplicates="error")


def csv(path, values, names, time=None):
    columns = ([time] if time is not None else []) + list(values)
    rows = [",".join("" if np.isnan(v) else repr(float(v)) for v in row) for row in np.transpose(columns)]
    path.write_text("\n".join([",".join((["time"] if time is not None else []) + list(names)), *rows]) + "\n")
    return path


def test_constant_and_empty_rois_are_left_out_and_gaps_stay_missing(tmp_path):
    values = make.values().astype(float)
    values[1], values[2], values[3, 5:9] = 3.0, np.nan, np.nan
    ds = read(csv(tmp_path / "a.csv", values, "ABCD"), sampling_rate=4)
    assert ds["neuron"].to_numpy().tolist() == ["A", "D"]
    assert json.loads(ds.attrs["dropped"]) == {"ROI without a value": 1, "constant ROI": 1}
    np.testing.assert_allclose(ds["fluorescence"][0, 1], values[3], rtol=1e-6)


def test_unequal_clocks_meet_at_the_slowest_by_linear_interpolation(tmp_path):
    slow, fast = np.arange(21) / 2, np.arange(31) / 3
    one = csv(tmp_path / "one.csv", [np.sin(slow), np.cos(slow)], "AB", slow + 7)
    two = csv(tmp_path / "two.csv", [np.sin(fast), np.cos(fast)], "AB", fast)
    ds = read(one, two)
    assert float(ds["sampling_rate"]) == pytest.approx(2)
    np.testing.assert_allclose(ds["fluorescence"][0, 0], np.sin(slow), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ds["fluorescence"][1, 0], np.interp(slow, fast, np.sin(fast)), rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match=r"the clocks are unequal \(one 2 Hz, two 3 Hz\); set resample: true"):
        read(one, two, resample=False)


def test_a_gap_in_the_clock_is_missing_and_not_bridged(tmp_path):
    time = np.r_[np.arange(10), np.arange(15, 25)].astype(float)
    ds = read(csv(tmp_path / "a.csv", [time, time**2], "AB", time))
    found = ds["fluorescence"][0, 0].to_numpy()
    np.testing.assert_array_equal(np.isnan(found), [*[False] * 10, *[True] * 5, *[False] * 10])
    np.testing.assert_allclose(found[~np.isnan(found)], time)


def test_a_missing_frame_does_not_spread_to_frames_that_are_met_exactly(tmp_path):
    time = np.r_[np.arange(10), np.arange(15, 25)].astype(float)
    values = np.stack([time, time**2])
    values[0, 4] = np.nan
    found = read(csv(tmp_path / "a.csv", values, "AB", time))["fluorescence"][0, 0].to_numpy()
    assert np.isfinite(found[[3, 5]]).all()
    assert np.isnan(found[4])


def test_a_registration_table_names_the_rois_of_every_animal(tmp_path):
    for name in ("m1", "m2"):
        make.suite2p(tmp_path / name, make.values(seed=int(name[1])))
    table = tmp_path / "cells.csv"
    table.write_text("animal,roi,neuron\nm1,0,c1\nm1,2,c2\nm2,3,c1\n")
    ds = read(
        tmp_path / "m1",
        tmp_path / "m2",
        table,
        registration="cells.csv",
        sampling_rate=10,
        animals=["m1", "m2"],
        neuropil=0,
    )
    assert ds["neuron"].to_numpy().tolist() == ["c1", "c2", "m1 ROI 3", "m2 ROI 0", "m2 ROI 2"]
    np.testing.assert_allclose(ds["fluorescence"].sel(neuron="c1", animal="m2"), make.values(seed=2)[3])
    with pytest.raises(InputError, match=r"cells\.csv: names the animals m1, m2, the files hold a, b; write the same"):
        read(tmp_path / "m1", tmp_path / "m2", table, registration="cells.csv", sampling_rate=10, animals=["a", "b"])


def test_animals_without_names_are_aligned_only_on_request(tmp_path):
    paths = [make.suite2p(tmp_path / name, make.values(seed=i)) for i, name in enumerate("ab")]
    with pytest.raises(
        InputError, match="nothing says which neurons of 2 animals are the same; set names or registration"
    ):
        read(*paths, sampling_rate=10)
    assert read(*paths, sampling_rate=10, align="index").sizes["neuron"] == 3
    apart = read(*paths, sampling_rate=10, align="none")
    assert apart["animal"].to_numpy().tolist() == ["a", "b"]
    assert apart["observed"].to_numpy().sum(axis=1).tolist() == [3, 3]
    assert apart.sizes["neuron"] == 6


def test_settings_are_suggested_where_the_format_is_known(tmp_path):
    assert suggest([make.nwb(tmp_path / "a.nwb", make.values())]) == {"format": "nwb"}
    assert suggest([make.suite2p(tmp_path / "s", make.values())]) == {"format": "suite2p"}
    with pytest.raises(InputError, match="there is no such file"):
        suggest([tmp_path / "none.nwb"])


def broken(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("build", "settings", "sentence"),
    [
        (lambda p: make.nwb(p / "a.nwb", make.values(), rate=None), {}, r"a\.nwb: there is no frame rate"),
        (lambda p: make.nwb(p / "a.nwb", make.values()), {"names": "ID_label"}, "did you mean 'ID_labels'"),
        (lambda p: make.nwb(p / "a.nwb", make.values(), timestamps=[*range(39), 3]), {}, "not ascend at frame 39"),
        (lambda p: make.nwb(p / "a.nwb", make.values(3)), {}, "names has 4 entries, the traces are 3 ROIs x 40 frames"),
        (lambda p: broken(p / "a.nwb", b"text"), {}, r"a\.nwb: not a readable HDF5 file .*get it again"),
        (lambda p: broken(p / "a.nwb", b""), {}, "the file is empty; get it again"),
        (lambda p: make.suite2p(p / "s", make.values()), {"series": "dff"}, "series is 'dff', accepted are F"),
        (lambda p: make.caiman(p / "a.hdf5", make.values()), {"series": "F_dff"}, "hold no traces F_dff, found C"),
        (lambda p: make.caiman(p / "a.hdf5", make.values(), rate=False), {}, "there is no frame rate"),
        (lambda p: make.caiman(p / "a.hdf5", make.values(2)), {}, "idx_components reaches 2, C has 2 components"),
        (lambda p: arrays(p / "a.npz", make.values(), other=make.values()), {}, "found 2 arrays that may be"),
        (lambda p: arrays(p / "a.npz", make.values(3)), {}, r"shape \(3, 40\) fits neither 4 names nor None times"),
        (lambda p: arrays(p / "a.npz", make.values()), {"events": {"a": "evnts"}}, "setting events names 'evnts'"),
        (lambda p: arrays(p / "a.h5", make.values()), {"groups": "animals/*"}, "no group matches 'animals/.'"),
        (lambda p: broken(p / "a.mat", b"MATLAB 5.0 MAT-file" + b" " * 200), {}, r"a\.mat: not a readable matlab file"),
        (lambda p: broken(p / "a.csv", b"A,B\n1,2\n1,x\n"), {}, r"a\.csv, column 'B', row 2: 'x' is no number"),
        (lambda p: broken(p / "a.csv", b"1,2\n3,4\n"), {}, "first line holds numbers .1, 2.; put the"),
        (lambda p: broken(p / "a.csv", b"A,B\n1,2\n1,2\n"), {}, "all 2 ROIs are constant or empty; check series"),
        (lambda p: broken(p / "a.csv", b"A,B\n1,2\n2,3\n"), {"time": "C"}, "setting time names column 'C'"),
        (lambda p: broken(p / "a.tif", b"II*\0"), {}, r"extension \.tif is not read; accepted are NWB 2"),
        (lambda p: p, {}, r"the folder holds no F\.npy of suite2p; accepted are NWB"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(tmp_path, build, settings, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        read(build(tmp_path), **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sampling_rate": 0}, "sampling_rate must be above 0 Hz, found 0"),
        ({"neuropil": 2}, r"neuropil must lie in \[0, 1\], found 2"),
        ({"minimum_animals": 0}, "minimum_animals must be at least 1"),
    ],
)
def test_settings_out_of_range(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        configs.build(TracesConfig, settings)
