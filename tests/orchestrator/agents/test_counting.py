"""Sums of tokens that are told in parts, and more than once."""

from orchestrator.agents.counting import MOST, REMEMBERED, Sum, total


def test_what_is_told_again_counts_once_and_what_is_told_better_counts_better() -> None:
    used = Sum()
    assert used.put("a", total(100, 0, 1))
    assert used.put("b", total(100, 50, 1))
    assert not used.put("a", total(100, 0, 1))
    assert used.put("a", total(100, 0, 30))
    assert (used.sum.input_tokens, used.sum.cached_tokens, used.sum.output_tokens) == (200, 50, 31)
    assert used.sum.unpriced == 231


def test_a_sum_does_not_grow_with_what_it_sums() -> None:
    used = Sum()
    for number in range(3 * REMEMBERED):
        used.put(str(number), total(1, 0, 1))
    assert used.sum.tokens == 6 * REMEMBERED
    assert not used.put(str(3 * REMEMBERED - 1), total(1, 0, 1))
    assert len(used._each) == REMEMBERED


def test_no_part_is_more_than_the_whole_and_nothing_is_less_than_nothing() -> None:
    found = total(10, 25, 5, 9)
    assert (found.tokens, found.cached_tokens, found.reasoning_tokens) == (15, 10, 5)
    found = total(-10, -1, -5, -9, -1.0)
    assert (found.tokens, found.cached_tokens, found.reasoning_tokens, found.dollars) == (0, 0, 0, 0.0)
    assert total(10**30, 0, 0).tokens == MOST


def test_a_price_of_nothing_is_none_known() -> None:
    assert (total(10, 0, 5, dollars=0.0).unpriced, total(10, 0, 5, dollars=0.01).unpriced) == (15, 0)
