"""How fast the dashboard answers: pages of a collection of 22,000 items, and the plan as a slider moves.

Wall time over HTTP on this machine, from the request to the last byte, the service in a process of its own; the median of 41 after one that
does not count. Run: python -m benchmarks.dashboard
"""

import os
import secrets
import tempfile
from pathlib import Path

import httpx

from benchmarks.measure import machine, median_seconds
from client.cli.service_process import serve_command, started_service
from client.rest import AdminClient
from client.simulation import Fleet, by_name

ITEMS, PHONES, RUNS = 22_000, 50_000, 41


def main() -> None:
    print(machine())
    print(f"load average {os.getloadavg()[0]:.1f}")
    token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started_service(serve_command(folder), folder, token) as service:
            _measure(service.url, token)


def _measure(url: str, token: str) -> None:
    people = by_name("words", ITEMS)
    with AdminClient(url, token) as admin:
        made = admin.create(name="words", question="Which word?", epsilon="4", items=people.items)
        admin.open(made["id"])
        Fleet(url, made["write_key"], people, PHONES, seed=1).run(made["id"])
    with httpx.Client(base_url=f"{url}/dashboard", headers={"Origin": url}) as http:
        http.post("/login", data={"token": token})
        home = f"/collections/{made['id']}"
        steps = iter(range(10_000))
        pages = {
            "collections": lambda: http.get("/collections"),
            f"a collection of {ITEMS:,} items, decoded": lambda: http.get(home),
            "a search in it": lambda: http.get(home, params={"q": "hous"}),
            "its JSON twin": lambda: http.get(f"{home}.json"),
            "a plan that was asked before": lambda: http.get("/plan"),
            "a plan for another number of phones": lambda: http.get("/plan", params={"phones": 1_000 + next(steps)}),
            "a plan for another epsilon": lambda: http.get("/plan", params={"epsilon": f"1.{next(steps):04d}"}),
        }
        for what, ask in pages.items():
            ask().raise_for_status()
            print(f"{what}: {1_000 * median_seconds(ask, RUNS):.1f} ms")


if __name__ == "__main__":
    main()
