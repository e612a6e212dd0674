"""Channels against the exact law of the shipped randomizers, and fast products against dense ones."""

import numpy as np
import pytest

from ldp_core.errors import ParameterError
from ldp_core.mechanisms import channel as channels
from ldp_core.mechanisms import create
from ldp_core.mechanisms.channel import DesignChannel, MatrixChannel, counts_messages, message_channel
from ldp_core.privacy import output_law

TINY = [
    ("projective_geometry", 6, {"q": 2, "t": 3}),
    ("projective_geometry", 5, {"q": 5, "t": 2}),
    ("hybrid_projective_geometry", 12, {"h": 2, "q": 2, "t": 3}),
    ("hadamard_response", 9, {"blocks": 2}),
    ("randomized_response", 5, {}),
    ("spread", 8, {"p": 2, "n": 3, "c": 1}),
    ("spread", 15, {"p": 2, "n": 4, "c": 2}),
    ("spread", 9, {"p": 3, "n": 2, "c": 1}),
    ("subset_selection", 5, {"subset_size": 1}),
]
LARGE = [
    ("projective_geometry", 700, {"q": 3, "t": 7}),
    ("projective_geometry", 800, {"q": 809, "t": 2}),
    ("hybrid_projective_geometry", 700, {"h": 5, "q": 5, "t": 4}),
    ("hybrid_projective_geometry", 700, {"h": 99, "q": 7, "t": 2}),
    ("hadamard_response", 600, {}),
    ("randomized_response", 600, {}),
    ("spread", 500, {"p": 2, "n": 9, "c": 3}),
    ("spread", 650, {"p": 3, "n": 6, "c": 2}),
]


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize(("name", "k", "parameters"), TINY)
def test_columns_are_the_laws_of_the_shipped_randomizer(
    name: str, k: int, parameters: dict[str, int], dense: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_SMALL", 1 << 20 if dense else 0)
    mechanism = create(name, epsilon="1.5", domain_size=k, **parameters)
    channel = message_channel(mechanism)
    assert isinstance(channel, MatrixChannel if dense else DesignChannel)
    assert (channel.items, channel.messages) == (k, mechanism.report_space)
    for item in range(k):
        law = output_law(mechanism.randomize, item)
        expected = [float(law.get(message, 0)) for message in range(mechanism.report_space)]
        assert channel.forward(np.eye(k)[item]) == pytest.approx(expected, abs=1e-14)
        assert (channel.least <= np.array(expected) + 1e-14).all()
        assert (channel.largest >= np.array(expected) - 1e-14).all()


@pytest.mark.parametrize(("name", "k", "parameters"), LARGE)
def test_fast_products_are_the_dense_ones(
    name: str, k: int, parameters: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    mechanism = create(name, epsilon="2", domain_size=k, **parameters)
    fast = message_channel(mechanism)
    assert isinstance(fast, DesignChannel)
    monkeypatch.setattr(channels, "_SMALL", 1 << 30)
    dense = message_channel(mechanism)
    assert isinstance(dense, MatrixChannel)
    rng = np.random.default_rng(k)
    p, w = rng.random(k), rng.random(fast.messages)
    assert fast.forward(p) == pytest.approx(dense.forward(p), rel=1e-11)
    assert fast.adjoint(w) == pytest.approx(dense.adjoint(w), rel=1e-11)
    assert fast.adjoint_squared(w) == pytest.approx(dense.adjoint_squared(w), rel=1e-11)
    assert dense.matrix.sum(axis=0) == pytest.approx(np.ones(k))
    assert w @ fast.forward(p) == pytest.approx(p @ fast.adjoint(w))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("subset_selection", {"subset_size": 3}),
        ("optimized_unary_encoding", {}),
        ("optimized_local_hashing", {}),
        ("spread", {"p": 2, "n": 4, "c": 3, "m": 3}),
    ],
)
def test_tallies_that_do_not_count_messages_have_no_likelihood(name: str, parameters: dict[str, int]) -> None:
    mechanism = create(name, epsilon="1", domain_size=10, **parameters)
    assert not counts_messages(mechanism)
    with pytest.raises(ParameterError, match="no likelihood"):
        message_channel(mechanism)


def test_a_matrix_must_be_laws_in_columns() -> None:
    for bad in ([[0.5, 0.5]], [[1.5, 0.5], [-0.5, 0.5]], [[1.0], [0.0]], [0.5, 0.5]):
        with pytest.raises(ParameterError, match="channel"):
            MatrixChannel(np.array(bad))
