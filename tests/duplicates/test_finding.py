"""Possible duplicates are found by a job after what made them alike, and shown with their reasons."""

from typing import Any

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.duplicates import scanning
from app.duplicates.schemas import DuplicateDetail, DuplicateRead, Scans
from tests.accounts.customers import BERLIN, account, contact
from tests.conftest import BoundDatabase, ClientWith
from tests.duplicates.looking import look, pairs, versioned
from tests.leads.test_lead_capture import capture, events_of
from tests.leads.test_lead_life import change

Json = dict[str, Any]
ANNA: Json = {"person_name": "Anna Berg", "company": "Bergwerk GmbH", "country": "DE"}


async def test_a_job_finds_what_was_captured_twice(client: AsyncClient, database: BoundDatabase) -> None:
    first = await capture(client, **ANNA, email="anna@bergwerk.example")
    await look(database)
    assert await pairs(client) == []
    second = await capture(client, person_name="Berg, Ana", company="Bergwerk G.m.b.H.", country="DE")
    await capture(client, person_name="Tom Jones", company="Bergwerk", country="DE")
    await look(database)
    (pair,) = await pairs(client)
    DuplicateRead.model_validate(pair)
    assert (pair["kind"], pair["left_id"], pair["right_id"]) == ("leads", first["id"], second["id"])
    assert (pair["status"], pair["left_name"], pair["right_name"]) == ("open", "Anna Berg", "Berg, Ana")
    assert {reason["field"] for reason in pair["reasons"]} == {"name", "company", "country"}
    assert pair["score"] == sum(reason["points"] for reason in pair["reasons"])


async def test_two_people_at_one_address_are_two(client: AsyncClient, database: BoundDatabase) -> None:
    await capture(client, **ANNA, email="info@bergwerk.example")
    shared = await capture(client, person_name="Tom Jones", company="Bergwerk", email="info@bergwerk.example")
    assert shared["shared_email"]
    await look(database)
    assert await pairs(client) == []


async def test_telephones_are_compared_as_they_are_dialled(client: AsyncClient, database: BoundDatabase) -> None:
    await capture(client, person_name="Anna Berg", telephone="030 / 1234567", country="DE")
    await capture(client, person_name="Anna Bergh", telephone="+49 30 1234567")
    await look(database)
    (pair,) = await pairs(client, kind="leads", status="open", min_score=60)
    assert {"telephone", "name"} <= {reason["field"] for reason in pair["reasons"]}


async def test_accounts_and_contacts(client: AsyncClient, database: BoundDatabase) -> None:
    one = await account(client, name="Müller & Söhne GmbH", billing_address=BERLIN)
    two = await account(client, name="Mueller und Soehne", billing_address=BERLIN)
    elsewhere = {**BERLIN, "country": "FR", "city": "Paris", "postal_code": "75001"}
    await account(client, name="Müller Söhne", billing_address=elsewhere)
    await account(client, name="Müller & Söhne Werk 2 GmbH", billing_address=BERLIN, parent_id=one["id"])
    a = await contact(client, one["id"], name="Maria Anders", email="maria@gmail.com")
    b = await contact(client, two["id"], name="Anders, Maria", email="maria@gmail.com")
    await look(database)
    (accounts,) = await pairs(client, kind="accounts")
    assert {accounts["left_id"], accounts["right_id"]} == {one["id"], two["id"]}
    (contacts,) = await pairs(client, record_id=b["id"])
    assert (contacts["kind"], contacts["left_id"]) == ("contacts", a["id"])
    assert "domain" not in {reason["field"] for reason in contacts["reasons"]}  # anybody has an address there


async def test_a_change_withdraws_what_it_makes_wrong(
    client: AsyncClient, database: BoundDatabase, tx: AsyncSession
) -> None:
    await capture(client, **ANNA)
    second = await capture(client, **ANNA)
    await look(database)
    (pair,) = await pairs(client)
    await change(client, second, person_name="Tom Jones")
    await look(database)
    assert await pairs(client) == []
    assert [kind for kind, _ in await events_of(tx, pair["id"])] == ["duplicate.found", "duplicate.withdrawn"]


