"""A lead's life over HTTP: corrected, talked to, qualified, given up, back again, converted."""

from typing import Any

from httpx import AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.rules import ConsentRead
from app.activities.rules import ActivityRead
from app.kernel.outbox import OutboxEvent
from app.leads.schemas import LeadRead
from tests.leads.test_lead_capture import ANA, capture, events_of

Json = dict[str, Any]
ANSWERS = {
    "interest_level": "strong",
    "intention": "intends",
    "horizon_months": 3,
    "budget": "approved",
    "authority": "decision_maker",
    "need": "explicit",
}
YES = {"purpose": "newsletter", "channel": "email", "granted": True, "at": "2026-01-01T00:00:00Z"}


async def act(client: AsyncClient, lead: Json, action: str, body: Json | None = None) -> Response:
    version = {"If-Match": f'"v{lead["version"]}"'}
    return await client.post(f"/v1/leads/{lead['id']}/{action}", json=body, headers=version)


async def done(client: AsyncClient, lead: Json, action: str, body: Json | None = None) -> Json:
    response = await act(client, lead, action, body)
    assert response.status_code == 200, response.text
    LeadRead.model_validate(response.json())
    return response.json()  # type: ignore[no-any-return]


async def change(client: AsyncClient, lead: Json, status: int = 200, **fields: object) -> Json:
    version = {"If-Match": f'"v{lead["version"]}"'}
    response = await client.patch(f"/v1/leads/{lead['id']}", json=fields, headers=version)
    assert response.status_code == status, response.text
    return response.json()  # type: ignore[no-any-return]


async def staff(client: AsyncClient) -> str:
    nancy = {"name": "Nancy", "email": "nancy@example.com", "role": "representative", "active_from": "2020-01-01"}
    return str((await client.post("/v1/staff", json=nancy)).json()["id"])


async def qualified(client: AsyncClient, **fields: object) -> Json:
    return await done(client, await capture(client, **ANA | fields), "qualify", ANSWERS)


async def test_qualify_scores_point_by_point(client: AsyncClient, tx: AsyncSession) -> None:
    lead = await qualified(client)
    points = {line["reason"]: line["points"] for line in lead["score_lines"]}
    assert points | {"budget": 15, "authority": 15, "need": 15, "timing": 10, "interest": 10} == points
    assert (lead["score"], lead["status"]) == (sum(points.values()), "qualified")
    assert lead["qualified_at"] >= lead["status_changed_at"]
    again = await done(client, lead, "qualify", ANSWERS | {"budget": "none"})
    assert (again["score"], again["status"]) == (lead["score"] - 25, "qualified")
    told = [data["score"] for kind, data in await events_of(tx, lead["id"]) if kind == "lead.qualified"]
    assert told == [lead["score"], again["score"]]


async def test_qualifying_keeps_the_answers_that_it_leaves_out(client: AsyncClient) -> None:
    nancy = await staff(client)
    lead = await change(client, await capture(client, **ANA), budget="approved", horizon_months=3)
    least = {"interest_level": "strong", "intention": "intends"}
    lead = await done(client, lead, "qualify", {**least, "need": "latent", "qualified_by_id": nancy})

    async def now(**answers: object) -> tuple[object, ...]:
        nonlocal lead
        lead = await done(client, lead, "qualify", least | answers)
        return tuple(lead[name] for name in ("budget", "authority", "need", "horizon_months", "qualified_by_id"))

    assert await now(authority="influencer") == ("approved", "influencer", "latent", 3, nancy)
    assert await now(budget="unknown", horizon_months=None) == ("unknown", "influencer", "latent", None, nancy)
    assert (await act(client, lead, "qualify", least | {"budget": None})).status_code == 422
    lead = await done(client, lead, "recycle")
    assert await now() == ("unknown", "influencer", "latent", None, None)


