"""Capture over HTTP: one lead or a thousand, each stored once, every touch kept."""

from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import AsyncClient, QueryParams
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kernel import clock
from app.kernel.auth import Permission
from app.kernel.outbox import OutboxEvent
from app.leads.schemas import CapturedLead, LeadRead, LeadTouchRead
from tests.accounts.customers import NOBODY
from tests.conftest import BoundDatabase, ClientWith
from tests.statements import counted

Json = dict[str, Any]
ANA: Json = {
    "source": "website",
    "external_id": "form-1",
    "campaign": "SPRING-26",
    "offer": "Free samples",
    "person_name": "Ana Trujillo",
    "job_title": "Owner",
    "company": "Emparedados y helados",
    "email": " Ana@Example.com ",
    "telephone": "030 0074321",
    "country": "DE",
    "website": "example.com",
    "interest": "tea and cakes",
    "product_skus": ["NW-1", "NW-2", "NW-1"],
    "message": "Please call",
    "estimated_value": "1250.5",
    "estimated_currency": "EUR",
    "attributes": {"utm_term": "tea", "visits": 4, "ratio": 0.5, "newsletter": True, "nothing": None},
}


async def capture(client: AsyncClient, status: int = 201, **fields: object) -> Json:
    response = await client.post("/v1/leads", json={"source": "website", **fields})
    assert response.status_code == status, response.text
    return response.json()["lead"]  # type: ignore[no-any-return]


async def bulk(client: AsyncClient, *rows: object) -> list[Json]:
    response = await client.post("/v1/leads/bulk", json={"leads": rows})
    assert response.status_code == 200, response.text
    return response.json()["data"]  # type: ignore[no-any-return]


async def touches(client: AsyncClient, lead_id: str) -> list[Json]:
    response = await client.get(f"/v1/leads/{lead_id}/touches", params={"sort": "at"})
    assert response.status_code == 200, response.text
    return response.json()["data"]  # type: ignore[no-any-return]


async def events_of(session: AsyncSession, lead_id: str) -> list[tuple[str, Json]]:
    rows = select(OutboxEvent.type, OutboxEvent.data).where(OutboxEvent.subject_id == lead_id)
    return [(kind, data) for kind, data in await session.execute(rows.order_by(OutboxEvent.seq))]


async def test_what_is_answered_is_what_was_sent(client: AsyncClient) -> None:
    response = await client.post("/v1/leads", json=ANA)
    assert response.status_code == 201, response.text
    assert CapturedLead.model_validate(response.json()).model_dump(mode="json") == response.json()
    body = response.json()
    lead = body["lead"]
    assert body["result"] == "created"
    assert response.headers["location"] == f"/v1/leads/{lead['id']}"
    assert response.headers["etag"] == '"v1"'
    assert lead["email"] == "ana@example.com"
    assert (lead["telephone"], lead["telephone_e164"]) == ("030 0074321", "+49300074321")
    assert lead["product_skus"] == ["NW-1", "NW-2"]
    assert lead["estimated_value"] == "1250.50"
    assert lead["attributes"] == {"utm_term": "tea", "visits": 4, "ratio": 0.5, "newsletter": True}
    assert lead["identities"] == [{"source": "website", "external_id": "form-1"}]
    assert lead["score"] == sum(line["points"] for line in lead["score_lines"]) == 17
    got = await client.get(response.headers["location"])
    assert (got.json(), got.headers["etag"]) == (lead, '"v1"')
    assert (await client.get("/v1/leads")).json()["data"] == [lead]


async def test_every_touch_is_kept_with_its_payload(client: AsyncClient) -> None:
    lead = await capture(client, **ANA)
    again = {"source": "fair", "email": "ana@example.com", "campaign": "FAIR-1", "occurred_at": "2026-01-02T03:04:05Z"}
    await capture(client, 200, **again)
    kept = await touches(client, lead["id"])
    assert [LeadTouchRead.model_validate(touch).source for touch in kept] == ["fair", "website"]
    assert (kept[0]["campaign"], kept[0]["at"], kept[0]["payload"]) == (
        "FAIR-1", "2026-01-02T03:04:05Z", again
    )  # fmt: skip
    assert kept[1]["payload"] == ANA | {"email": "ana@example.com"}


