"""What tokens cost whose agent tells no price."""

import pytest

from orchestrator.config import Price
from orchestrator.prices import price_of, priced
from state.usage import Usage

PRICES = {
    "gpt-9": Price(input=10, cached=1, output=100),
    "gpt-*": Price(input=1, output=2),
    "gpt-9-mini*": Price(input=3, output=4),
}
USED = Usage(tokens=1050, input_tokens=1000, cached_tokens=200, output_tokens=50, unpriced=1050)


def test_a_model_has_its_own_price_else_that_of_the_closest_pattern() -> None:
    assert price_of("gpt-9", PRICES) == PRICES["gpt-9"]
    assert price_of("gpt-9-mini-2026", PRICES) == PRICES["gpt-9-mini*"]
    assert price_of("gpt-8", PRICES) == PRICES["gpt-*"]
    assert price_of("another", PRICES) is None


def test_cached_tokens_have_a_price_of_their_own_where_one_is_given() -> None:
    assert priced(USED, "gpt-9", PRICES).dollars == pytest.approx((800 * 10 + 200 * 1 + 50 * 100) / 1e6)
    assert priced(USED, "gpt-8", PRICES).dollars == pytest.approx((1000 * 1 + 50 * 2) / 1e6)
    assert priced(USED, "gpt-9", PRICES).unpriced == 0


def test_an_unknown_price_stays_unknown() -> None:
    assert priced(USED, "another", PRICES) == USED
    assert priced(USED, "another", PRICES).unpriced == 1050


def test_what_the_agent_priced_itself_stays_as_it_is() -> None:
    told = Usage(tokens=1050, input_tokens=1000, output_tokens=50, dollars=0.5)
    assert priced(told, "gpt-9", PRICES) == told


def test_of_what_is_priced_in_part_the_rest_is_added() -> None:
    half = Usage(tokens=2000, input_tokens=2000, dollars=0.5, unpriced=1000)
    assert priced(half, "gpt-8", PRICES).dollars == pytest.approx(0.5 + 1000 * 1 / 1e6)