async def test_a_patch_that_changes_nothing_tells_nothing(client: AsyncClient, tx: AsyncSession) -> None:
    lead = await capture(client, **ANA)
    same = ("person_name", "email", "telephone", "product_skus", "estimated_value", "budget", "next_step")
    assert await change(client, lead) == lead
    assert await change(client, lead, **{name: lead[name] for name in same}) == lead
    assert [kind for kind, _ in await events_of(tx, lead["id"])] == ["lead.captured"]


async def test_moves_that_the_table_does_not_have_are_conflicts(client: AsyncClient) -> None:
    lead = await capture(client, **ANA)
    assert (await act(client, lead, "recycle")).status_code == 409
    refused = await act(client, lead, "convert", {})
    assert (refused.status_code, "qualified" in refused.json()["detail"]) == (409, True)
    for action in ("qualify", "disqualify", "recycle", "convert"):
        response = await client.post(f"/v1/leads/{lead['id']}/{action}", json=ANSWERS)
        assert response.status_code in {422, 428}, response.text
    stale = await act(client, lead | {"version": 7}, "disqualify", {"reason": "spam"})
    assert stale.status_code == 412


async def test_given_up_for_a_reason_and_back_by_hand_or_by_a_touch(client: AsyncClient, tx: AsyncSession) -> None:
    lead = await capture(client, **ANA)
    assert (await act(client, lead, "disqualify", {"reason": "whatever"})).status_code == 422
    gone = await done(client, lead, "disqualify", {"reason": "no_budget", "note": "next year"})
    assert (gone["status"], gone["disqualify_reason"], gone["disqualify_note"]) == (
        "disqualified", "no_budget", "next year"
    )  # fmt: skip
    back = await done(client, gone, "recycle")
    gone = await done(client, back, "disqualify", {"reason": "competitor"})
    heard = await capture(client, 200, email="ana@example.com", person_name="Ana Trujillo")
    assert (back["status"], heard["status"]) == ("recycled", "recycled")
    told = await events_of(tx, lead["id"])
    assert [kind for kind, _ in told] == [
        "lead.captured", "lead.disqualified", "lead.recycled", "lead.disqualified", "lead.touched", "lead.recycled"
    ]  # fmt: skip
    assert {"field": "disqualify_note", "old": None, "new": None} in told[1][1]["changes"]
    for _, event in (told[2], told[5]):
        assert event["changes"] == [{"field": "status", "old": "disqualified", "new": "recycled"}]


async def test_given_up_for_good_or_not_by_what_is_heard_afterwards(client: AsyncClient) -> None:
    lead = await capture(client, **ANA)

    async def heard(reason: str, **fields: object) -> str:
        nonlocal lead
        gone = await done(client, lead, "disqualify", {"reason": reason})
        lead = await capture(client, 200, email="ana@example.com", person_name="Ana Trujillo", **fields)
        assert lead["touch_count"] == gone["touch_count"] + 1
        found = lead["status"]
        if found == "disqualified":
            lead = await done(client, lead, "recycle")
        return str(found)

    no = {**YES, "granted": False}
    for reason in ("spam", "duplicate", "wrong_data"):
        assert await heard(reason, message="I am real") == "disqualified"
    assert await heard("no_budget", occurred_at="2026-01-01T00:00:00Z") == "disqualified"
    assert await heard("no_budget", consents=[no], campaign="SPRING-26") == "disqualified"
    assert await heard("no_budget", consents=[no], message="but do call me") == "recycled"
    assert await heard("no_budget", consents=[no, YES]) == "recycled"
    assert await heard("no_budget") == "recycled"