async def test_nothing_was_heard_of_a_lead_that_there_is_not(client: AsyncClient) -> None:
    lead = await capture(client, **ANA)
    for part in ("touches", "consents"):
        assert (await client.get(f"/v1/leads/{lead['id']}/{part}")).status_code == 200
        assert (await client.get(f"/v1/leads/{NOBODY}/{part}")).status_code == 404


async def test_the_same_payload_again_is_unchanged(client: AsyncClient) -> None:
    lead = await capture(client, **ANA)
    response = await client.post("/v1/leads", json=ANA)
    assert (response.status_code, response.json()) == (200, {"result": "unchanged", "lead": lead})
    assert len(await touches(client, lead["id"])) == 1


async def test_the_same_identity_overwrites_but_not_with_blanks(client: AsyncClient, tx: AsyncSession) -> None:
    lead = await capture(client, **ANA)
    new = await capture(client, 200, external_id="form-1", email="ana@other.example", company="EYH", message="")
    assert new["id"] == lead["id"]
    assert (new["email"], new["company"], new["message"]) == ("ana@other.example", "EYH", "Please call")
    assert (new["version"], new["touch_count"]) == (2, 2)
    kinds = await events_of(tx, lead["id"])
    assert [kind for kind, _ in kinds] == ["lead.captured", "lead.touched", "lead.updated"]
    changes = {change["field"]: change for change in kinds[2][1]["changes"]}
    assert changes["company"] == {"field": "company", "old": "Emparedados y helados", "new": "EYH"}
    assert changes["email"] == {"field": "email", "old": None, "new": None}


async def test_the_same_person_is_filled_and_never_overwritten(client: AsyncClient) -> None:
    lead = await capture(client, email="ana@example.com", person_name="Ana Trujillo", company="Old")
    new = await capture(
        client, 200, email="ANA@example.com", person_name="trujillo, ana", company="New", country="DE",
        attributes={"a": 1}, estimated_value="5", estimated_currency="JPY",
    )  # fmt: skip
    assert new["id"] == lead["id"]
    assert (new["company"], new["country"], new["person_name"]) == ("Old", "DE", "Ana Trujillo")
    assert (new["attributes"], new["estimated_value"], new["estimated_currency"]) == ({"a": 1}, "5", "JPY")


async def test_another_person_at_the_same_address_is_another_lead(client: AsyncClient) -> None:
    first = await capture(client, email="info@example.com", person_name="Ana")
    second = await capture(client, email="info@example.com", person_name="Bob")
    assert (first["shared_email"], second["shared_email"], first["id"] == second["id"]) == (False, True, False)
    unnamed = await capture(client, 200, email="info@example.com", message="hello")
    assert unnamed["id"] == first["id"]


async def test_a_named_touch_fills_the_unnamed_lead(client: AsyncClient) -> None:
    unnamed = await capture(client, email="info@example.com")
    named = await capture(client, 200, email="info@example.com", person_name="Ana")
    assert (named["id"], named["person_name"]) == (unnamed["id"], "Ana")
    assert (await capture(client, email="info@example.com", person_name="Bob"))["id"] != unnamed["id"]


async def test_an_identity_that_renames_or_moves_respects_the_pair_of_another(client: AsyncClient) -> None:
    await capture(client, email="ana@example.com", person_name="Ana")
    bob = await capture(client, external_id="2", email="bob@example.com", person_name="Bob")
    new = await capture(client, 200, external_id="2", email="ana@example.com", person_name="Ana", company="C")
    assert (new["id"], new["email"], new["shared_email"], new["company"]) == (bob["id"], "bob@example.com", True, "C")


