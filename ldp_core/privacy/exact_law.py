"""The exact output law of a randomizer, found by running its own code over every random choice.

The randomizer is handed a source whose draws are followed one by one. A short draw (an index) is tried value
by value. A long draw (the 64-bit coin) is an interval that answers only comparisons with integers; where
the answer depends on the number, both sides are followed, each with its exact share. Nothing about the
randomizer is assumed: an off-by-one threshold, a biased index or a draw that is refused too early shows in the
law, because it is the shipped code that runs.

A refused draw (rejection sampling) is one after which some values finish and others ask for as many bits
again. Then the law is the law of the values that finish, given that one did. That the code starts the draw afresh,
with nothing remembered, is checked by following one refused value through the whole draw again.
"""

from collections.abc import Callable
from fractions import Fraction

from ldp_core.errors import ParameterError
from ldp_core.randomness import RandomSource

__all__ = ["OutputLaw", "likelihood_ratio", "output_law"]

OutputLaw = dict[int, Fraction]
"""Message -> exact probability; messages that are never sent are absent."""

Randomizer = Callable[[int, RandomSource], int]

_TRIED_VALUE_BY_VALUE = 16
"""Draws of at most this many bits are tried value by value; longer ones are intervals."""


class _Asks(Exception):  # noqa: N818 - control flow, never seen outside
    """The run went past its path: it asks for `bits` more random bits."""

    def __init__(self, bits: int) -> None:
        self.bits = bits


class _Forks(Exception):  # noqa: N818 - control flow, never seen outside
    """The run went past its path: a comparison holds with exactly this probability."""

    def __init__(self, share_true: Fraction) -> None:
        self.share_true = share_true


class _Interval:
    """A uniform integer of which only low <= value < high is known. It answers comparisons, nothing else."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, source: "_PathSource", bits: int) -> None:
        self._source = source
        self._low, self._high = 0, 1 << bits

    def _below(self, cut: int) -> bool:
        if cut <= self._low:
            return False
        if cut >= self._high:
            return True
        if self._source.compare(cut - self._low, self._high - self._low):
            self._high = cut
            return True
        self._low = cut
        return False

    def __lt__(self, other: int) -> bool:
        return self._below(other)

    def __le__(self, other: int) -> bool:
        return self._below(other + 1)

    def __ge__(self, other: int) -> bool:
        return not self._below(other)

    def __gt__(self, other: int) -> bool:
        return not self._below(other + 1)


class _PathSource:
    """A source that replays the choices of one path and stops the run where the path ends."""

    def __init__(self, path: tuple[int, ...]) -> None:
        self._path = path
        self._depth = 0

    def _next(self) -> int | None:
        if self._depth == len(self._path):
            return None
        self._depth += 1
        return self._path[self._depth - 1]

    def bits(self, k: int, /) -> int:
        if k > _TRIED_VALUE_BY_VALUE:
            return _Interval(self, k)  # type: ignore[return-value]
        value = self._next()
        if value is None:
            raise _Asks(k)
        return value

    def compare(self, ways_true: int, ways: int) -> bool:
        answer = self._next()
        if answer is None:
            raise _Forks(Fraction(ways_true, ways))
        return bool(answer)


def output_law(randomize: Randomizer, item: int) -> OutputLaw:
    """The exact law of `randomize(item, source)` over all random choices.

    Cost: one run of the randomizer for each value of its index draw, so about 2N runs for N messages.
    Raises ParameterError for a randomizer whose draws do not follow the pattern described above.
    """
    return _law_after(randomize, item, ())


def _law_after(randomize: Randomizer, item: int, path: tuple[int, ...]) -> OutputLaw:
    """The law of the message given the choices of `path`."""
    try:
        return {randomize(item, _PathSource(path)): Fraction(1)}
    except _Forks as fork:
        return _mixed(
            (fork.share_true, _law_after(randomize, item, (*path, 1))),
            (1 - fork.share_true, _law_after(randomize, item, (*path, 0))),
        )
    except _Asks as ask:
        return _law_of_draw(randomize, item, path, ask.bits)


def _mixed(*parts: tuple[Fraction, OutputLaw]) -> OutputLaw:
    """The law that follows each part with its share."""
    law: OutputLaw = {}
    for share, part in parts:
        scaled = {inner: share * inner for inner in set(part.values())}  # few different values, many messages
        for message, inner in part.items():
            law[message] = law[message] + scaled[inner] if message in law else scaled[inner]
    return law


def _law_of_draw(randomize: Randomizer, item: int, path: tuple[int, ...], bits: int) -> OutputLaw:
    finished, refused = _tries(randomize, item, path, bits)
    if not finished:
        raise ParameterError("this randomizer makes two short draws in a row; its law is not enumerated here")
    if refused:
        again, _ = _tries(randomize, item, (*path, refused[0]), bits)
        if again != finished:
            raise ParameterError("after a refused draw this randomizer does not start that draw afresh")
    ways: dict[int, int] = {}
    for message in finished.values():
        ways[message] = ways.get(message, 0) + 1
    shares = {count: Fraction(count, len(finished)) for count in set(ways.values())}
    return {message: shares[count] for message, count in ways.items()}


def _tries(randomize: Randomizer, item: int, path: tuple[int, ...], bits: int) -> tuple[dict[int, int], list[int]]:
    """Every value of one draw: the message it leads to, or that it was refused."""
    finished: dict[int, int] = {}
    refused: list[int] = []
    for value in range(1 << bits):
        try:
            finished[value] = randomize(item, _PathSource((*path, value)))
        except _Asks as again:
            if again.bits != bits:
                raise ParameterError(
                    f"after a draw of {bits} bits this randomizer draws {again.bits}; its law is not enumerated here"
                ) from None
            refused.append(value)
    return finished, refused


def likelihood_ratio(laws: list[OutputLaw]) -> Fraction:
    """The largest P(message | x) / P(message | x') over all pairs of items and all messages.

    laws: one output law for each item. Raises ParameterError when some item never sends a message that
    another one sends: then the loss is infinite and no ratio exists.
    """
    largest: OutputLaw = {}
    smallest: OutputLaw = {}
    for law in laws:
        for message, share in law.items():
            largest[message] = max(share, largest.get(message, share))
            smallest[message] = min(share, smallest.get(message, share))
    for message in largest:
        if any(message not in law for law in laws):
            raise ParameterError(
                f"message {message} is sent for some items and never for others: infinite privacy loss"
            )
    return max(largest[message] / smallest[message] for message in largest)
