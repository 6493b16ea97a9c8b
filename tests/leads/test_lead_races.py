"""What must hold when many come at once; every test commits for real."""

import asyncio
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase

from app.accounts.models import Account, Contact
from app.leads.models import Lead, LeadIdentity, LeadTouch
from tests.conftest import Live
from tests.leads.test_lead_capture import ANA
from tests.leads.test_lead_life import act, change, qualified

Json = dict[str, Any]


async def count(live: Live, model: type[DeclarativeBase]) -> int:
    async with live.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def together(live: Live, *bodies: Json, path: str = "") -> list[Json]:
    responses = await asyncio.gather(*(live.client.post(f"/v1/leads{path}", json=body) for body in bodies))
    assert {response.status_code for response in responses} <= {200, 201}, [r.text for r in responses]
    return [response.json() for response in responses]


async def test_twenty_captures_of_one_person_are_one_lead_with_twenty_touches(live: Live) -> None:
    rows = [{"source": "web", "email": "ana@example.com", "person_name": "Ana", "offer": f"{n}"} for n in range(20)]
    answers = await together(live, *rows)
    assert sorted(answer["result"] for answer in answers) == ["created"] + ["updated"] * 19
    assert len({answer["lead"]["id"] for answer in answers}) == await count(live, Lead) == 1
    assert await count(live, LeadTouch) == 20
    (last,) = (await live.client.get("/v1/leads")).json()["data"]
    assert (last["touch_count"], last["version"]) == (20, 20)


async def test_twenty_times_the_same_record_is_one_touch(live: Live) -> None:
    answers = await together(live, *[ANA] * 20)
    assert sorted(answer["result"] for answer in answers) == ["created"] + ["unchanged"] * 19
    assert (await count(live, Lead), await count(live, LeadTouch), await count(live, LeadIdentity)) == (1, 1, 1)


async def test_named_and_unnamed_people_at_one_address(live: Live) -> None:
    rows = [{"source": "web", "email": "info@example.com", "person_name": name} for name in ("", "Ana", "Bob") * 6]
    await together(live, *rows)
    assert await count(live, Lead) == 2
    assert await count(live, LeadTouch) == 18


async def test_bulks_with_the_same_people_in_opposite_order(live: Live) -> None:
    def rows(source: str) -> list[Json]:
        return [
            {"source": source, "external_id": str(n), "email": f"p{n}@example.com", "person_name": f"P {n}"}
            for n in range(300)
        ]

    orders = [rows(f"s{n}")[:: 1 if n % 2 else -1] for n in range(6)]
    answers = await together(live, *({"leads": order} for order in orders), path="/bulk")
    assert await count(live, Lead) == 300
    assert await count(live, LeadTouch) == await count(live, LeadIdentity) == 1800
    first, *_ = (answer["data"] for answer in answers)
    assert {row["status"] for row in first} <= {"created", "updated"}


async def test_identities_that_move_between_addresses_while_others_use_them(live: Live) -> None:
    await together(live, *({"source": "crm", "external_id": str(n), "email": f"p{n}@example.com"} for n in range(4)))
    moves = [
        {"source": "crm", "external_id": str(n % 4), "email": f"p{(n * 7 + step) % 5}@example.com", "offer": f"{step}"}
        for step in range(5)
        for n in range(4)
    ]
    renames = [{"source": "crm", "external_id": str(n % 4), "person_name": f"P {n % 2}"} for n in range(12)]
    strangers = [{"source": "web", "email": f"p{n % 5}@example.com", "person_name": f"P {n % 2}"} for n in range(12)]
    await together(live, *(row for mixed in zip(moves, renames, strangers, strict=False) for row in mixed))
    async with live.database.transaction() as session:
        pairs = (await session.execute(select(Lead.email, Lead.person_key).where(Lead.email.is_not(None)))).all()
    assert len(set(pairs)) == len(pairs)


async def test_a_correction_and_a_capture_of_the_same_address(live: Live) -> None:
    for n in range(10):
        (first,) = await together(live, {"source": "web", "telephone": "1", "person_name": f"P{n}"})
        patch = live.client.patch(
            f"/v1/leads/{first['lead']['id']}", json={"email": f"p{n}@example.com"}, headers={"If-Match": '"v1"'}
        )
        row = {"source": "web", "email": f"p{n}@example.com", "person_name": f"P{n}"}
        patched, captured = await asyncio.gather(patch, live.client.post("/v1/leads", json=row))
        assert (patched.status_code, captured.json()["result"]) in {(200, "updated"), (409, "created")}


async def test_ten_conversions_make_one_account(live: Live) -> None:
    lead = await qualified(live.client)
    answers = await asyncio.gather(*(act(live.client, lead, "convert", {}) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert len({(a.json()["account_id"], a.json()["contact_id"]) for a in answers}) == 1
    assert (await count(live, Account), await count(live, Contact)) == (1, 1)


async def test_a_touch_and_a_change_at_once_lose_neither(live: Live) -> None:
    (created,) = await together(live, ANA)
    lead = created["lead"]
    row = {"source": "fair", "email": "ana@example.com", "person_name": "Ana Trujillo"}
    patched, touched = await asyncio.gather(
        live.client.patch(f"/v1/leads/{lead['id']}", json={"next_step": "Call"}, headers={"If-Match": '"v1"'}),
        live.client.post("/v1/leads", json=row),
    )
    assert touched.status_code == 200
    now = (await live.client.get(f"/v1/leads/{lead['id']}")).json()
    assert now["touch_count"] == 2
    assert (now["next_step"] == "Call") == (patched.status_code == 200)
    await change(live.client, now, next_step="Again")