async def test_a_withdrawal_counts_wherever_its_email_and_person_are(client: AsyncClient, tx: AsyncSession) -> None:
    at = "2026-01-01T00:00:00Z"
    yes = {"purpose": "newsletter", "channel": "email", "granted": True, "at": at, "evidence": "mail 7"}
    no = yes | {"granted": False, "evidence": None}
    named = await capture(client, external_id="a", person_name="Ana", telephone="1")
    mailed = await capture(client, email="ana@example.com", person_name="Ana", consents=[yes])
    row = {"external_id": "a", "email": "ana@example.com", "person_name": "Ana", "consents": [no]}
    answered = await capture(client, 200, **row)
    assert (answered["id"], answered["email"], answered["shared_email"]) == (named["id"], None, True)
    assert [one["granted"] for one in answered["consents"]] == [False]
    other = (await client.get(f"/v1/leads/{mailed['id']}")).json()
    assert [one["granted"] for one in other["consents"]] == [False]
    assert (other["version"], other["touch_count"]) == (mailed["version"] + 1, 1)
    assert [kind for kind, _ in await events_of(tx, mailed["id"])][-1] == "lead.consents_recorded"
    assert len(await touches(client, mailed["id"])) == 1
    stranger = await capture(client, email="ana@example.com", person_name="Bob", consents=[yes])
    await capture(client, 200, **row | {"message": "again"})
    bob = (await client.get(f"/v1/leads/{stranger['id']}")).json()
    assert ([one["granted"] for one in bob["consents"]], bob["version"]) == ([True], 1)
    again = (await client.get(f"/v1/leads/{mailed['id']}")).json()
    assert again["version"] == other["version"], "what was known already changes nothing"


@pytest.mark.parametrize("said", [[False, True], [False, True, False, True], [True, False, True], [True, False]])
async def test_of_what_one_bulk_says_about_a_consent_the_last_counts(client: AsyncClient, said: list[bool]) -> None:
    rows: list[Json] = []
    for number, granted in enumerate(said):
        consent = {"purpose": "newsletter", "channel": "email", "granted": granted, "evidence": f"mail {number}"}
        person = {"source": "web", "external_id": str(number), "email": "ana@example.com", "person_name": "Ana"}
        rows.append(person | {"consents": [consent]})
    done = await client.post("/v1/leads/bulk", json={"leads": rows})
    (lead_id,) = {each["id"] for each in done.json()["data"]}
    lead = (await client.get(f"/v1/leads/{lead_id}")).json()
    assert [(one["granted"], one["evidence"]) for one in lead["consents"]] == [(said[-1], f"mail {len(said) - 1}")]


async def test_what_happens_in_the_future_happens_now(client: AsyncClient) -> None:
    yes = {"purpose": "newsletter", "channel": "email", "granted": True, "evidence": "mail 7"}
    row: Json = {"email": "ana@example.com", "occurred_at": "2999-01-01T00:00:00Z", "consents": [yes]}
    with clock.at(datetime(2026, 6, 1, 12, tzinfo=UTC)):
        lead = await capture(client, **row)
    (touch,) = await touches(client, lead["id"])
    assert touch["at"] == lead["consents"][0]["at"] == "2026-06-01T12:00:00Z"
    assert touch["payload"]["occurred_at"] == row["occurred_at"]


async def test_a_wrong_attribute_is_one_error_at_its_place(client: AsyncClient) -> None:
    attributes = {
        "budget": [1],
        "": 2,
        "n" * 65: 3,
        "t": "x" * 501,
        "fine": None,
        "i": 10**16,
        "[key]": {},
        "c": "\x00",
    }
    lead = {"source": "web", "company": "C", "attributes": attributes}
    response = await client.post("/v1/leads", json=lead)
    told = {error["pointer"]: error["detail"] for error in response.json()["errors"]}
    assert len(response.json()["errors"]) == len(told) == 7
    value, name = (
        "must be a string of up to 500 characters, a number up to 10^15, true, false or null",
        "must have a name",
    )
    assert {told[f"/attributes/{each}"] for each in ("budget", "t", "i", "[key]")} == {value}
    assert all(told[f"/attributes/{each}"].startswith(name) for each in ("", "n" * 65))
    assert "control character" in told["/attributes/c"]
    (result,) = await bulk(client, lead)
    assert {error["pointer"] for error in result["errors"]} == {f"/leads/0{pointer}" for pointer in told}


async def test_a_bad_lead_names_its_fields(client: AsyncClient) -> None:
    bad = {
        "source": "", "email": "nobody", "country": "XX", "colour": "red", "estimated_value": 1.5,
        "product_skus": [""], "attributes": {"deep": {"er": 1}},
    }  # fmt: skip
    response = await client.post("/v1/leads", json=bad)
    pointers = {error["pointer"].split("/")[1] for error in response.json()["errors"]}
    assert (response.status_code, pointers) == (422, set(bad))
    for body, told in (
        ({"source": "web", "country": "DE"}, "names neither"),
        ({"source": "web", "company": "C", "estimated_value": "1"}, "go together"),
        ({"source": "web", "company": "C", "attributes": {str(n): n for n in range(21)}}, "20"),
    ):
        response = await client.post("/v1/leads", json=body)
        assert (response.status_code, told in response.json()["detail"]) == (422, True), response.text