async def test_who_is_reached_is_contacted(client: AsyncClient, tx: AsyncSession) -> None:
    lead = await capture(client, **ANA)
    url = f"/v1/leads/{lead['id']}/activities"
    for body in (
        {"kind": "call", "subject": "no answer", "outcome": "not_reached"},
        {"kind": "note", "subject": "reached?", "outcome": "reached"},
    ):
        assert (await client.post(url, json=body)).status_code == 201
    assert (await client.get(f"/v1/leads/{lead['id']}")).json()["status"] == "new"
    call = {"kind": "call", "subject": "Spring", "outcome": "interested", "next_step": "Send samples"}
    response = await client.post(url, json=call | {"next_step_on": "2026-12-01"})
    activity = ActivityRead.model_validate(response.json())
    assert response.headers["location"] == f"/v1/activities/{activity.id}"
    now = (await client.get(f"/v1/leads/{lead['id']}")).json()
    assert (now["status"], now["next_step"], now["next_step_on"]) == ("contacted", "Send samples", "2026-12-01")
    due = (await client.get("/v1/leads", params={"next_step_due": "2026-12-01"})).json()["data"]
    assert due == [now]
    for later in ({"at": "2026-01-01T00:00:00Z", "next_step": "too late"}, {"next_step": None}):
        assert (await client.post(url, json=call | later)).status_code == 201
    assert (await client.get(f"/v1/leads/{lead['id']}")).json()["next_step"] == "Send samples"
    kinds = [kind for kind, _ in await events_of(tx, lead["id"])]
    assert (kinds.count("lead.contacted"), kinds.count("lead.activity_recorded")) == (1, 5)
    stranger = await client.post(url, json=call | {"contact_id": lead["id"]})
    assert (stranger.status_code, stranger.json()["errors"][0]["pointer"]) == (422, "/contact_id")


async def test_a_planned_day_goes_with_its_step(client: AsyncClient) -> None:
    lead = await capture(client, **ANA)
    assert (await change(client, lead, 422, next_step_on="2030-01-15"))["errors"][0]["pointer"] == "/next_step_on"
    lead = await change(client, lead, next_step="Call", next_step_on="2030-01-15")
    lead = await change(client, lead, next_step_on="2030-01-16")
    assert (lead["next_step"], lead["next_step_on"]) == ("Call", "2030-01-16")
    both = {"next_step": None, "next_step_on": "2030-01-17"}
    assert (await change(client, lead, 422, **both))["errors"][0]["pointer"] == "/next_step_on"
    lead = await change(client, lead, next_step=None)
    assert (lead["next_step"], lead["next_step_on"]) == (None, None)


async def test_what_was_done_with_a_lead_is_found_under_its_account(client: AsyncClient) -> None:
    lead = await qualified(client)
    url = f"/v1/leads/{lead['id']}/activities"
    before = (await client.post(url, json={"kind": "call", "subject": "before"})).json()
    assert before["account_id"] is None
    now = (await client.get(f"/v1/leads/{lead['id']}")).json()
    lead = await done(client, now, "convert", {})
    assert (await client.post(url, json={"kind": "call", "subject": "after"})).status_code == 201
    body = {"kind": "call", "subject": "of the account"}
    assert (await client.post(f"/v1/accounts/{lead['account_id']}/activities", json=body)).status_code == 201

    async def found(**query: str) -> list[str]:
        return [each["subject"] for each in (await client.get("/v1/activities", params=query)).json()["data"]]

    assert await found(account_id=lead["account_id"]) == ["of the account", "after", "before"]
    assert await found(lead_id=lead["id"]) == ["after", "before"]
    handed = await client.get(f"/v1/activities/{before['id']}")
    ActivityRead.model_validate(handed.json())
    assert (handed.json()["account_id"], handed.headers["etag"]) == (lead["account_id"], '"v2"')


async def test_corrections(client: AsyncClient) -> None:
    lead = await capture(client, **ANA)
    owner = await staff(client)
    lead = await change(
        client, lead, telephone="01 234 567", country="GB", owner_id=owner, product_skus=["X"], budget="planned",
        estimated_value="7.5", estimated_currency="KWD",
    )  # fmt: skip
    assert (lead["telephone_e164"], lead["estimated_value"], lead["unknown_skus"]) == ("+441234567", "7.500", ["X"])
    assert "budget" in {line["reason"] for line in lead["score_lines"]}
    owned = (await client.get("/v1/leads", params={"owner_id": owner})).json()["data"]
    assert owned == [lead]
    for fields, pointer in (
        ({"estimated_currency": None}, "/estimated_currency"),
        ({"email": "nobody"}, "/email"),
        ({"owner_id": lead["id"]}, "/owner_id"),
        ({"person_name": None, "company": None, "email": None, "telephone": None}, ""),
    ):
        assert (await change(client, lead, 422, **fields))["errors"][0]["pointer"] == pointer


