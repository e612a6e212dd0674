"""What runs on a device: check the spec, randomize with the system's generator, send one small integer, forget the answer.

from client.sdk import Client

client = Client("https://fano.example.org", write_key=key, max_epsilon="2", lifetime_epsilon="10", store="answers.db")
receipt = client.report(collection_id, "🙂")
client.flush()
"""

from client.sdk.client import Client, Receipt
from client.sdk.errors import (
    AnswerNotAsked,
    BudgetExhausted,
    ClientError,
    DeviceRefusal,
    EpsilonTooHigh,
    ServiceError,
    ServiceRefusal,
    ServiceUnavailable,
    SettingsError,
    SpecRefused,
    StoreError,
)
from client.sdk.outbox import FlushResult, Outcome

__all__ = [
    "AnswerNotAsked",
    "BudgetExhausted",
    "Client",
    "ClientError",
    "DeviceRefusal",
    "EpsilonTooHigh",
    "FlushResult",
    "Outcome",
    "Receipt",
    "ServiceError",
    "ServiceRefusal",
    "ServiceUnavailable",
    "SettingsError",
    "SpecRefused",
    "StoreError",
]