async def test_scopes(client_with: ClientWith) -> None:
    marketing = await client_with(Permission.LEADS_CAPTURE, Permission.LEADS_READ)
    lead = await capture(marketing, company="C", email="c@example.com")
    form = await client_with(Permission.LEADS_CAPTURE)
    assert (await form.get(f"/v1/leads/{lead['id']}")).status_code == 403
    sent = {"source": "web", "email": "c@example.com"}
    refused = await form.post("/v1/leads", json=sent)
    assert (refused.status_code, "leads:read" in refused.json()["detail"]) == (403, True)
    (answered,) = await bulk(form, sent)
    assert answered == {"status": "updated", "id": lead["id"], "errors": []}
    reader = await client_with(Permission.LEADS_READ)
    assert (await reader.get(f"/v1/leads/{lead['id']}")).status_code == 200
    seller = await client_with(Permission.LEADS_WRITE)
    for path in ("", "/bulk"):
        for other in (reader, seller):
            assert (await other.post(f"/v1/leads{path}", json=ANA)).status_code == 403
    for action in ("qualify", "disqualify", "recycle", "convert", "activities", "consents"):
        assert (await marketing.post(f"/v1/leads/{lead['id']}/{action}", json={})).status_code == 403
    assert (await marketing.patch(f"/v1/leads/{lead['id']}", json={})).status_code == 403
    refused = await seller.post(f"/v1/leads/{lead['id']}/convert", json={}, headers={"If-Match": '"v1"'})
    assert (refused.status_code, "accounts:write" in refused.json()["detail"]) == (403, True)


async def test_bulk_answers_each_row_in_order_and_a_bad_one_costs_no_other(client: AsyncClient) -> None:
    known = await capture(client, email="known@example.com", person_name="K")
    rows = [
        ANA,
        {"source": "web", "email": "nobody", "colour": "red"},
        ANA,
        {"source": "web", "email": "info@example.com", "person_name": "A"},
        {"source": "web", "email": "info@example.com", "person_name": "B"},
        "no object",
        {"source": "web", "email": "known@example.com", "person_name": "k", "country": "DE"},
        {"source": "web", "email": "info@example.com", "person_name": "B", "job_title": "Buyer"},
    ]
    data = await bulk(client, *rows)
    statuses = [row["status"] for row in data]
    assert statuses == ["created", "invalid", "unchanged", "created", "created", "invalid", "updated", "updated"]
    assert (data[0]["id"] == data[2]["id"], data[4]["id"] == data[7]["id"]) == (True, True)
    assert (data[6]["id"], data[1]["id"]) == (known["id"], None)
    assert {error["pointer"] for error in data[1]["errors"]} == {"/leads/1/email", "/leads/1/colour"}
    second = (await client.get(f"/v1/leads/{data[4]['id']}")).json()
    assert (second["shared_email"], second["touch_count"], second["job_title"]) == (True, 2, "Buyer")
    assert len(await touches(client, second["id"])) == 2


async def test_bulk_bounds(client: AsyncClient) -> None:
    for leads in ([], [ANA] * 1001, ANA, None):
        assert (await client.post("/v1/leads/bulk", json={"leads": leads})).status_code == 422
    assert [row["status"] for row in await bulk(client, {}, {"source": "x"})] == ["invalid"] * 2


def a_thousand() -> list[Json]:
    """Duplicates inside, info@ addresses, bad rows: 100 of each, and 700 new leads."""
    rows: list[Json] = [{"source": "crm", "external_id": f"x{n}", "email": f"p{n}@example.com"} for n in range(700)]
    rows += [{"source": "web", "email": f"P{n}@example.com", "person_name": f"P {n}"} for n in range(100)]
    rows += [{"source": "web", "email": "info@example.com", "person_name": f"I {n}"} for n in range(100)]
    rows += [{"source": "web", "email": f"p{n}@"} for n in range(100)]
    return rows