async def test_an_email_and_a_person_belong_to_one_lead(client: AsyncClient) -> None:
    await capture(client, email="ana@example.com", person_name="Ana")
    bob = await capture(client, email="bob@example.com", person_name="Bob")
    moved = await change(client, bob, email="ana@example.com")
    assert moved["shared_email"] is True
    assert (await change(client, moved, shared_email=False))["shared_email"] is False
    for fields in ({"person_name": "ana"}, {"person_name": "ANA.", "email": "ana@example.com"}):
        refused = await change(client, moved | {"version": 3}, 409, **fields)
        assert "is this person" in refused["detail"]


async def test_convert_to_a_new_account_and_contact(client: AsyncClient, tx: AsyncSession) -> None:
    lead = await qualified(client, consents=[YES])
    owner = await staff(client)
    response = await act(client, lead, "convert", {"account": {"type": "reseller"}, "owner_id": owner})
    assert response.status_code == 200, response.text
    now = response.json()
    account = (await client.get(f"/v1/accounts/{now['account_id']}")).json()
    contact = (await client.get(f"/v1/contacts/{now['contact_id']}")).json()
    assert (now["status"], now["owner_id"], account["owner_id"]) == ("converted", owner, owner)
    assert (account["name"], account["type"], account["status"], account["currency"]) == (
        "Emparedados y helados", "reseller", "prospect", "EUR"
    )  # fmt: skip
    assert account["billing_address"]["country"] == "DE"
    assert (contact["name"], contact["email"], contact["telephone_e164"]) == (
        "Ana Trujillo", "ana@example.com", "+49300074321"
    )  # fmt: skip
    assert (contact["account_id"], contact["decision_maker"]) == (account["id"], True)
    assert contact["consents"] == now["consents"] != []
    told = dict(await events_of(tx, lead["id"]))["lead.converted"]
    assert (told["account_id"], told["contact_id"]) == (account["id"], contact["id"])
    again = await act(client, lead, "convert", {"account_id": lead["id"]})
    assert (again.status_code, again.json()) == (200, now)


async def test_convert_to_what_is_there(client: AsyncClient) -> None:
    first = await done(client, await qualified(client), "convert", {})
    other = await qualified(client, external_id="2", email="bob@example.com", person_name="Bob")
    for body, pointer in (
        ({"account_id": other["id"]}, "/account_id"),
        ({"contact_id": other["id"]}, "/contact_id"),
        ({"contact_id": first["contact_id"], "account_id": other["id"]}, "/contact_id"),
        ({"account_id": first["account_id"], "account": {}}, ""),
        ({"contact_id": first["contact_id"], "contact_name": "Bob"}, "/contact_name"),
    ):
        refused = await act(client, other, "convert", body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), refused.text
    second = await done(client, other, "convert", {"account_id": first["account_id"]})
    assert second["account_id"] == first["account_id"]
    assert second["contact_id"] != first["contact_id"]
    third = await qualified(client, external_id="3", email="", person_name="", telephone="+49 30 1")
    unnamed = await act(client, third, "convert", {"account_id": first["account_id"]})
    assert unnamed.json()["errors"][0]["pointer"] == "/contact_name"
    third = await done(client, third, "convert", {"contact_id": first["contact_id"]})
    assert (third["account_id"], third["contact_id"]) == (first["account_id"], first["contact_id"])
    namesake = await qualified(client, external_id="4", email="bob@other.example", person_name="Bob")
    namesake = await change(client, namesake, email="bob2@example.com")
    contact = {"account_id": first["account_id"], "name": "BOB", "email": "bob2@example.com"}
    there = (await client.post("/v1/contacts", json=contact)).json()["id"]
    assert (await done(client, namesake, "convert", {"account_id": first["account_id"]}))["contact_id"] == there


