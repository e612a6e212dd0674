"""Every design: its numbers, its bijections, its pair intersections, by listing everything."""

import numpy as np
import pytest

from ldp_core.designs.affine_hash import AffineHashDesign
from ldp_core.designs.base import BlockDesign
from ldp_core.designs.blocked import BlockedDesign
from ldp_core.designs.complete import CompleteDesign
from ldp_core.designs.hadamard import HadamardDesign
from ldp_core.designs.projective import ProjectiveDesign
from ldp_core.designs.singleton import SingletonDesign
from ldp_core.designs.spread import SpreadDesign
from ldp_core.errors import ParameterError

DESIGNS: list[BlockDesign] = [
    ProjectiveDesign(2, 4),
    ProjectiveDesign(4, 2),
    ProjectiveDesign(9, 3),
    SingletonDesign(2),
    SingletonDesign(9),
    CompleteDesign(7, 3),
    CompleteDesign(4, 1),
    CompleteDesign(6, 5),
    HadamardDesign(4),
    HadamardDesign(32),
    BlockedDesign(1, HadamardDesign(8)),
    BlockedDesign(4, HadamardDesign(8)),
    BlockedDesign(3, ProjectiveDesign(3, 3)),
    SpreadDesign(2, 4, 2),
    SpreadDesign(2, 5, 2),
    SpreadDesign(2, 7, 3),
    SpreadDesign(2, 5, 5),
    SpreadDesign(2, 3, 1),
    SpreadDesign(3, 4, 2),
    SpreadDesign(3, 3, 2),
    SpreadDesign(5, 3, 2),
    SpreadDesign(7, 2, 1),
    SpreadDesign(2, 5, 2, 3),
    SpreadDesign(2, 5, 3, 3),
    SpreadDesign(3, 3, 1, 2),
    AffineHashDesign(5, 2, 7),
    AffineHashDesign(11, 4, 11),
]

every_design = pytest.mark.parametrize("design", DESIGNS, ids=repr)


def multiplicities(messages: np.ndarray, design: BlockDesign) -> np.ndarray:
    return np.bincount(messages, minlength=design.size)


def some_items(design: BlockDesign) -> list[int]:
    return sorted({0, 1, design.item_count // 2, design.item_count - 1})


@every_design
def test_choices_split_into_supporting_messages_and_the_others(design: BlockDesign) -> None:
    weights = None
    for item in some_items(design):
        inside = np.arange(design.block_size)
        outside = np.arange(design.choices - design.block_size)
        members = design.members(np.full(len(inside), item), inside)
        others = design.non_members(np.full(len(outside), item), outside)
        assert set(members.tolist()) == set(design.block(item).tolist())
        assert not set(members.tolist()) & set(others.tolist())
        here = multiplicities(np.concatenate([members, others]), design)
        assert here.sum() == design.choices
        assert here.min() >= 1
        # a message stands for equally many choices whatever the item is
        assert weights is None or np.array_equal(here, weights)
        weights = here


@every_design
def test_scalar_and_plural_methods_agree(design: BlockDesign) -> None:
    rng = np.random.default_rng(50)
    items = rng.integers(0, design.item_count, 300)
    inside = rng.integers(0, design.block_size, 300)
    outside = rng.integers(0, design.choices - design.block_size, 300)
    members, others = design.members(items, inside), design.non_members(items, outside)
    assert [design.member(int(x), int(i)) for x, i in zip(items, inside, strict=True)] == members.tolist()
    assert [design.non_member(int(x), int(i)) for x, i in zip(items, outside, strict=True)] == others.tolist()


@every_design
def test_pair_intersection(design: BlockDesign) -> None:
    choices = np.arange(design.block_size)
    for x in some_items(design):
        members = design.members(np.full(len(choices), x), choices)
        for y in range(min(design.item_count, 60)):
            common = int(design.supported(members, y).sum())
            apart = isinstance(design, BlockedDesign) and (x - y) % design.blocks
            assert common == (design.block_size if x == y else 0 if apart else design.pair_intersection)


@every_design
def test_fold_counts_supports(design: BlockDesign) -> None:
    rng = np.random.default_rng(51)
    messages = rng.integers(0, design.size, 200)
    counts = design.fold(messages)
    assert counts.shape == (design.cells,)
    assert np.array_equal(counts, design.fold(messages[:90]) + design.fold(messages[90:]))
    for item in some_items(design):
        assert np.array_equal(design.supported(messages, item), np.isin(messages, design.block(item)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CompleteDesign(5, 5), "some and not all"),
        (lambda: CompleteDesign(5, 0), "some and not all"),
        (lambda: CompleteDesign(4_000_000, 1_000_000), "more than 62 bits"),
        (lambda: CompleteDesign(70, 35), "more than 62 bits"),
        (lambda: HadamardDesign(6), "power of two"),
        (lambda: HadamardDesign(2), "power of two"),
        (lambda: SpreadDesign(4, 3, 1), "p must be prime"),
        (lambda: SpreadDesign(2, 3, 4), "c must lie in 1..n"),
        (lambda: SpreadDesign(2, 3, 0), "c must lie in 1..n"),
        (lambda: SpreadDesign(2, 40, 3), "2 to 2\\^32 items"),
        (lambda: SpreadDesign(2, 4, 1, 2), "some and not all"),
        (lambda: AffineHashDesign(5, 1, 7), "at least 2 symbols"),
        (lambda: AffineHashDesign(8, 2, 7), "prime of at least 8"),
        (lambda: AffineHashDesign(5, 2, 9), "must be a prime"),
        (lambda: AffineHashDesign(5, 2, (1 << 61) - 1), "2\\^62"),
    ],
)
def test_impossible_designs_are_refused(make, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()
