"""Miniature files in the true layouts of the formats of traces."""

import h5py
import numpy as np

RATE = 2.0


def values(rois=4, frames=40, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(0.5, size=(rois, frames)).astype(np.float32)


def typed(group, name, kind, **attributes):
    made = group.require_group(name)
    made.attrs.update({"neurodata_type": kind, "namespace": "core", **attributes})
    return made


def nwb(path, traces, *, subject="W1", names=("AVAL", "AVAR", "", "RIML"), rate=RATE, timestamps=None, second=False):
    """Write what pynwb writes of a dF/F series, its ROIs, a table of trials and a subject."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"neurodata_type": "NWBFile", "nwb_version": "2.7.0", "namespace": "core"})
        file["general/subject/subject_id"] = subject
        ophys = typed(file, "processing/ophys", "ProcessingModule")
        plane = typed(typed(ophys, "ImageSegmentation", "ImageSegmentation"), "plane", "PlaneSegmentation")
        plane["ID_labels"] = np.array([*names], object)
        plane["id"] = np.arange(len(names))
        mask = np.zeros(2 * len(names), [("x", "<u4"), ("y", "<u4"), ("weight", "<f4")])
        mask["x"], mask["y"] = np.arange(mask.size), 7
        plane["pixel_mask"], plane["pixel_mask_index"] = mask, 2 + 2 * np.arange(len(names), dtype=np.uint8)
        for holder in ("DfOverF", "Fluorescence")[: 1 + second]:
            series = typed(typed(ophys, holder, holder), "Roi1", "RoiResponseSeries")
            data = series.create_dataset("data", data=traces.T)
            data.attrs.update({"conversion": 2.0, "offset": 1.0, "unit": "n.a."})
            rois = series.create_dataset("rois", data=np.arange(len(names))[::-1])
            rois.attrs["table"] = plane.ref
            if timestamps is not None:
                series["timestamps"] = timestamps
            elif rate:
                series["starting_time"] = 5.0
                series["starting_time"].attrs["rate"] = rate
        trials = typed(file, "intervals/trials", "TimeIntervals")
        trials["start_time"], trials["stop_time"], trials["odour"] = [10.0], [12.5], np.array(["butanone"], object)
    return path


def suite2p(folder, traces):
    """Write the arrays that suite2p saves for a plane; the second ROI is no cell."""
    plane = folder / "suite2p" / "plane0"
    plane.mkdir(parents=True)
    cells = np.ones((len(traces), 2), np.float32)
    cells[1, 0] = 0
    for name, array in (("F", traces), ("Fneu", traces[::-1]), ("spks", traces**2), ("iscell", cells)):
        np.save(plane / f"{name}.npy", array)
    np.save(plane / "ops.npy", np.array({"fs": 15.0}, object), allow_pickle=True)
    return folder


def caiman(path, traces, dff=False, rate=True):
    """Write the parts of a CaImAn result that hold traces; what is None is the text NoneType."""
    with h5py.File(path, "w") as file:
        file["estimates/C"] = traces.astype(np.float64)
        file["estimates/F_dff"] = traces - 1 if dff else "NoneType"
        file["estimates/idx_components"] = np.array([0, 2])
        if rate:
            file["params/data/fr"] = 30.0
    return path
