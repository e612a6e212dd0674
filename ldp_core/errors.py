"""Every error the mathematics raises, as one tree.

    FanoError
    ├── ParameterError (ValueError)      a mechanism, plan or spec cannot be built from what was given
    │   ├── EpsilonError                 epsilon is not a positive number in the supported range
    │   ├── DomainError                  too few or too many items
    │   └── FieldError                   q is not a supported prime power
    ├── ValueOutOfDomain (ValueError)    an item that the collection does not ask about
    ├── ReportError (ValueError)         a message that no phone could have sent
    ├── TallyError (ValueError)          counts that do not belong to the mechanism, or are empty
    ├── DecodeError (RuntimeError)       a decoder's own check failed: the result is withheld
    ├── SpecError (ValueError)           a collection spec that is malformed or not what its digest says
    ├── BatchError (ValueError)          packed bytes that are no batch of reports, or a batch that cannot be packed
    └── RandomnessError (RuntimeError)   the source of random bits ended or failed

Messages say what was given, what was expected and what to do. `ValueOutOfDomain` never carries the
value: on a device that value is the secret.
"""

__all__ = [
    "BatchError",
    "DecodeError",
    "DomainError",
    "EpsilonError",
    "FanoError",
    "FieldError",
    "ParameterError",
    "RandomnessError",
    "ReportError",
    "SpecError",
    "TallyError",
    "ValueOutOfDomain",
]


class FanoError(Exception):
    """Anything that this project refuses."""


class ParameterError(FanoError, ValueError):
    """A mechanism, plan or spec cannot be built from what was given."""


class EpsilonError(ParameterError):
    """Epsilon is not a positive number in the supported range."""


class DomainError(ParameterError):
    """Too few or too many items."""


class FieldError(ParameterError):
    """q is not a supported prime power."""


class ValueOutOfDomain(FanoError, ValueError):  # noqa: N818 - reads as what happened
    """An item that the collection does not ask about. Its text never carries the item."""


class ReportError(FanoError, ValueError):
    """A message that no phone could have sent."""


class TallyError(FanoError, ValueError):
    """Counts that do not belong to the mechanism, or are empty."""


class DecodeError(FanoError, RuntimeError):
    """A decoder's own check failed, so its result is withheld."""


class SpecError(FanoError, ValueError):
    """A collection spec that is malformed or not what its digest says."""


class BatchError(FanoError, ValueError):
    """Packed bytes that are no batch of reports, or a batch that cannot be packed.

    reason: "malformed", "empty", "too-many" or "message-out-of-range" · position: of the message at fault, if one is.
    """

    def __init__(self, text: str, reason: str = "malformed", position: int | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.position = position


class RandomnessError(FanoError, RuntimeError):
    """The source of random bits ended or failed."""
