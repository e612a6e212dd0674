"""Every error of the device's side, as one tree.

    ClientError
    ├── SettingsError (ValueError)      the client was built with something that cannot work
    ├── DeviceRefusal                   the device says no: nothing was drawn, nothing was sent, no budget was spent
    │   ├── EpsilonTooHigh              the collection asks for more than this device ever gives in one report
    │   ├── BudgetExhausted             the lifetime budget of this device does not hold another report
    │   ├── AnswerNotAsked              the answer is not one of the collection's items
    │   └── SpecRefused                 the spec was altered, is not the pinned one, or changed under the same version
    ├── ServiceError                    what the service, or the way to it, did
    │   ├── ServiceUnavailable          no usable answer after all tries; try again later
    │   └── ServiceRefusal              an answer that will not change by asking again
    └── StoreError                      the device's own file cannot be read or written

No text here ever carries an answer: on a device the answer is the secret.
"""

from client.sdk.problem import Problem

__all__ = [
    "AnswerNotAsked",
    "BudgetExhausted",
    "ClientError",
    "DeviceRefusal",
    "EpsilonTooHigh",
    "ServiceError",
    "ServiceRefusal",
    "ServiceUnavailable",
    "SettingsError",
    "SpecRefused",
    "StoreError",
]


class ClientError(Exception):
    """Anything that the device's side refuses or cannot do."""


class SettingsError(ClientError, ValueError):
    """The client was built with something that cannot work."""


class DeviceRefusal(ClientError):  # noqa: N818 - reads as what happened
    """The device says no. Nothing was drawn, nothing was sent, no budget was spent."""


class EpsilonTooHigh(DeviceRefusal):
    """The collection asks for more privacy loss than this device ever gives in one report."""


class BudgetExhausted(DeviceRefusal):
    """The lifetime budget of this device does not hold another report of this epsilon."""


class AnswerNotAsked(DeviceRefusal):
    """The answer is not one of the collection's items. The text never carries the answer."""


class SpecRefused(DeviceRefusal):
    """The spec was altered on its way, is not the pinned one, or changed under the same version."""


class ServiceError(ClientError):
    """What the service, or the way to it, did. `problem` is its own explanation, where it gave one."""

    def __init__(self, text: str, problem: Problem | None = None) -> None:
        super().__init__(text)
        self.problem = problem


class ServiceUnavailable(ServiceError):  # noqa: N818
    """No usable answer after all tries: no connection, 429, 5xx, or a paused collection. Try again later.

    `reached` tells whether the service answered at all.
    """

    def __init__(self, text: str, problem: Problem | None = None, *, reached: bool = False) -> None:
        super().__init__(text, problem)
        self.reached = reached


class ServiceRefusal(ServiceError):  # noqa: N818
    """An answer that will not change by asking again in the same way; `problem` says why."""

    problem: Problem

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.explained, problem)


class StoreError(ClientError):
    """The device's own file cannot be read or written."""
