"""Affinities made chunk by chunk against dense twins; equal bytes however the chunks are computed."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import polyadic
from polyadic.kernels import affinity, dynamic_affinity

FIRST, SECOND = np.triu_indices(6, 1)


def traces(seed=0, animals=2, neurons=6, frames=240):
    return np.random.default_rng(seed).random((animals, neurons, frames)).cumsum(axis=-1)


@pytest.mark.parametrize("kernel", ["rises", "changes", "product", "gaussian", "correlation"])
def test_binned_affinities_match_their_formula(kernel):
    one = affinity.KERNELS[kernel]
    parts = [p[0] for p in affinity.signals(traces(), 10.0, one, 6.0)]
    found = affinity.binned(parts, one.operation, 1, 3, 5)
    a, b = ([p[5:20, index].astype(float) for p in parts] for index in (FIRST, SECOND))
    formula = {
        "min": np.minimum,
        "product": np.multiply,
        "root": np.multiply,
        "gaussian": lambda x, y: np.exp(-((x - y) ** 2) / 2),
    }[one.operation]
    dense = sum(formula(x, y) for x, y in zip(a, b, strict=True)).reshape(3, 5, -1).mean(axis=1)
    np.testing.assert_allclose(found, np.maximum(dense, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("per_animal", [True, False])
def test_chunks_and_their_margins_change_nothing(per_animal, monkeypatch):
    values = traces(frames=900)
    rows = dynamic_affinity.affinity_rows(values, 10.0, kernel="rises", smoothing=1.0, per_animal=per_animal)
    with monkeypatch.context() as patch:
        patch.setattr(dynamic_affinity, "_CHUNKS", 1)
        whole = rows.stored().matrix
    monkeypatch.setattr(dynamic_affinity, "_PIECE", 1)
    assert len(rows.chunks) > 3
    assert len(list(rows.pieces(rows.chunks[0]))) > 3
    np.testing.assert_allclose(rows.stored().matrix, whole, rtol=1e-5)


@pytest.mark.parametrize("kernel", ["rises", "changes", "correlation"])
def test_ends_of_a_recording_are_as_quiet_as_its_middle(kernel):
    """Of white noise the affinities have the same mean and spread at the ends, with the background and without."""
    white = np.random.default_rng(0).standard_normal((40, 12, 300))
    for background in (True, False):
        rows = dynamic_affinity.affinity_rows(
            white, 10.0, kernel=kernel, smoothing=1.0, per_animal=False, background=background
        )
        values = rows.stored().matrix
        ends, middle = np.concatenate([values[:4], values[-4:]]), values[20:-20]
        assert ends.mean() == pytest.approx(middle.mean(), rel=0.03)
        assert ends.std() == pytest.approx(middle.std(), rel=0.05)


def test_frames_are_those_in_the_middle_of_the_bins():
    """A burst of all neurons in one frame is the greatest row of the bin that holds the frame."""
    values = np.zeros((1, 4, 300))
    values[:, :, 203:] = 1
    values += 0.01 * np.random.default_rng(0).standard_normal(values.shape)
    rows = dynamic_affinity.affinity_rows(
        values, 10.0, kernel="rises", smoothing=1.0, per_animal=False, background=False
    )
    row = int(rows.stored().matrix.sum(axis=1).argmax())
    assert abs(rows.frames[row] - 203) <= rows.width / 2 + 1


def test_streamed_and_stored_give_the_same_model_and_threads_the_same_bytes(monkeypatch):
    rows = dynamic_affinity.affinity_rows(traces(), 10.0, kernel="rises", smoothing=1.0, per_animal=False)
    settings = {"tolerance": 1e-4, "max_iterations": 20}

    def model(mapper=map):
        begun = dynamic_affinity.starting_points(rows, 2, starts=2, seed=0)
        return dynamic_affinity.decompose(rows, begun, **settings, mapper=mapper)[0]

    stored = model()
    monkeypatch.setattr(dynamic_affinity, "_STORED", 0)
    monkeypatch.setattr(dynamic_affinity, "_PIECE", 1)
    streamed = model()
    np.testing.assert_allclose(streamed.relative_error[-1], stored.relative_error[-1], rtol=1e-3)
    with ThreadPoolExecutor(2) as pool:
        parallel = model(pool.map)
    for a, b in zip(streamed.factors, parallel.factors, strict=True):
        assert a.tobytes() == b.tobytes()


def test_a_missing_neuron_is_missing_and_not_zero():
    """The values of a neuron in the other animal must not be pulled down by the animal that lacks it."""
    values = np.repeat(traces(animals=1), 2, axis=0)
    holed = values.copy()
    holed[1, 3] = np.nan
    settings = {"background": False, "starts": 1, "tolerance": 1e-9}  # the mean over fewer pairs is another one
    full, part = (polyadic.dynamic_affinity_cp(v, 1, 10.0, **settings) for v in (values, holed))
    np.testing.assert_allclose(part.factors[2], full.factors[2], rtol=2e-2, atol=2e-3)


def test_pairs_that_no_animal_has_are_zero():
    values = traces()
    values[:, 2] = np.nan
    found = polyadic.dynamic_affinity_cp(values, 2, 10.0, starts=1)
    lacking = (FIRST == 2) | (SECOND == 2)
    assert (found.factors[2][lacking] == 0).all()
    assert (found.factors[2][~lacking].max(axis=1) > 0).all()


def test_per_animal_courses_have_unit_norm_in_each_animal():
    found = polyadic.dynamic_affinity_cp(traces(), 2, 10.0, alignment="per_animal", starts=1)
    assert found.factors[0].shape == (2, found.frames.size, 2)
    np.testing.assert_allclose(np.linalg.norm(found.factors[0], axis=1), 1)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kernel": "rise"}, "did you mean 'rises'"),
        ({"alignment": "none"}, "alignment must be"),
        ({"smoothing": 1e3}, "too long"),
        ({"rank": 0}, "rank must be positive"),
    ],
)
def test_bad_settings_are_named(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        polyadic.dynamic_affinity_cp(traces(), **{"rank": 2, "sampling_rate": 10.0, **settings})


@pytest.mark.parametrize("per_animal", [True, False])
def test_the_background_is_the_mean_over_the_pairs_that_an_animal_has(per_animal):
    values = traces()
    values[1, 3] = np.nan
    with_it, without = (
        dynamic_affinity.affinity_rows(
            values, 10.0, kernel="rises", smoothing=1.0, per_animal=per_animal, background=taken
        )
        .stored()
        .matrix.reshape(-1, 15)  # every row one animal at one moment
        for taken in (False, True)
    )
    lacking = ((FIRST == 3) | (SECOND == 3))[None] & (
        np.arange(len(without)) >= len(without) // 2 if per_animal else np.arange(len(without)) % 2 == 1
    )[:, None]
    seen = np.where(lacking, np.nan, with_it.astype(float))
    dense = np.nan_to_num(np.maximum(seen - np.nanmean(seen, axis=1, keepdims=True), 0))
    np.testing.assert_allclose(without, dense, atol=1e-6)
