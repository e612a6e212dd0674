"""Every mechanism: it survives its spec, and refuses reports that no phone sends."""

import numpy as np
import pytest

from ldp_core.errors import ParameterError, ReportError
from ldp_core.mechanisms import create, list_mechanisms
from ldp_core.wire import CollectionSpec
from tests.conformance.cases import build, every_case


@every_case
def test_a_collection_spec_rebuilds_the_mechanism(case: tuple) -> None:
    mechanism = build(case)
    assert mechanism.fits_collections
    spec = CollectionSpec(collection="c", version=1, question="?", mechanism=mechanism)
    again = CollectionSpec.parse(spec.canonical, digest=spec.digest).mechanism
    assert (again.name, again.epsilon, again.threshold) == (mechanism.name, mechanism.epsilon, mechanism.threshold)
    assert dict(again.parameters) == dict(mechanism.parameters)
    assert (again.report_space, again.likelihood_ratio) == (mechanism.report_space, mechanism.likelihood_ratio)


@pytest.mark.parametrize("name", list_mechanisms())
def test_chosen_parameters_are_enough_to_rebuild_it(name: str) -> None:
    chosen = create(name, epsilon="2", domain_size=30)
    again = create(name, epsilon="2", domain_size=30, **chosen.parameters)
    assert (again.report_space, again.threshold) == (chosen.report_space, chosen.threshold)
    assert again.report_bits == (again.report_space - 1).bit_length()


@pytest.mark.parametrize("name", list_mechanisms())
def test_unknown_parameters_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="takes"):
        create(name, epsilon="1", domain_size=8, colour=3)
    with pytest.raises(ParameterError, match="at least 2"):
        create(name, epsilon="1", domain_size=1)
    with pytest.raises(ParameterError, match="must be positive"):
        create(name, epsilon="0", domain_size=8)


@every_case
def test_reports_outside_are_refused_whole(case: tuple) -> None:
    mechanism = build(case)
    for stranger in (-1, mechanism.report_space):
        with pytest.raises(ReportError, match="position 1"):
            mechanism.tally([0, stranger])
    with pytest.raises(ReportError):
        mechanism.tally([0.5])
    with pytest.raises(ReportError):
        mechanism.tally(np.zeros((2, 2), dtype=np.int64))


@pytest.mark.parametrize(
    ("name", "k"), [("optimized_unary_encoding", 20_000), ("optimized_local_hashing", 50), ("subset_selection", 60)]
)
def test_mechanisms_of_longer_reports_make_no_collection(name: str, k: int) -> None:
    mechanism = create(name, epsilon="1", domain_size=k)
    assert not mechanism.fits_collections
    with pytest.raises(ParameterError, match="must fit 32 bits"):
        CollectionSpec(collection="c", version=1, question="?", mechanism=mechanism)
