"""Populations: their laws, and that the real ones are what they say."""

import numpy as np
import pytest
import wordfreq
from hypothesis import given
from hypothesis import strategies as st

from client.simulation import POPULATIONS, Population, by_name, emoji, uniform, words, zipf
from ldp_core.errors import DomainError


@pytest.mark.parametrize("name", POPULATIONS)
def test_items_differ_and_probabilities_sum_to_one(name: str) -> None:
    population = by_name(name, 500)
    assert len(population) == len(set(population.items)) == 500
    assert population.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert np.all(np.diff(population.probabilities) <= 0)


@pytest.mark.thorough
def test_words_have_the_relative_frequencies_of_wordfreq() -> None:
    population = words(2_000)
    for first, second in (("the", "people"), ("of", "water"), ("and", "music")):
        i, j = population.items.index(first), population.items.index(second)
        assert population.probabilities[i] / population.probabilities[j] == pytest.approx(
            wordfreq.word_frequency(first, "en") / wordfreq.word_frequency(second, "en"),
            rel=0.005,  # it rounds to three digits
        )
    assert len(words()) == 20_000


def test_emoji_are_emoji() -> None:
    population = emoji()
    assert {"😂", "🙂", "❤️", "🔥", "👍🏽"} <= set(population.items)
    assert not {"♪", "★", "█", "™", "©", "café", "0", "🇺"} & set(population.items)
    assert len(population) > 500


def test_zipf_and_uniform_by_their_formula() -> None:
    assert zipf(3, 2).probabilities == pytest.approx(np.array([36, 9, 4]) / 49)
    assert uniform(4).probabilities == pytest.approx([0.25] * 4)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=8).filter(any), st.permutations(list("abcdefgh")))
def test_asking_for_other_items_keeps_the_ratios(weights: list[float], asked: list[str]) -> None:
    people = Population.of_weights(list("abcdefgh")[: len(weights)], np.array(weights))
    over = people.over([*asked, "unknown"])
    assert over.probabilities[-1] == 0
    for item, share in zip(people.items, people.probabilities, strict=True):
        assert over.probabilities[over.items.index(item)] == pytest.approx(share)


def test_a_sample_follows_the_probabilities() -> None:
    population, n = zipf(8), 200_000
    counts = np.bincount(population.sample(n, np.random.default_rng(5)), minlength=8)
    spread = np.sqrt(n * population.probabilities * (1 - population.probabilities))
    assert np.all(np.abs(counts - n * population.probabilities) < 6 * spread)  # 6 sigma, 8 items: < 2e-8


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Population(("a",), np.ones(1)), "at least 2 items"),
        (lambda: Population(("a", "b"), np.array([0.5, 0.4])), "sum to 1"),
        (lambda: Population(("a", "b"), np.array([1.5, -0.5])), "not be negative"),
        (lambda: Population.of_weights(["a", "b"], np.zeros(2)), "positive sum"),
        (lambda: by_name("names"), "must be one of words"),
        (lambda: words(10**7), "must lie in 2"),
        (lambda: uniform(1), "at least 2 items"),
        (lambda: zipf(3).over(["x", "y"]), "none of the collection's items"),
    ],
)
def test_what_is_no_population(build: object, says: str) -> None:
    with pytest.raises(DomainError, match=says):
        build()  # type: ignore[operator]
