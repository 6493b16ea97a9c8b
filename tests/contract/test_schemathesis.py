"""Schemathesis against the whole API description and the running service, with Northwind in it.

It sends what the description allows and what it forbids. No answer may be a 5xx, and none may have a status, content
type, header or shape that the description does not declare. The seed is fixed, so that a failure is ours and not
luck's; a longer search with another seed: `BELLWETHER_CONTRACT_EXAMPLES=200 BELLWETHER_CONTRACT_SEED=2 make contract`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.conftest import Running

EXAMPLES = int(os.environ.get("BELLWETHER_CONTRACT_EXAMPLES", "20"))
HOOKS = Path(__file__).with_name("hooks.py")
SEED = os.environ.get("BELLWETHER_CONTRACT_SEED", "1")

pytestmark = pytest.mark.contract

CONFIG = """
hooks = {hooks}
seed = {seed}
request-timeout = 60
continue-on-failure = true
warnings = false

[cache]
enabled = false

[headers]
{headers}

[generation]
max-examples = {examples}
database = "none"
dictionaries.string = {{ dictionary = "words", probability = 0.5 }}

# Well-formed data may still be refused: ids that name nothing, states that do not allow it, rules between fields.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "404", "409", "412", "422", "428"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "428"]

[checks.missing_required_header]
expected-statuses = ["401", "422", "428"]

# A bulk request answers 200 and says for each row what is wrong with it.
[[operations]]
include-path-regex = "/bulk$"
checks.negative_data_rejection.enabled = false

[dictionaries]
{dictionaries}

[parameters]
# The feed waits when there is nothing new; what waiting does is tested elsewhere.
"query.wait" = 0
{parameters}
"""


def names(client: httpx.Client) -> dict[str, list[str]]:
    """Names of what is there, by the parameter that takes them, so that requests reach more than the answer 404."""

    def known(path: str, field: str = "id") -> list[str]:
        return [row[field] for row in client.get(path).raise_for_status().json()["data"]]

    def made(path: str, body: object) -> Any:
        return client.post(path, json=body).raise_for_status().json()

    accounts = known("/accounts?limit=5")
    skus = known("/products?limit=8&sort=sku", "sku")
    forms = [{"source": "fuzz", "external_id": f"{n}", "company": f"Company {n}"} for n in range(8)]
    line = {"sku": skus[0], "quantity": "10", "unit_price": "18.00", "price_reason": "agreed"}
    order = {"channel": "email", "currency": "USD", "lines": [line]}
    drafts = [made("/orders", {"account_id": account, **order})["id"] for account in accounts]
    shipped = known("/orders?status=completed&limit=3")
    made("/contacts", {"account_id": accounts[0], "name": "Maria Anders"})
    for currency in ("EUR", "JPY"):
        client.put(f"/exchange-rates/{currency}/2020-01-01", json={"rate": "0.5"}).raise_for_status()
    lists = known("/price-lists")
    someone = known("/staff?limit=1")[0]
    times = {"starts_at": "2030-03-01T10:00:00Z", "ends_at": "2030-03-01T11:00:00Z"}
    meeting = {"subject": "Teas", "organizer_id": someone, **times}
    return {
        "account_id": accounts,
        "contact_id": known("/contacts?limit=5"),
        "lead_id": [row["id"] for row in made("/leads/bulk", {"leads": forms})["data"]],
        "member_id": known("/staff"),
        "meeting_id": [made("/meetings", {"account_id": account, **meeting})["id"] for account in accounts],
        "calendar_id": [made("/calendars", {"staff_id": someone})["id"]],
        "product_id": known("/products?limit=8&sort=sku"),
        "price_list_id": lists,
        "price_id": known(f"/price-lists/{lists[0]}/prices?limit=5"),
        "receipt_id": known("/receipts?limit=5"),
        "order_id": [*drafts, *shipped, *known("/orders?status=confirmed&limit=3")],
        "shipment_id": [each for done in shipped for each in known(f"/orders/{done}/shipments")],
        "hold_id": [made(f"/orders/{drafts[0]}/holds", {"reason": "credit"})["holds"][0]["id"]],
        "sku": skus,
        "currency": ["USD", "EUR", "JPY"],
        "country": ["DE", "US", "GB"],
        "etag": ['"v1"', '"v2"', '"v3"'],
        "words": ["Chai", "O'Brien & Söhne", "日本", "ana@example.com", "12", "0.5", "1250.00"],
    }


ALIASES = {
    "member_id": ("owner_id", "by_id", "taken_by_id", "qualified_by_id", "reports_to_id", "organizer_id", "staff_id"),
    "sku": ("lines[*].sku", "prices[*].sku", "counts[*].sku", "receipts[*].sku"),
    "currency": ("estimated_currency",),
    "country": ("billing_address.country", "delivery_address.country", "leads[*].country"),
}


def configuration(service: Running) -> str:
    """The configuration as TOML, whose strings are written as JSON's are."""
    dictionaries, parameters = [], []
    with httpx.Client(base_url=f"{service.url}/v1", headers=service.authorization, timeout=60) as client:
        found = names(client)
    for name, values in found.items():
        assert values, name
        dictionaries.append(f"{name} = {{ values = {json.dumps(values)} }}")
        given = f"{{ dictionary = {json.dumps(name)}, probability = 0.8 }}"
        places = [f"body.{each}" for each in (name, *ALIASES.get(name, ()))] + [f"path.{name}"]
        places = {"etag": ["header.If-Match"], "words": []}.get(name, places)
        parameters += [f'"{place}" = {given}' for place in places]
    return CONFIG.format(
        hooks=json.dumps(str(HOOKS)),
        seed=SEED,
        examples=EXAMPLES,
        headers="\n".join(f"{name} = {json.dumps(value)}" for name, value in service.authorization.items()),
        dictionaries="\n".join(dictionaries),
        parameters="\n".join(parameters),
    )


def test_no_answer_is_a_fault_or_undeclared(northwind_service: Running, tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(configuration(northwind_service))
    schemathesis = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(  # noqa: S603 - our own tools
        [schemathesis, "--config-file", config, "run", f"{northwind_service.url}/openapi.json", "--no-color"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = done.stdout[done.stdout.find("= FAILURES") :] if "= FAILURES" in done.stdout else done.stdout
    assert done.returncode == 0, f"{found}\n{done.stderr}\n{(tmp_path / 'service.log').read_text()[-5000:]}"
    assert "Tested: " in done.stdout
