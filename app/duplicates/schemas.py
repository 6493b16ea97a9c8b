"""What is received and answered about possible duplicates and merges."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.duplicates.rules import LEAST_SCORE, Kind, PairStatus, Reason, Side
from app.kernel.schema import Body, Query, Read, Stamped, Text


class DuplicateRead(Stamped):
    """Two records that may be one. `left_id` is the older one's id, as ids are made in the order of time."""

    kind: Kind
    left_id: UUID
    left_name: str | None = Field(description="Its person, company or address.", examples=["Ana Trujillo"])
    right_id: UUID
    right_name: str | None = Field(examples=["Trujillo, Anna"])
    score: Annotated[int, Field(description=f"{LEAST_SCORE} to 100; with less nobody is asked to look.", examples=[93])]
    reasons: list[Reason]
    status: PairStatus
    found_at: datetime
    note: str | None = Field(description="Why it was dismissed.")
    decided_at: datetime | None
    decided_by: str | None = Field(description="Name of the API key that dismissed or merged it.")


class RecordSide(Read):
    """One of the two, as of now; `version` goes into the If-Match of a merge into it."""

    id: UUID
    version: int
    number: str | None = Field(description="Of an account.")
    name: str | None = Field(description="Of the person.", examples=["Ana Trujillo"])
    company: str | None
    email: str | None
    telephone: str | None
    country: str | None
    status: str | None = Field(description="Of a lead or an account.")
    owner_id: UUID | None
    account_id: UUID | None = Field(description="Of a contact, or of a lead that was converted.")
    created_at: datetime
    last_activity_at: datetime | None
    merged_into_id: UUID | None


class Difference(Read):
    """A field in which the two differ: what a merge's `keep` may name."""

    field: str = Field(examples=["telephone"])
    left: str | None = Field(examples=["030 0074321"])
    right: str | None = Field(examples=["(5) 555-4729"])


class DuplicateDetail(DuplicateRead):
    """Two records side by side."""

    left: RecordSide
    right: RecordSide
    differences: list[Difference]


class DuplicateDismiss(Body):
    """Why the two are not one."""

    reason: Text = Field(examples=["Father and son, both called Hans"])


class DuplicateQuery(Query):
    """Filters of the list of possible duplicates."""

    kind: Kind | None = None
    status: PairStatus | None = None
    min_score: Annotated[int, Field(ge=0, le=100)] | None = None
    record_id: UUID | None = Field(None, description="With this lead, contact or account on either side.")
    sort: Literal["score", "-score", "found_at", "-found_at"] = "-score"


class LeadField(StrEnum):
    """What a merge of leads may keep of either."""

    PERSON_NAME = "person_name"
    JOB_TITLE = "job_title"
    COMPANY = "company"
    EMAIL = "email"
    TELEPHONE = "telephone"
    COMPANY_SIZE = "company_size"
    COUNTRY = "country"
    WEBSITE = "website"
    SOURCE = "source"
    CAMPAIGN = "campaign"
    OFFER = "offer"
    INTEREST = "interest"
    PRODUCT_SKUS = "product_skus"
    MESSAGE = "message"
    ESTIMATED_VALUE = "estimated_value"
    ATTRIBUTES = "attributes"
    INTEREST_LEVEL = "interest_level"
    INTENTION = "intention"
    HORIZON_MONTHS = "horizon_months"
    BUDGET = "budget"
    AUTHORITY = "authority"
    NEED = "need"
    OWNER_ID = "owner_id"
    NEXT_STEP = "next_step"


class ContactField(StrEnum):
    """What a merge of contacts may keep of either."""

    NAME = "name"
    JOB_TITLE = "job_title"
    DEPARTMENT = "department"
    EMAIL = "email"
    TELEPHONE = "telephone"
    LANGUAGE = "language"
    DECISION_MAKER = "decision_maker"
    ACTIVE = "active"


class AccountField(StrEnum):
    """What a merge of accounts may keep of either."""

    NAME = "name"
    TYPE = "type"
    INDUSTRY = "industry"
    SIZE = "size"
    KEY_ACCOUNT = "key_account"
    PARENT_ID = "parent_id"
    OWNER_ID = "owner_id"
    EMAIL = "email"
    TELEPHONE = "telephone"
    WEBSITE = "website"
    BILLING_ADDRESS = "billing_address"
    DELIVERY_ADDRESS = "delivery_address"
    PRICE_LIST_ID = "price_list_id"
    PAYMENT_TERMS_DAYS = "payment_terms_days"
    CREDIT_LIMIT = "credit_limit"
    GROUP_CREDIT_LIMIT = "group_credit_limit"
    NEXT_STEP = "next_step"


_KEEP = (
    "Whose value stays: `this`, the one in the path, or `other`, the one merged into it. Of what is not named the"
    " former's stays, and where it is empty the latter's fills it."
)


class _Merge(Body):
    from_id: UUID = Field(description="The one that becomes part of the one in the path.")


class LeadMerge(_Merge):
    """Which lead becomes part of this one, and whose values stay."""

    keep: dict[LeadField, Side] = Field(default_factory=dict, description=_KEEP, examples=[{"telephone": "other"}])


class ContactMerge(_Merge):
    """Which contact becomes part of this one, and whose values stay."""

    keep: dict[ContactField, Side] = Field(default_factory=dict, description=_KEEP, examples=[{"job_title": "other"}])


class AccountMerge(_Merge):
    """Which account becomes part of this one, and whose values stay."""

    keep: dict[AccountField, Side] = Field(
        default_factory=dict,
        description=f"{_KEEP} But for `price_list_id` and the limits of credit, where empty says something as well.",
        examples=[{"billing_address": "other"}],
    )


class FieldChange(Read):
    """A field of the surviving record that the merge changed."""

    field: str = Field(examples=["telephone"])
    before: str | None
    after: str | None


class MovedRows(Read):
    """How many rows of a kind had named the merged record, and name the surviving one since."""

    what: str = Field(description="Table and column.", examples=["activities.lead_id"])
    rows: int


class MergeRead(Stamped):
    """A record that became part of another; `created_at` is when."""

    kind: Kind
    survivor_id: UUID
    merged_id: UUID = Field(description="Its id answers with the surviving record.")
    merged_by: str = Field(description="Name of the API key.", examples=["sales"])
    changes: list[FieldChange]
    moved: list[MovedRows]
    undo_until: datetime = Field(description="Until then it can be undone.")
    undone_at: datetime | None
    undone_by: str | None
    kept_since: list[str] | None = Field(
        description="After it was undone: fields that were changed since the merge, and stayed as they were."
    )


class MergeQuery(Query):
    """Filters of the list of merges."""

    kind: Kind | None = None
    survivor_id: UUID | None = None
    merged_id: UUID | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"


class ScanRead(Read):
    """How far one has looked for duplicates."""

    name: str = Field(description="A kind of records: all of them, once; or `news`: what changes.", examples=["leads"])
    started_at: datetime
    finished_at: datetime | None = Field(description="Null while the pass goes on.")
    compared: int = Field(description="Pairs that were compared.")
    skipped_blocks: int = Field(description="Times that a key was shared by too many to compare them all.")


class Scans(Read):
    """How far one has looked for duplicates, of each kind."""

    data: list[ScanRead]