async def test_the_contact_can_keep_what_the_lead_had(client: AsyncClient) -> None:
    lead = await done(client, await qualified(client, telephone="desk " + "1" * 195), "convert", {})
    url = f"/v1/contacts/{lead['contact_id']}"
    contact = (await client.get(url)).json()
    again = {"telephone": contact["telephone"], "name": contact["name"], "job_title": contact["job_title"]}
    assert len(contact["telephone"]) == 200
    assert (await client.patch(url, json=again, headers={"If-Match": '"v1"'})).status_code == 200


async def test_a_withdrawal_wins_until_a_newer_grant_with_evidence(client: AsyncClient) -> None:
    async def standing() -> list[tuple[bool, str]]:
        found = (await client.get(f"/v1/leads/{lead['id']}")).json()["consents"]
        return [(one["granted"], one["source"]) for one in found]

    lead = await capture(client, **ANA | {"consents": [YES]})
    assert await standing() == [(True, "website")]
    no = {**YES, "granted": False, "at": "2026-02-01T00:00:00Z"}
    await capture(client, 200, email="ana@example.com", source="shop", consents=[no])
    assert await standing() == [(False, "shop")]
    later = {**YES, "at": "2026-03-01T00:00:00Z"}
    await capture(client, 200, email="ana@example.com", source="fair", consents=[later])
    assert await standing() == [(False, "shop")]
    url = f"/v1/leads/{lead['id']}/consents"
    for _ in range(2):
        response = await client.post(url, json=later | {"evidence": "signed form 17", "source": "shop"})
        assert (response.status_code, response.json()["version"]) == (200, 4), "said twice it changes nothing"
    assert await standing() == [(True, "shop")]
    said = (await client.get(url)).json()["data"]
    assert [ConsentRead.model_validate(each).model_dump(mode="json") for each in said] == said
    assert {(each["at"], each["granted"], each["source"], each["evidence"]) for each in said} == {
        (YES["at"], True, "website", None), (no["at"], False, "shop", None),
        (later["at"], True, "fair", None), (later["at"], True, "shop", "signed form 17"),
    }  # fmt: skip
    assert [each["at"] for each in said] == sorted((each["at"] for each in said), reverse=True)


async def test_consents_after_the_conversion_count_for_the_contact(client: AsyncClient) -> None:
    lead = await done(client, await qualified(client, consents=[YES]), "convert", {})
    no = {**YES, "granted": False, "at": "2026-02-01T00:00:00Z"}
    await capture(client, 200, email="ana@example.com", consents=[no])
    contact = (await client.get(f"/v1/contacts/{lead['contact_id']}")).json()
    assert [one["granted"] for one in contact["consents"]] == [False]


async def test_events_never_hold_personal_values(client: AsyncClient, tx: AsyncSession) -> None:
    lead = await done(client, await qualified(client), "convert", {})
    await change(client, lead, person_name="Anna Trujillo", email="anna@example.com", next_step="Call Anna")
    told = str([data for _, data in await events_of(tx, lead["id"])])
    assert "person_name" in told
    for value in ("Trujillo", "@example.com", "0074321", "Please call", "Call Anna", "tea and cakes"):
        assert value not in told


async def test_known_skus_are_not_unknown(client: AsyncClient, tx: AsyncSession) -> None:
    product = {"sku": "NW-1", "name": "Chai", "unit": "piece", "category": "Beverages"}
    assert (await client.post("/v1/products", json=product)).status_code == 201
    lead = await capture(client, **ANA | {"product_skus": ["nw-1", "NW-2"]})
    assert (lead["product_skus"], lead["unknown_skus"]) == (["nw-1", "NW-2"], ["NW-2"])
    assert await tx.scalar(select(OutboxEvent.type).where(OutboxEvent.subject_id == lead["id"])) == "lead.captured"
