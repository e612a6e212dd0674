"""A design mechanism whose items live in blocks, with the estimator and the uneven noise that this brings."""

from functools import cached_property

from ldp_core.designs.blocked import BlockedDesign
from ldp_core.estimation.blocked import BlockedError, BlockedEstimate
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.mechanisms.tally import Tally

__all__ = ["BlockedMechanism"]


class BlockedMechanism(DesignMechanism):
    """The randomizer of any design; estimates also look at how many reports an item's block received.

    `rates` are those inside one block. The error of an item grows with the share of all phones in its block.
    """

    design: BlockedDesign

    @cached_property
    def error(self) -> BlockedError:
        """The exact error formulas, at the shipped likelihood ratio."""
        design = self.design
        return BlockedError(
            design.blocks, design.block_messages, design.block_size, design.pair_intersection, self.likelihood_ratio
        )

    def variance(self, n: int, frequency: float, block_share: float | None = None) -> float:
        """Variance of one estimate when its block holds this share of all phones; the worst case without it."""
        return self.error.variance(n, frequency, block_share)

    def total_squared_error(self) -> float:
        """n times the sum over the k items of Var(f_x), in the worst case over the data."""
        return self.error.total_squared_error(self.domain_size)

    def decode(self, tally: Tally, decoder: str | None = None) -> BlockedEstimate:
        """Unbiased frequencies of the k items, each with the noise of its own block.

        Raises ParameterError for an unknown decoder and TallyError for a tally of another mechanism or of no report.
        """
        chosen, support_counts = self.support_counts(tally, decoder)
        return BlockedEstimate.from_counts(
            support_counts,
            self.design.block_totals(tally.counts),
            n=tally.n,
            error=self.error,
            domain_size=self.domain_size,
            provenance=self._provenance(chosen),
        )
