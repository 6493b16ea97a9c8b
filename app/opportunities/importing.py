"""Many opportunities at once, as they come from other systems, with what became of them and when."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.models import Contact
from app.kernel import bulk, clock, money, outbox
from app.kernel.bulk import BulkResult, Outcome, Rejected
from app.kernel.company import Company
from app.kernel.db import alone
from app.kernel.errors import Invalid
from app.kernel.outbox import Change
from app.kernel.upsert import Book, Name, one_by_one
from app.kernel.writes import Writes
from app.opportunities import events
from app.opportunities.models import Opportunity, OpportunityContact, OpportunityLine, Stage, StageChange
from app.opportunities.repository import opportunities, stages
from app.opportunities.rows import OpportunityLineRow, OpportunityRow
from app.opportunities.rules import StageType
from app.opportunities.state import PERSONAL
from app.products import service as products

_PLAIN = {
    "name", "account_id", "owner_id", "campaign", "source", "external_id", "next_step", "next_step_on", "competitor",
    "notes", "lost_note",
}  # fmt: skip


async def upsert_opportunities(
    session: AsyncSession, *, rows: Sequence[OpportunityRow | Rejected], company: Company
) -> BulkResult:
    """Add the opportunities that are new and change the others; fields that a row leaves out keep their value.

    A new one has the history that its days tell: opened in the first stage, decided on its day. A dozen statements,
    however many rows. One such batch waits for another.
    """
    await alone(session, "opportunities.upsert")
    taking = _Batch(session, company)
    await taking.read(list(bulk.accepted(rows).values()))
    done = one_by_one(rows, taking.take)
    await taking.write()
    return bulk.result(done, under="/opportunities")


class _Batch:
    """The opportunities that a batch is about."""

    def __init__(self, session: AsyncSession, company: Company) -> None:
        self._session, self._company, self._today = session, company, company.today()
        self._writes = Writes(session)
        self._actor = outbox.origin(session).name
        self._new_lines: dict[UUID, list[dict[str, Any]]] = {}
        self._new_contacts: dict[UUID, list[dict[str, Any]]] = {}

    async def read(self, rows: Sequence[OpportunityRow]) -> None:
        session = self._session
        called = [(row.source, row.external_id) for row in rows if row.source and row.external_id]
        numbers = {row.number for row in rows if row.number}
        stored = await opportunities.lock_many(session, {row.id for row in rows if row.id}, numbers, called)
        names: dict[Name, UUID] = {("id", str(row["id"])): row["id"] for row in stored}
        names |= {("number", row["number"]): row["id"] for row in stored}
        names |= {("external id", row["source"], row["external_id"]): row["id"] for row in stored if row["external_id"]}
        self._book = Book(Opportunity, stored, names)
        self._lines: dict[UUID, list[tuple[Any, ...]]] = {}
        self._contacts: dict[UUID, set[tuple[UUID, str]]] = {}
        ids = list(self._book.rows)
        for line in await opportunities.lines_of_many(session, ids):
            self._lines.setdefault(line["opportunity_id"], []).append(_said(line))
        for part in await opportunities.contacts_of_many(session, ids):
            self._contacts.setdefault(part["opportunity_id"], set()).add((part["contact_id"], part["part"]))
        self._stages = {stage.code: stage for stage in await session.scalars(select(Stage))}
        self._stage_of = {stage.id: stage for stage in self._stages.values()}
        self._first = await stages.first_open(session)
        self._products = await products.by_sku(session, skus={line.sku for row in rows for line in row.lines})
        unnamed = sum(row.number is None for row in rows)
        self._numbers = iter(await opportunities.free_numbers(session, unnamed, self._today.year) if unnamed else ())
        people = {one.contact_id for row in rows for one in row.contacts}
        theirs = select(Contact.id, Contact.account_id).where(Contact.id.in_(people))
        self._account_of = {one.id: one.account_id for one in await session.execute(theirs)} if people else {}
        await self._read_rates(rows)

    async def _read_rates(self, rows: Sequence[OpportunityRow]) -> None:
        ours, stored = self._company.currency, self._book.rows.values()
        currencies = {ours, *(row.currency for row in rows if row.currency), *(one["currency"] for one in stored)}
        days = {self._today, *(row.opened_on for row in rows if row.opened_on), *(one["opened_on"] for one in stored)}
        wanted = set(product(currencies, days))
        self._rates = await products.rates_to_company(self._session, company_currency=ours, wanted=wanted)

    def take(self, row: OpportunityRow) -> tuple[Outcome, UUID]:
        identity = self._find(row)
        old = self._book.rows[identity] if identity is not None else None
        stage = self._stage(row, old)
        values = self._values(row, old, stage)
        amounts, lines = self._amounts(row, old, values)
        values |= amounts
        self._check(row, values, stage)
        if identity is None:
            identity = self._create(row, values, stage)
            outcome = Outcome.CREATED
            self._replace(identity, row, lines, ["lines", "contacts"])
        else:
            outcome = self._change(identity, row, values, stage, lines)
        names: list[Name] = [("number", self._book.rows[identity]["number"])]
        if row.external_id and row.source:
            names.append(("external id", row.source, row.external_id))
        self._book.name(identity, names)
        return outcome, identity

    def _find(self, row: OpportunityRow) -> UUID | None:
        names: dict[Name, str] = {}
        if row.id is not None:
            names["id", str(row.id)] = "id"
            if ("id", str(row.id)) not in self._book.names:
                raise Invalid.at("/id", "unknown", "no opportunity has this id; leave it out for a new one")
        if row.external_id is not None and row.source is not None:
            names["external id", row.source, row.external_id] = "external_id"
        if row.number is not None:
            names["number", row.number] = "number"
        return self._book.find(names)

    def _stage(self, row: OpportunityRow, old: dict[str, Any] | None) -> Stage:
        if row.stage is None:
            return self._stage_of[old["stage_id"]] if old is not None else self._first
        if row.stage not in self._stages:
            raise Invalid.at("/stage", "unknown", f"there is no stage {row.stage}: there are {', '.join(self._stages)}")
        return self._stages[row.stage]

    def _values(self, row: OpportunityRow, old: dict[str, Any] | None, stage: Stage) -> dict[str, Any]:
        """The columns but for number and amounts, as the row leaves them."""
        named = row.model_dump(include=_PLAIN if old is None else _PLAIN & row.model_fields_set)
        before: dict[str, Any] = old or {}
        same = before.get("stage_id") == stage.id
        opened_on = row.opened_on or before.get("opened_on") or self._today
        decided = stage.type is not StageType.OPEN
        closed_on = (row.closed_on or (before.get("closed_on") if same else None) or self._today) if decided else None
        judged = row.probability if row.probability is not None else before.get("probability") if same else None
        reason = row.lost_reason or (before.get("lost_reason") if same else None)
        return named | {
            "stage_id": stage.id,
            "state": stage.type,
            "opened_on": opened_on,
            "closed_on": closed_on,
            "expected_close_on": row.expected_close_on or before.get("expected_close_on") or closed_on,
            "probability": stage.probability if decided or judged is None else judged,
            "lost_reason": reason if stage.type is StageType.LOST else None,
        }

    def _amounts(
        self, row: OpportunityRow, old: dict[str, Any] | None, values: dict[str, Any]
    ) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
        """The columns of the amount, and the lines when the row says any."""
        before: dict[str, Any] = old or {}
        currency = row.currency or before.get("currency") or self._company.currency
        lines = [self._line(number, line, currency) for number, line in enumerate(row.lines, 1)] if row.lines else None
        amount = None if row.amount is None else money.quantise(row.amount, currency)
        if lines is not None:
            total = sum((line["amount"] for line in lines), Decimal(0))
            if amount is not None and amount != total:
                raise Invalid.at("/amount", "not_the_sum", f"is not the sum of the lines, {total:f}")
            amount = total
        elif old is not None and self._lines.get(old["id"]) and amount not in (None, old["amount"]):
            raise Invalid.at("/amount", "has_lines", "is the sum of its lines: say those")
        if amount is None:
            amount = before.get("amount", Decimal(0))
        if old is not None and (amount, currency) == (old["amount"], old["currency"]):
            return {}, lines
        rate = self._rate(currency, values["opened_on"])
        base = money.convert(amount, rate, self._company.currency)
        return {"currency": currency, "amount": amount, "exchange_rate": rate, "base_amount": base}, lines

    def _rate(self, currency: str, day: date) -> Decimal:
        if (currency, day) not in self._rates:
            ours = self._company.currency
            raise Invalid.at("/currency", "no_rate", f"no exchange rate of {currency} to {ours} by {day}")
        return self._rates[currency, day]

    def _line(self, number: int, line: OpportunityLineRow, currency: str) -> dict[str, Any]:
        found = self._products.get(line.sku)
        if found is None:
            raise Invalid.at("/sku", "unknown", f"no product has the SKU {line.sku}")
        amount = money.line_amount(line.quantity, line.unit_price, line.discount, currency)
        said = line.model_dump(exclude={"sku"}) | {"sku": found.sku}
        return {"line_no": number, "product_id": found.id, "list_price": None, "amount": amount, **said}

    def _check(self, row: OpportunityRow, values: dict[str, Any], stage: Stage) -> None:
        wrong = {
            "opened_on": values["opened_on"] > self._today and "lies in the future",
            "closed_on": (values["closed_on"] or self._today) > self._today and "lies in the future",
            "expected_close_on": values["expected_close_on"] is None and "is needed while it is open",
            "account_id": stage.type is StageType.WON and not self._of(row, "account_id") and "is needed for a won one",
            "lost_reason": stage.type is StageType.LOST and not values["lost_reason"] and "is needed for a lost one",
            "next_step_on": self._of(row, "next_step_on") and not self._of(row, "next_step") and "needs a next_step",
        }
        if values["closed_on"] is not None and values["closed_on"] < values["opened_on"]:
            wrong["closed_on"] = "lies before opened_on"
        if row.closed_on is not None and stage.type is StageType.OPEN:
            wrong["closed_on"] = f"is the day of a decision, and {stage.code} is an open stage"
        if row.lost_reason is not None and stage.type is not StageType.LOST:
            wrong["lost_reason"] = f"is of a lost one, and {stage.code} is no lost stage"
        for account in (self._account_of.get(one.contact_id) for one in row.contacts):
            if account is None or account != self._of(row, "account_id"):
                wrong["contacts"] = "names a contact that is none of the account's"
        for field, detail in wrong.items():
            if detail:
                raise Invalid.at(f"/{field}", "not_so", detail)

    def _of(self, row: OpportunityRow, field: str) -> Any:
        """The field as the row leaves it."""
        identity = self._find(row)
        if field in row.model_fields_set or identity is None:
            return getattr(row, field)
        return self._book.rows[identity][field]

    def _create(self, row: OpportunityRow, values: dict[str, Any], stage: Stage) -> UUID:
        opened = clock.start_of(values["opened_on"], self._company.timezone)
        decided = stage.type is not StageType.OPEN
        since = clock.start_of(values["closed_on"], self._company.timezone) if decided else opened
        number = row.number or next(self._numbers)
        identity = self._book.create(values | {"number": number, "stage_changed_at": since})
        first = self._first if decided else stage
        self._moved(identity, None, first, opened, probability=first.probability if decided else values["probability"])
        told = {name: self._book.rows[identity][name] for name in ("number", "account_id", "currency", "amount")}
        event = events.OpportunityCreated(**told, lead_id=None, stage=first.code)
        self._writes.tell(identity, event)
        if decided:
            self._moved(identity, first, stage, since, probability=stage.probability)
            self._tell_decision(identity, stage)
        return identity

    def _moved(self, identity: UUID, start: Stage | None, to: Stage, at: Any, *, probability: Decimal) -> None:
        now = self._book.rows[identity]
        change = {
            "id": uuid7(), "opportunity_id": identity, "at": at, "from_stage_id": start and start.id,
            "to_stage_id": to.id, "to_state": to.type, "probability": probability, "base_amount": now["base_amount"],
            "expected_close_on": now["expected_close_on"], "actor": self._actor,
        }  # fmt: skip
        self._writes.insert(StageChange, [change])

    def _tell_decision(self, identity: UUID, stage: Stage, changes: tuple[Change, ...] = ()) -> None:
        now = self._book.rows[identity]
        if stage.type is StageType.WON:
            told = {name: now[name] for name in ("number", "account_id", "currency", "amount")}
            self._writes.tell(identity, events.OpportunityWon(**told, changes=changes))
        else:
            told = {"number": now["number"], "reason": now["lost_reason"], "competitor": now["competitor"]}
            self._writes.tell(identity, events.OpportunityLost(**told, changes=changes))

    def _change(
        self,
        identity: UUID,
        row: OpportunityRow,
        values: dict[str, Any],
        stage: Stage,
        lines: list[dict[str, Any]] | None,
    ) -> Outcome:
        old = dict(self._book.rows[identity])
        if row.number is not None:
            values["number"] = row.number
        if old["stage_id"] != stage.id:
            decided = values["closed_on"]
            values["stage_changed_at"] = clock.start_of(decided, self._company.timezone) if decided else clock.now()
        replaced = self._replaced(identity, row, lines)
        if old["order_id"] is not None and (replaced or any(old[n] != v for n, v in values.items() if n not in _PLAIN)):
            raise Invalid.at("/order_id", "ordered", "it has become an order, and only its notes and names change")
        changes = self._book.change(identity, values, personal=PERSONAL, also=bool(replaced))
        changes += tuple(Change(field=name) for name in replaced)
        if not changes:
            return Outcome.UNCHANGED
        self._replace(identity, row, lines, replaced)
        if old["stage_id"] == stage.id:
            number = self._book.rows[identity]["number"]
            self._writes.tell(identity, events.OpportunityUpdated(number=number, changes=changes))
            return Outcome.UPDATED
        before = self._stage_of[old["stage_id"]]
        now = self._book.rows[identity]
        self._moved(identity, before, stage, values["stage_changed_at"], probability=now["probability"])
        if stage.type is not StageType.OPEN:
            self._tell_decision(identity, stage, changes)
        elif before.type is StageType.OPEN:
            told = {"number": now["number"], "from_stage": before.code, "to_stage": stage.code}
            self._writes.tell(identity, events.OpportunityMoved(**told, changes=changes))
        else:
            reopened = events.OpportunityReopened(number=now["number"], to_stage=stage.code, changes=changes)
            self._writes.tell(identity, reopened)
        return Outcome.UPDATED

    def _replaced(self, identity: UUID, row: OpportunityRow, lines: list[dict[str, Any]] | None) -> list[str]:
        """Which of lines and contacts the row says otherwise."""
        found = []
        if lines is not None and [_said(line) for line in lines] != self._lines.get(identity, []):
            found.append("lines")
        if "contacts" in row.model_fields_set:
            said = {(one.contact_id, one.part) for one in row.contacts}
            found += ["contacts"] if said != self._contacts.get(identity, set()) else []
        return found

    def _replace(
        self, identity: UUID, row: OpportunityRow, lines: list[dict[str, Any]] | None, replaced: Sequence[str]
    ) -> None:
        if lines is not None and "lines" in replaced:
            self._new_lines[identity] = [{"id": uuid7(), "opportunity_id": identity, **line} for line in lines]
            self._lines[identity] = [_said(line) for line in lines]
        if "contacts" in replaced:
            parts = {one.contact_id: one.part for one in row.contacts}
            self._new_contacts[identity] = [
                {"opportunity_id": identity, "contact_id": contact, "part": part} for contact, part in parts.items()
            ]
            self._contacts[identity] = set(parts.items())

    async def write(self) -> None:
        """Write what has come of it; lines and contacts that were replaced go first."""
        for model, new in ((OpportunityLine, self._new_lines), (OpportunityContact, self._new_contacts)):
            if stored := [identity for identity in new if self._book.is_stored(identity)]:
                await self._session.execute(delete(model).where(model.opportunity_id.in_(stored)))
        self._book.write(self._writes)
        for rows in self._new_lines.values():
            self._writes.insert(OpportunityLine, rows)
        for rows in self._new_contacts.values():
            self._writes.insert(OpportunityContact, rows)
        await self._writes.send()


def _said(line: Any) -> tuple[Any, ...]:
    """What a line says, whether it is stored or comes in."""
    return (line["sku"], line["quantity"], line["unit_price"], line["discount"], line["price_reason"])