async def test_dismissed_stays_so_until_something_else_speaks_for_it(
    client: AsyncClient, database: BoundDatabase, tx: AsyncSession
) -> None:
    first, second = await capture(client, **ANNA), await capture(client, **ANNA)
    await look(database)
    (pair,) = await pairs(client)
    path = f"/v1/duplicates/{pair['id']}/dismiss"
    assert (await client.post(path, json={"reason": "two"})).status_code == 428
    assert (await versioned(client, path, pair, {"reason": " "})).status_code == 422
    dismissed = await versioned(client, path, pair, {"reason": "mother and daughter"})
    assert (dismissed.json()["status"], dismissed.json()["note"]) == ("dismissed", "mother and daughter")
    assert (await versioned(client, path, dismissed.json(), {"reason": "two"})).status_code == 409
    await change(client, second, job_title="Owner")
    async with database.transaction() as session:
        await scanning.begin_again(session)
    await look(database)
    assert [each["status"] for each in await pairs(client)] == ["dismissed"]
    await change(client, first, telephone="030 1234567")
    second = (await client.get(f"/v1/leads/{second['id']}")).json()
    await change(client, second, telephone="+49301234567")
    await look(database)
    (again,) = await pairs(client, status="open")
    assert (again["id"], again["note"]) == (pair["id"], None)
    assert again["score"] > pair["score"]
    told = [kind for kind, _ in await events_of(tx, pair["id"])]
    assert told == ["duplicate.found", "duplicate.dismissed", "duplicate.found"]


async def test_both_side_by_side_with_what_differs(client: AsyncClient, database: BoundDatabase) -> None:
    first = await capture(client, **ANNA, telephone="030 1234567")
    await capture(client, **ANNA | {"company": "Bergwerk"}, job_title="Owner")
    await look(database)
    (pair,) = await pairs(client)
    response = await client.get(f"/v1/duplicates/{pair['id']}")
    assert response.headers["ETag"] == f'"v{pair["version"]}"'
    shown = DuplicateDetail.model_validate(response.json())
    assert (str(shown.left.id), shown.left.version, shown.left.telephone) == (first["id"], 1, "030 1234567")
    assert [(each.field, each.left, each.right) for each in shown.differences] == [
        ("job_title", None, "Owner"), ("company", "Bergwerk GmbH", "Bergwerk"), ("telephone", "030 1234567", None)
    ]  # fmt: skip
    assert (await client.get(f"/v1/duplicates/{first['id']}")).status_code == 404


async def test_a_key_that_too_many_share_is_skipped_and_counted(client: AsyncClient, database: BoundDatabase) -> None:
    rows = [{"source": "web", "company": "Acme", "country": "DE", "telephone": f"030 12345{n:02}"} for n in range(50)]
    assert (await client.post("/v1/leads/bulk", json={"leads": rows})).status_code == 200
    await look(database)
    scans = Scans.model_validate((await client.get("/v1/duplicates/scans")).json())
    assert sum(scan.skipped_blocks for scan in scans.data) > 0
    assert sum(scan.compared for scan in scans.data) == 0


async def test_what_was_compared_is_not_compared_again(client: AsyncClient, database: BoundDatabase) -> None:
    for _ in range(3):
        await capture(client, **ANNA)
    await look(database)

    async def compared() -> int:
        found = Scans.model_validate((await client.get("/v1/duplicates/scans")).json())
        return sum(scan.compared for scan in found.data)

    before = await compared()
    await look(database)
    assert (before, await compared(), len(await pairs(client))) == (before, before, 3)
    assert before >= 3
    again = await client.post("/v1/duplicates/scans")
    assert (again.status_code, {s["finished_at"] for s in again.json()["data"] if s["name"] != "news"}) == (202, {None})
    await look(database)
    assert len(await pairs(client)) == 3


async def test_lists_are_sorted_and_refuse_what_they_do_not_know(client: AsyncClient, database: BoundDatabase) -> None:
    await capture(client, **ANNA)
    await capture(client, **ANNA, email="anna@bergwerk.example")
    await capture(client, **ANNA | {"person_name": "Ana Berg"}, email="anna@bergwerk.example", source="fair")
    await look(database)
    scores = [pair["score"] for pair in await pairs(client)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 3
    page = (await client.get("/v1/duplicates", params={"limit": 1})).json()
    rest = await pairs(client, cursor=page["next_cursor"], limit=1)
    assert [rest[0]["score"]] == scores[1:2]
    for wrong in ({"kind": "orders"}, {"status": "gone"}, {"min_score": 101}, {"record_id": "x"}, {"sort": "name"}):
        assert (await client.get("/v1/duplicates", params=wrong)).status_code == 422, wrong


async def test_who_may(client_with: ClientWith) -> None:
    nobody = await client_with("leads:read")
    assert (await nobody.get("/v1/duplicates")).status_code == 403
    reader = await client_with("duplicates:read")
    assert (await reader.get("/v1/duplicates")).status_code == 200
    assert (await reader.post("/v1/duplicates/scans")).status_code == 403
