"""The list of answers that a collection asks about."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from ldp_core.errors import DomainError, ValueOutOfDomain
from ldp_core.wire.canonical_json import canonical_json, sha256_hex

__all__ = ["MAX_ITEMS", "MAX_ITEM_CHARACTERS", "Domain"]

MAX_ITEMS = 1 << 22
MAX_ITEM_CHARACTERS = 256


class Domain:
    """k different items in a fixed order; an item's place in it is its index.

    items: 2 to 4,194,304 different, non-empty strings of at most 256 characters. Raises DomainError otherwise.

    >>> Domain(["🙂", "😂"]).index("😂")
    1
    """

    def __init__(self, items: Iterable[str]) -> None:
        self.items: Sequence[str] = tuple(items)
        if not 2 <= len(self.items) <= MAX_ITEMS:
            raise DomainError(
                f"a domain has 2 to {MAX_ITEMS:,} items, got {len(self.items):,}. "
                "A question with one possible answer needs no privacy."
            )
        for position, item in enumerate(self.items):
            if not isinstance(item, str) or not item or len(item) > MAX_ITEM_CHARACTERS:
                raise DomainError(
                    f"every item is a string of 1 to {MAX_ITEM_CHARACTERS} characters; the one at position {position} is not"
                )
        if len(self._indices) != len(self.items):
            seen: set[str] = set()
            twice = next(item for item in self.items if item in seen or seen.add(item))  # type: ignore[func-returns-value]
            raise DomainError(f"items must differ from each other; {twice!r} is there twice")

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {item: index for index, item in enumerate(self.items)}

    @cached_property
    def canonical(self) -> bytes:
        """The items as canonical JSON."""
        return canonical_json(list(self.items))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return sha256_hex(self.canonical)

    def index(self, item: str) -> int:
        """The index of an item. Raises ValueOutOfDomain, without naming the item: on a phone it is the secret."""
        try:
            return self._indices[item]
        except KeyError:
            raise ValueOutOfDomain(
                "this answer is not in the collection's domain; report nothing, or map it to an item that is"
            ) from None
