"""What two persons do to one account at once, with real commits."""

import asyncio
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from app.accounts import service
from app.accounts.models import Account, PurchaseEntry
from tests.accounts.customers import account, contact, if_match
from tests.conftest import Live

TIMES = 10


async def test_no_sale_and_no_exposure_is_lost(live: Live) -> None:
    account_id = UUID((await account(live.client))["id"])

    async def complete() -> None:
        async with live.database.transaction() as session:
            found = await service.lock_account(session, account_id=account_id)
            service.change_exposure(found, by=Decimal("0.10"))
            await service.record_sale(
                session, account=found, order_id=uuid7(), amount=Decimal("1.10"), on=date(2026, 6, 1)
            )

    await asyncio.gather(*(complete() for _ in range(TIMES)))
    shown = (await live.client.get(f"/v1/accounts/{account_id}")).json()
    assert (shown["open_exposure"], shown["status"], shown["version"]) == ("1.00", "active", 1 + TIMES)
    assert (shown["purchase_record"]["orders"], shown["purchase_record"]["revenue_lifetime"]) == (TIMES, "11.00")


async def test_an_order_that_completes_twice_at_once_is_entered_once(live: Live) -> None:
    account_id, order_id = UUID((await account(live.client))["id"]), uuid7()

    async def complete() -> None:
        async with live.database.transaction() as session:
            found = await service.lock_account(session, account_id=account_id)
            await service.record_sale(session, account=found, order_id=order_id, amount=Decimal(1), on=date(2026, 6, 1))

    done = await asyncio.gather(*(complete() for _ in range(TIMES)), return_exceptions=True)
    assert done.count(None) == 1
    async with live.database.read() as reader:
        assert await reader.scalar(select(func.count()).select_from(PurchaseEntry)) == 1


async def test_one_of_many_blocks_wins(live: Live) -> None:
    found = await account(live.client)
    url = f"/v1/accounts/{found['id']}/block"
    answers = await asyncio.gather(
        *(live.client.post(url, json={"reason": f"{n}"}, headers=if_match(found)) for n in range(TIMES))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * (TIMES - 1)


async def test_two_accounts_do_not_become_each_others_parent(live: Live) -> None:
    one, two = await account(live.client), await account(live.client)
    answers = await asyncio.gather(
        *(
            live.client.patch(f"/v1/accounts/{a['id']}", json={"parent_id": b["id"]}, headers=if_match(a))
            for a, b in ((one, two), (two, one))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_numbers_are_unique(live: Live) -> None:
    made = await asyncio.gather(*(account(live.client) for _ in range(TIMES)))
    assert len({each["number"] for each in made}) == TIMES
    async with live.database.read() as reader:
        assert await reader.scalar(select(func.count()).select_from(Account)) == TIMES


async def test_what_is_said_in_parallel_is_all_kept_and_shown_in_one_version(live: Live) -> None:
    person = await contact(live.client, (await account(live.client))["id"])
    url = f"/v1/contacts/{person['id']}/consents"
    said = {"purpose": "newsletter", "channel": "email", "granted": False, "at": "2026-06-01T12:00:00Z"}
    for answer in await asyncio.gather(
        *(live.client.post(url, json={**said, "source": f"{n // 2}"}) for n in range(TIMES))
    ):
        assert answer.status_code == 200, answer.text
    shown = (await live.client.get(f"/v1/contacts/{person['id']}")).json()
    assert (shown["version"], len(shown["consents"])) == (1 + TIMES // 2, 1)
