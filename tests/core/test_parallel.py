"""Parallel maps keep the order, hold little, and fail where the failure was."""

import pytest

from polyadic.core import parallel
from polyadic.core.errors import InputError


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_results_come_in_the_order_of_the_items(monkeypatch, threads):
    monkeypatch.setenv("POLYADIC_THREADS", threads)
    assert list(parallel.ordered_map(lambda i: i * i, range(50))) == [i * i for i in range(50)]


def test_at_most_two_results_a_thread_are_made_ahead(monkeypatch):
    monkeypatch.setenv("POLYADIC_THREADS", "2")
    begun = []
    results = parallel.ordered_map(lambda i: begun.append(i) or i, range(1000))
    for _ in range(3):
        next(results)
    assert len(begun) <= 3 + 4
    results.close()


def test_a_failure_is_raised_in_its_place(monkeypatch):
    monkeypatch.setenv("POLYADIC_THREADS", "2")
    results = parallel.ordered_map(lambda i: 1 // (3 - i), range(10))
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("text", ["0", "-1", "two", ""])
def test_a_wrong_number_of_threads_is_named(monkeypatch, text):
    monkeypatch.setenv("POLYADIC_THREADS", text)
    with pytest.raises(InputError, match="POLYADIC_THREADS"):
        parallel.threads()


def test_a_shared_scheduler_gives_the_same_results(monkeypatch):
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster:
        monkeypatch.setenv("POLYADIC_SCHEDULER", cluster.scheduler_address)
        try:
            assert list(parallel.ordered_map(lambda i: i + 1, range(20))) == list(range(1, 21))
        finally:
            parallel._connect(cluster.scheduler_address).close()
            parallel._connect.cache_clear()


@pytest.mark.parametrize("address", ["no-such-scheduler-file.json", "slurm:many"])
def test_a_scheduler_that_cannot_be_reached_is_named(monkeypatch, address):
    monkeypatch.setenv("POLYADIC_SCHEDULER", address)
    with pytest.raises(InputError, match="POLYADIC_SCHEDULER"):
        list(parallel.ordered_map(abs, [1]))
