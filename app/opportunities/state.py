"""What an opportunity consists of: its account, lines and value, who has a part in it, and its changes of stage."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account, Contact
from app.accounts.rules import AccountStatus
from app.kernel import money, outbox
from app.kernel.company import Company
from app.kernel.errors import FieldError, Invalid
from app.kernel.outbox import Change
from app.opportunities.models import Opportunity, OpportunityContact, OpportunityLine, StageChange
from app.opportunities.rules import OpportunityLineCreate
from app.opportunities.schemas import OpportunityContactCreate
from app.products import service as products

PERSONAL = ("next_step", "notes", "lost_note")


async def account_to_sell_to(session: AsyncSession, account_id: UUID | None) -> Account | None:
    """The account with this id, if there is an id.

    Raises:
        Invalid: at `/account_id`, there is none, or it was merged into another or closed.

    """
    if account_id is None:
        return None
    account = await accounts.standing_account(session, account_id=account_id)
    if account.status is AccountStatus.CLOSED:
        raise Invalid.at("/account_id", "closed", "is a closed account: reopen it first")
    return account


async def lines_of(
    session: AsyncSession,
    row: Opportunity,
    *,
    account: Account | None,
    company: Company,
    wanted: Sequence[OpportunityLineCreate],
) -> list[OpportunityLine]:
    """The lines as asked for, at today's list prices where none was agreed.

    The list is the account's, where it is in the opportunity's currency, or else the default one of that currency.

    Raises:
        Invalid: at `/lines/…`, a product is unknown or has no price.

    """
    found = await products.price_lines(
        session,
        price_list_id=account.price_list_id if account and account.currency == row.currency else None,
        currency=row.currency,
        wanted=wanted,
        on=company.today(),
    )
    return [
        OpportunityLine(
            opportunity_id=row.id,
            line_no=line_no,
            product_id=priced.product.id,
            sku=priced.product.sku,
            quantity=line.quantity,
            list_price=priced.list_price,
            unit_price=priced.unit_price,
            discount=line.discount,
            price_reason=line.price_reason,
            amount=priced.amount,
        )
        for line_no, (line, priced) in enumerate(zip(wanted, found, strict=True), start=1)
    ]


async def set_value(
    session: AsyncSession,
    row: Opportunity,
    *,
    company: Company,
    lines: Sequence[OpportunityLine],
    amount: Decimal | None,
) -> None:
    """Set the amount, from the lines where there are any, and what it is in the company's currency at today's rate.

    Raises:
        Invalid: an amount is given beside lines, or there is no exchange rate.

    """
    if lines and amount is not None:
        raise Invalid.at("/amount", "lines", "is the sum of the lines: leave it out, or send no lines")
    row.exchange_rate = await products.rate_to_company(
        session, currency=row.currency, company_currency=company.currency, on=company.today()
    )
    whole = sum((line.amount for line in lines), Decimal(0)) if lines else amount or Decimal(0)
    row.amount = money.quantise(whole, row.currency)
    row.base_amount = money.convert(row.amount, row.exchange_rate, company.currency)


async def parts_of(
    session: AsyncSession, row: Opportunity, *, wanted: Sequence[OpportunityContactCreate]
) -> list[OpportunityContact]:
    """Who has which part in the decision.

    Raises:
        Invalid: at `/contacts/…`, somebody is no contact of the opportunity's account, or is named twice.

    """
    if not wanted:
        return []
    own = select(Contact.id).where(Contact.account_id == row.account_id, Contact.merged_into_id.is_(None))
    known = set(await session.scalars(own.where(Contact.id.in_([each.contact_id for each in wanted]))))
    seen: set[UUID] = set()
    wrong = []
    for index, each in enumerate(wanted):
        pointer = f"/contacts/{index}/contact_id"
        if each.contact_id not in known:
            wrong.append(FieldError(pointer, "unknown", "names no contact of the opportunity's account"))
        elif each.contact_id in seen:
            wrong.append(FieldError(pointer, "twice", "is named twice: a contact has one part"))
        seen.add(each.contact_id)
    if wrong:
        raise Invalid(wrong[0].detail, errors=wrong)
    return [OpportunityContact(opportunity_id=row.id, contact_id=each.contact_id, part=each.part) for each in wanted]


def stage_change(session: AsyncSession, row: Opportunity, *, from_stage_id: UUID | None) -> StageChange:
    """The change of stage that brought the opportunity to where it is."""
    return StageChange(
        opportunity_id=row.id,
        at=row.stage_changed_at,
        from_stage_id=from_stage_id,
        to_stage_id=row.stage_id,
        to_state=row.state,
        probability=row.probability,
        base_amount=row.base_amount,
        expected_close_on=row.expected_close_on,
        actor=outbox.origin(session).name,
    )


def news_of_lines(before: Sequence[OpportunityLine], now: Sequence[OpportunityLine]) -> list[Change]:
    """What is told of other lines: what is to be sold, and at what price."""
    return _told("lines", *([_line(each) for each in lines] for lines in (before, now)))


def news_of_parts(before: Sequence[OpportunityContact], now: Sequence[OpportunityContact]) -> list[Change]:
    """What is told of others with a part in the decision, in whatever order they were sent."""
    return _told("contacts", *(sorted(f"{each.contact_id} {each.part}" for each in parts) for parts in (before, now)))


def _line(line: OpportunityLine) -> str:
    reason = f" ({line.price_reason})" if line.price_reason else ""
    plain = [f"{value.normalize():f}" for value in (line.quantity, line.unit_price, line.discount)]
    return f"{plain[0]} {line.sku} at {plain[1]} less {plain[2]}{reason}"


def _told(field: str, before: Sequence[str], now: Sequence[str]) -> list[Change]:
    return [] if before == now else [Change(field=field, old="; ".join(before), new="; ".join(now))]