async def test_a_thousand_rows_take_as_many_statements_as_two(
    client: AsyncClient, database: BoundDatabase, tx: AsyncSession
) -> None:
    await bulk(client, {"source": "web", "company": "warms the key's cache"})
    async with counted(database.connection) as two:
        await bulk(client, *(row | {"source": "few"} for row in a_thousand()[699:701]))
    async with counted(database.connection) as many:
        data = await bulk(client, *a_thousand())
    assert len(many) == len(two) == 3, many
    statuses = [row["status"] for row in data]
    assert [statuses.count(one) for one in ("created", "updated", "invalid")] == [798, 102, 100]
    assert statuses[900:] == ["invalid"] * 100
    captured = select(func.count()).where(OutboxEvent.type == "lead.captured")
    assert await tx.scalar(captured) == 798 + 3


async def test_consents_of_a_thousand_rows_take_two_statements_more(
    client: AsyncClient, database: BoundDatabase
) -> None:
    said = {"consents": [{"purpose": "newsletter", "channel": "email", "granted": True}]}
    rows: list[Json] = [{"source": "web", "email": f"p{n}@example.com"} | said for n in range(1000)]
    await bulk(client, {"source": "web", "company": "warms the key's cache"})
    async with counted(database.connection) as sent:
        await bulk(client, *rows)
    assert len(sent) == 3 + 2, sent
    (lead, *_) = (await client.get("/v1/leads", params={"words": "p999"})).json()["data"]
    assert [(one["granted"], one["source"]) for one in lead["consents"]] == [(True, "web")]


async def test_one_row_takes_four_statements(client: AsyncClient, database: BoundDatabase) -> None:
    await capture(client, company="warms the key's cache")
    async with counted(database.connection) as sent:
        await capture(client, **ANA)
    assert len(sent) == 4, sent
    async with counted(database.connection) as sent:
        await capture(client, 200, **ANA | {"company": "C"})
    assert len(sent) == 4, sent


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "updated_at", "-updated_at", "score", "-score"])
async def test_filters_and_sorts(client: AsyncClient, sort: str) -> None:
    ana = await capture(client, **ANA)
    bob = await capture(client, source="fair", campaign="C1", person_name="Bob Builder", company="Süd-West GmbH")
    both = [ana["id"], bob["id"]]

    async def found(**filters: str | int) -> list[str]:
        asked: dict[str, str | int] = {"sort": sort, **filters}
        response = await client.get("/v1/leads", params=QueryParams(asked))
        assert response.status_code == 200, response.text
        return [str(LeadRead.model_validate(lead).id) for lead in response.json()["data"]]

    assert sorted(await found()) == sorted(both)
    assert await found(source="fair") == await found(campaign="C1") == await found(words="süd buil") == [bob["id"]]
    assert await found(words="ana@exam") == await found(min_score=10) == [ana["id"]]
    assert sorted(await found(status="new", created_from=ana["created_at"])) == sorted(both)
    assert await found(created_to=ana["created_at"]) == await found(next_step_due="2030-01-01") == []
    assert await found(updated_to=bob["updated_at"]) == [ana["id"]]
    assert await found(updated_from=bob["updated_at"]) == [bob["id"]]
    assert await found(owner_id=ana["id"]) == await found(words="!?") == []


async def test_a_row_with_a_control_character_costs_no_other(client: AsyncClient) -> None:
    body = {
        "leads": [{"source": "fair", "email": "a@example.com"}, {"source": "fair", "message": "\x00", "company": "B"}]
    }
    results = (await client.post("/v1/leads/bulk", json=body)).json()["data"]
    assert [row["status"] for row in results] == ["created", "invalid"]
    assert [(e["pointer"], e["code"]) for e in results[1]["errors"]] == [("/leads/1/message", "control_character")]


async def test_evidence_sent_later_counts(client: AsyncClient) -> None:
    said = {"purpose": "newsletter", "channel": "email", "granted": True, "at": "2026-03-01T00:00:00Z"}
    lead = {"source": "fair", "external_id": "f-1", "email": "a@example.com"}
    await client.post("/v1/leads", json={**lead, "consents": [said]})
    proved = await client.post("/v1/leads", json={**lead, "consents": [{**said, "evidence": "mail 4711"}]})
    assert [each["evidence"] for each in proved.json()["lead"]["consents"]] == ["mail 4711"]
