"""Leads in the database: the lists, and the statements that capture is made of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    bindparam,
    case,
    column,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    select,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import JSON, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.accounts.models import Consent, standing_consents
from app.kernel import clock
from app.kernel.repository import Repository
from app.kernel.shape import body_of, json_list_of, json_of
from app.kernel.statement import Statement, among
from app.leads.assignment_models import AssignmentRule
from app.leads.assignment_repository import rules_as_json
from app.leads.dedupe import Identity, email_key
from app.leads.models import WORDS, Lead, LeadIdentity, LeadKey, LeadTouch
from app.leads.schemas import LeadAssignmentRead, LeadIdentityRead, LeadQuery, LeadRead, LeadTouchRead
from app.opportunities.models import Opportunity
from app.products.models import Product


def _texts(parameter: str) -> ColumnElement[Any]:
    """The texts of a list: sent as JSON, for the driver takes longer over an array."""
    return func.json_array_elements_text(bindparam(parameter, type_=JSON))


def _named() -> Select[UUID]:
    """The ids of the leads that have one of the `identities`."""
    pairs = func.json_to_recordset(bindparam("identities", type_=JSON))
    named = pairs.table_valued(column("source", Text), column("external_id", Text)).render_derived(with_types=True)
    here = (LeadIdentity.source == named.c.source) & (LeadIdentity.external_id == named.c.external_id)
    return select(LeadIdentity.lead_id).join(named, here)


def _holding() -> CompoundSelect[Any]:
    """Locks the keys `keys` and those of the emails of the leads that are `_named`; the latter are its rows.

    A lead is named too by a key that is the email of one which was merged into it.

    A new key is inserted, one that is there is locked by the update that never happens. One row more, without a name,
    has the active rules of assignment: who captures knows them without another statement.
    """
    email = (literal(email_key("")) + Lead.email).label("name")
    name = func.json_array_elements_text(bindparam("keys", type_=JSON)).column_valued("name")
    asked = select(func.substr(name, len(email_key("")) + 1)).where(name.startswith(email_key("")))
    merged = aliased(Lead)
    of_merged = (among(merged.email.expression, asked), merged.merged_into_id.is_not(None))
    into = select(merged.merged_into_id).where(*of_merged)
    known = among(Lead.id.expression, union(_named(), into))
    found = select(email).where(known, Lead.email.is_not(None)).cte("found")
    wanted = union(select(_texts("keys").label("name")), select(found.c.name)).subquery()
    key = func.hashtextextended(wanted.c.name, 0, type_=BigInteger).label("key")
    hashes = select(key).distinct().order_by(key)
    sent = insert(LeadKey.__table__).from_select(["key"], hashes)  # type: ignore[arg-type]
    locked = sent.on_conflict_do_update(index_elements=["key"], set_={"key": sent.excluded.key}, where=false())
    names = select(found.c.name, null().cast(Text).label("rules"))
    return names.union_all(select(null().cast(Text), rules_as_json(active_only=True))).add_cte(locked.cte("locked"))


def _knowing() -> Select[Any]:
    """Locks and reads the leads that are `_named` or have one of `emails`, and those that share such a lead's email."""
    theirs = select(Lead.email).where(among(Lead.id.expression, _named()))
    emails = union(select(_texts("emails")), theirs)
    standing = func.coalesce(Lead.merged_into_id, Lead.id)  # what was merged is found by its email as well
    ids = union(_named(), select(standing).where(among(Lead.email.expression, emails)))
    one = func.json_build_array(LeadIdentity.source, LeadIdentity.external_id, LeadIdentity.fingerprint)
    own = select(func.json_agg(one)).where(LeadIdentity.lead_id == Lead.id).scalar_subquery()
    table = Lead.__table__
    merged = aliased(Lead)
    pair = func.json_build_array(merged.email, merged.person_name)
    aliases = select(func.json_agg(pair)).where(merged.merged_into_id == Lead.id).scalar_subquery()
    columns = (*table.columns, own.label("identities"), aliases.label("aliases"))
    chosen = select(*columns).where(among(Lead.id.expression, ids))
    return chosen.order_by(Lead.id).with_for_update(key_share=True, of=table)


def _assignment() -> ColumnElement[Any]:
    rule = select(AssignmentRule.name).where(AssignmentRule.id == Lead.assigned_by_rule_id).correlate(Lead)
    facts: dict[str, ColumnElement[Any]] = {
        "rule_id": Lead.assigned_by_rule_id.expression,
        "rule_name": rule.scalar_subquery(),
        "at": Lead.assigned_at.expression,
        "reason": Lead.assignment_reason.expression,
    }
    return case((Lead.assigned_at.is_not(None), json_of(LeadAssignmentRead, Lead, facts)))


