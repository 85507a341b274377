"""Threads of torch: how many there are, and items that are computed side by side."""

import threading

import pytest
import torch

from mead_manip.models.threads import side_by_side, threads


def test_a_number_of_threads_holds_until_the_end():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_items_are_found_in_their_order_each_on_one_thread(n_threads):
    with threads(n_threads):
        found = side_by_side(lambda item: (item, torch.get_num_threads()), list(range(7)))
        assert torch.get_num_threads() == n_threads
    assert found == [(item, 1) for item in range(7)]


def test_two_items_run_at_the_same_time():
    both = threading.Barrier(2, timeout=30)
    with threads(2):
        assert sorted(side_by_side(lambda _: both.wait(), [0, 1])) == [0, 1]


@pytest.mark.parametrize("learning", [True, False])
def test_gradients_are_kept_as_by_the_caller(learning):
    weight = torch.ones(3, requires_grad=True)
    with threads(2), torch.set_grad_enabled(learning):
        found = side_by_side(lambda item: (weight * item).sum(), [1, 2])
    assert [tensor.requires_grad for tensor in found] == [learning, learning]


def test_an_error_is_raised_and_the_number_of_threads_restored():
    with threads(2):
        with pytest.raises(ZeroDivisionError):
            side_by_side(lambda item: 1 / item, [1, 0])
        assert torch.get_num_threads() == 2
        # Threads that begin now take torch's number, too.
        later = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [2]


def test_no_items_are_nothing_found():
    assert side_by_side(str, []) == []