class Held(NamedTuple):
    """What `Leads.hold` found: the keys that were held beside those asked for, and the active rules of assignment."""

    keys: frozenset[str]
    rules: str | None


_HOLDING, _KNOWING = Statement(_holding()), Statement(_knowing())


class Leads(Repository[Lead]):
    """Sorted by age, last change or score; each filter has an index, in the order of age where it needs one."""

    model = Lead
    schema = LeadRead
    noun = "lead"
    sorts: ClassVar = {"created_at": Lead.created_at, "updated_at": Lead.updated_at, "score": Lead.score}
    searched = WORDS

    @cached_property
    def computed(self) -> Mapping[str, ColumnElement[Any]]:
        own = LeadIdentity.lead_id == Lead.id
        by = LeadIdentity.source + " " + LeadIdentity.external_id
        identities = json_list_of(LeadIdentityRead, LeadIdentity, where=own, order_by=by, parent=Lead)
        named = func.unnest(Lead.product_skus).table_valued("sku", name="named").render_derived()
        ours = exists().where(func.lower(Product.sku) == func.lower(named.c.sku)).correlate(named)
        unknown = select(func.coalesce(func.json_agg(named.c.sku), literal_column("'[]'::json"))).where(~ours)
        return {
            "identities": identities,
            "unknown_skus": unknown.select_from(named).correlate(Lead).scalar_subquery(),
            "opportunity_id": select(Opportunity.id)
            .where(Opportunity.lead_id == Lead.id)
            .correlate(Lead)
            .scalar_subquery(),
            "consents": standing_consents(Consent.lead_id, Lead),
            "assignment": _assignment(),
        }

    def conditions(self, query: LeadQuery) -> list[ColumnElement[bool]]:
        row = Lead
        exact: tuple[tuple[ColumnElement[Any], Any], ...] = (
            (row.status.expression, query.status),
            (row.source.expression, query.source),
            (row.campaign.expression, query.campaign),
            (row.owner_id.expression, query.owner_id),
        )
        found = [one == value for one, value in exact if value is not None]
        if query.min_score is not None:
            found.append(row.score >= query.min_score)
        for at, start, end in (
            (row.created_at, query.created_from, query.created_to),
            (row.updated_at, query.updated_from, query.updated_to),
        ):
            found += [at >= start] if start is not None else []
            found += [at < end] if end is not None else []
        if query.next_step_due is not None:
            found.append(row.next_step_on <= query.next_step_due)
        return found

    async def hold(self, session: AsyncSession, keys: Iterable[str], identities: Sequence[Identity] = ()) -> Held:
        """Hold keys (`dedupe.lock_keys`) and those of the emails of the leads with these identities, until the end.

        Returns the latter, and the rules by which new leads are given. Everybody takes keys in one statement, in the
        order of their hashes, so nobody waits for somebody who waits for them.
        """
        held = await _HOLDING.all(session, keys=list(keys), identities=_named_as(identities))
        (rules,) = (row.rules for row in held if row.name is None)
        return Held(frozenset(row.name for row in held if row.name is not None), rules)

    async def known(
        self, session: AsyncSession, emails: Iterable[str], identities: Sequence[Identity]
    ) -> list[dict[str, Any]]:
        """The leads with one of the identities or emails, and those that share such a lead's email; locked.

        Rows have the columns of the table, `identities`: the fingerprints as `[source, external id, fingerprint]`, and
        `aliases`: emails and names of what was merged into them, or None.
        """
        found = await _KNOWING.all(session, emails=list(emails), identities=_named_as(identities))
        return [row._asdict() for row in found]

    async def renew(self, session: AsyncSession, ids: Collection[UUID]) -> None:
        """A new version of locked leads about which something else is news than their own columns."""
        row = Lead
        values = {"version": row.version + 1, "updated_at": clock.now()}
        await session.execute(update(row).where(row.id.in_(ids)).values(values))


def _named_as(identities: Sequence[Identity]) -> list[dict[str, str]]:
    return [{"source": source, "external_id": external} for source, external in identities]


class Touches(Repository[LeadTouch]):
    """What was heard of a lead."""

    model = LeadTouch
    schema = LeadTouchRead
    noun = "touch"
    sorts: ClassVar = {"at": LeadTouch.at}

    @cached_property
    def _shown(self) -> Select[Any]:
        # What was heard never changes.
        return select(body_of(self.schema, LeadTouch), literal(1).label("version")).select_from(LeadTouch)  # type: ignore[return-value]


leads = Leads()
touches = Touches()
