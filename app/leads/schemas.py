"""What is received and answered about leads."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.accounts.rules import AccountType, CompanySize, ConsentCreate, ConsentEntry
from app.kernel.bulk import BULK, Rows
from app.kernel.schema import (
    Amount,
    Body,
    Changes,
    Code,
    Country,
    Currency,
    Day,
    Email,
    Flag,
    Instant,
    Line,
    NonNegativeAmount,
    Query,
    Read,
    Stamped,
    Text,
    Whole,
    unset,
    words_of,
)
from app.leads.dedupe import CaptureOutcome
from app.leads.rules import Authority, Budget, DisqualifyReason, Intention, Interest, LeadStatus, Need, ScoreReason
from app.opportunities.rules import Lines

MOST_ATTRIBUTES = 20
_WIDEST = 10**15


def _one_error_each(given: object, validate: ValidatorFunctionWrapHandler) -> object:
    """The attributes, or one error for each that is wrong: every kind of value that it is not would be one more."""
    try:
        return validate(given)
    except ValidationError as error:
        told: dict[str | int, InitErrorDetails] = {}
        for each in error.errors():
            if not each["loc"]:
                raise
            name, *rest = each["loc"]
            told[name] = InitErrorDetails(
                type=_NO_NAME if rest == ["[key]"] else _NO_VALUE, loc=(name,), input=each["input"]
            )
        raise ValidationError.from_exception_data(error.title, list(told.values())) from None


_NO_NAME = PydanticCustomError("attribute_name", "must have a name of 1 to 64 characters")
_NO_VALUE = PydanticCustomError(
    "attribute_value", "must be a string of up to 500 characters, a number up to 10^15, true, false or null"
)
Name = Annotated[str, Field(min_length=1, max_length=64)]
Value = (
    Annotated[str, Field(max_length=500)]
    | Annotated[int, Field(ge=-_WIDEST, le=_WIDEST)]
    | Annotated[float, Field(ge=-_WIDEST, le=_WIDEST, allow_inf_nan=False)]
    | bool
)
Attributes = Annotated[
    dict[Name, Value | None],
    Field(max_length=MOST_ATTRIBUTES, examples=[{"utm_term": "tea", "visits": 4, "newsletter": True}]),
    WrapValidator(_one_error_each),
]
EstimatedValue = Annotated[NonNegativeAmount, Field(examples=["12500.00"])]
Horizon = Annotated[Whole, Field(ge=0, le=120, description="Months until they mean to buy.", examples=[3])]
Sku = Annotated[str, Field(min_length=1, max_length=64)]
Skus = Annotated[list[Sku], Field(max_length=100, examples=[["CHAI-10"]])]


def _none_for_blank(value: object) -> object:
    return None if isinstance(value, str) and (not value or value.isspace()) else value


# A web form sends "" for what was not filled in: that must not cost the lead.
_ShortInput = Annotated[str, Field(max_length=200)]
_LongInput = Annotated[str, Field(max_length=10_000)]
_CodeInput = Annotated[str, Field(max_length=64, pattern=r"^\S*$")]
_CountryInput = Annotated[str, Field(pattern=r"^([A-Z]{2})?$")]
MaybeLine = Annotated[Line | None, BeforeValidator(_none_for_blank, json_schema_input_type=_ShortInput | None)]
MaybeText = Annotated[Text | None, BeforeValidator(_none_for_blank, json_schema_input_type=_LongInput | None)]
MaybeCode = Annotated[Code | None, BeforeValidator(_none_for_blank, json_schema_input_type=_CodeInput | None)]
MaybeEmail = Annotated[Email | None, BeforeValidator(_none_for_blank, json_schema_input_type=_ShortInput | None)]
MaybeSize = Annotated[CompanySize | None, BeforeValidator(_none_for_blank, json_schema_input_type=CompanySize | None)]
MaybeCountry = Annotated[Country | None, BeforeValidator(_none_for_blank, json_schema_input_type=_CountryInput | None)]


class LeadCreate(Body):
    """A lead as a source system sends it. At least a person, company, email or telephone must be named."""

    source: Code = Field(description="The system that sends it.", examples=["website"])
    external_id: MaybeLine = Field(
        None, description="Its id there: sending it again updates the same lead.", examples=["form-20391"]
    )
    campaign: MaybeCode = Field(None, description="Code of the campaign that it answers.", examples=["SPRING-26"])
    offer: MaybeLine = Field(None, description="What was offered.", examples=["Free samples"])
    occurred_at: Instant | None = Field(None, description="When the person did it; now if left out, never later.")
    person_name: MaybeLine = Field(None, examples=["Ana Trujillo"])
    job_title: MaybeLine = Field(None, examples=["Owner"])
    company: MaybeLine = Field(None, examples=["Emparedados y helados"])
    company_size: MaybeSize = Field(None, description="How many people the company employs.")
    email: MaybeEmail = Field(
        None,
        description="A lead that `external_id` names does not take it over when another lead has it whose person is,"
        " or may be, the same: it keeps its own email, or none, and is flagged (`shared_email`).",
        examples=["ana@example.com"],
    )
    telephone: MaybeLine = Field(
        None, description="In any form; without an international prefix `country` tells it.", examples=["(5) 555-4729"]
    )
    country: MaybeCountry = Field(None, examples=["MX"])
    website: MaybeLine = None
    interest: MaybeText = Field(
        None, description="What they are interested in, in words.", examples=["teas for two shops"]
    )
    product_skus: Skus = Field(
        default_factory=list, description="What they are interested in; an SKU that we do not have is kept."
    )
    message: MaybeText = None
    estimated_value: EstimatedValue | None = None
    estimated_currency: Currency | None = None
    consents: Annotated[list[ConsentCreate], Field(max_length=20)] = Field(
        default_factory=list,
        description="What they said about being contacted; without a time, with this touch. It counts for the lead,"
        " for every other lead that has the email with the same or no person, and for their contacts.",
    )
    attributes: Attributes = Field(default_factory=dict, description=f"Up to {MOST_ATTRIBUTES} free values.")

    @property
    def only_withdraws(self) -> bool:
        """Whether they only asked not to be contacted: nothing granted, asked for, or wanted."""
        wanted = self.offer or self.interest or self.message or self.product_skus or self.estimated_value
        return bool(self.consents) and not wanted and not any(one.granted for one in self.consents)

    @model_validator(mode="after")
    def _has_somebody(self) -> "LeadCreate":
        if not (self.person_name or self.company or self.email or self.telephone):
            raise ValueError("names neither person, company, email nor telephone")
        return self

    @model_validator(mode="after")
    def _value_has_currency(self) -> "LeadCreate":
        if (self.estimated_value is None) != (self.estimated_currency is None):
            raise ValueError("estimated_value and estimated_currency go together")
        return self


class LeadBulk(Body):
    """Up to 1,000 leads. A wrong row costs no other."""

    leads: Annotated[Rows[LeadCreate], BULK]


class LeadIdentityRead(Read):
    """What a source system calls the lead."""

    source: str
    external_id: str


class ScoreLine(Read):
    """One line of a score."""

    reason: ScoreReason
    detail: str = Field(examples=["budget: approved"])
    points: int


class LeadAssignmentRead(Read):
    """How it was decided who has the lead, last."""

    rule_id: UUID | None = Field(description="The rule that decided; null when none had anybody, or it was by hand.")
    rule_name: str | None
    at: datetime
    reason: str = Field(examples=['rule "Tea in Germany and Austria" matches (country DE): next in turn'])


class LeadRead(Stamped):
    """A lead."""

    source: str = Field(description="The system that sent it first.")
    identities: list[LeadIdentityRead]
    campaign: str | None
    offer: str | None
    person_name: str | None
    job_title: str | None
    company: str | None
    company_size: CompanySize | None
    email: str | None
    shared_email: bool = Field(
        description="When an email came in for this lead, another lead had it already: several people share it, or"
        " this is one person twice (this lead did not take it over then). Somebody should look, and PATCH it to false."
    )
    telephone: str | None = Field(description="As it was typed.")
    telephone_e164: str | None = Field(description="The number to dial; null when what was typed is none.")
    country: str | None
    website: str | None
    interest: str | None
    product_skus: list[str] = Field(examples=[["CHAI-10"]])
    unknown_skus: list[str] = Field(examples=[[]], description="Those of `product_skus` that are no product of ours.")
    message: str | None
    estimated_value: Amount | None
    estimated_currency: str | None
    attributes: dict[str, str | int | float | bool]
    touch_count: int = Field(description="How often it was heard of.")
    status: LeadStatus
    status_changed_at: datetime
    disqualify_reason: DisqualifyReason | None = Field(description="Of the last disqualification.")
    disqualify_note: str | None
    interest_level: Interest | None
    intention: Intention | None
    horizon_months: int | None
    budget: Budget
    authority: Authority
    need: Need
    qualified_by_id: UUID | None
    qualified_at: datetime | None
    contacted_at: datetime | None = Field(description="The first time, before or when it was qualified.")
    score: int = Field(description="0 to 100: the sum of the lines, kept within.")
    score_lines: list[ScoreLine]
    owner_id: UUID | None
    assignment: LeadAssignmentRead | None = Field(description="Null when it was never given to anybody.")
    next_step: str | None
    next_step_on: date | None
    last_activity_at: datetime | None
    consents: list[ConsentEntry] = Field(description="What counts, for each purpose and channel.")
    account_id: UUID | None
    contact_id: UUID | None
    opportunity_id: UUID | None = Field(description="The opportunity that its conversion made.")
    converted_at: datetime | None


class CapturedLead(Read):
    """What became of a captured lead."""

    result: CaptureOutcome
    lead: LeadRead


class LeadUpdate(Changes):
    """Changes to a lead: corrections, who works on it, what comes next, and answers before it is qualified."""

    campaign: Code | None = None
    offer: Line | None = None
    person_name: Line | None = None
    job_title: Line | None = None
    company: Line | None = None
    company_size: CompanySize | None = None
    email: Email | None = None
    shared_email: Flag = unset(description="False when somebody has looked and found two people.")
    telephone: Line | None = None
    country: Country | None = None
    website: Line | None = None
    interest: Text | None = None
    product_skus: Skus = unset()
    estimated_value: EstimatedValue | None = None
    estimated_currency: Currency | None = None
    interest_level: Interest | None = None
    intention: Intention | None = None
    horizon_months: Horizon | None = None
    budget: Budget = unset()
    authority: Authority = unset()
    need: Need = unset()
    owner_id: UUID | None = None
    next_step: Line | None = Field(None, description="Null clears `next_step_on` as well.", examples=["Send samples"])
    next_step_on: Day | None = Field(None, description="When the next step is due; needs one, sent or planned.")


class LeadQualify(Changes):
    """What was found out; it makes the lead qualified, or corrects what was recorded. What is left out stays."""

    interest_level: Interest = Field(examples=[Interest.STRONG])
    intention: Intention = Field(description="How far the decision to buy has gone.", examples=[Intention.INTENDS])
    horizon_months: Horizon | None = None
    budget: Budget = unset(description="`unknown` takes an answer back.")
    authority: Authority = unset(description="`unknown` takes an answer back.")
    need: Need = unset(description="`unknown` takes an answer back.")
    qualified_by_id: UUID | None = Field(
        None, description="Which member of staff found it out. Who qualified it before does not count for a new time."
    )


class LeadDisqualify(Body):
    """Why the lead is not pursued."""

    reason: DisqualifyReason
    note: Text | None = None


class LeadConsentCreate(ConsentCreate):
    """What a lead said about being contacted, and where we have it from."""

    source: Line = Field(examples=["telephone call"])


class NewAccount(Body):
    """The account to be made of a lead; what is left out comes from the lead."""

    name: Line | None = Field(None, description="The lead's company, or else its person.")
    type: AccountType = AccountType.END_CUSTOMER
    industry: Line | None = None
    size: CompanySize | None = Field(None, description="The lead's `company_size` if left out.")
    currency: Currency | None = Field(None, description="That of the lead's estimated value, or else the company's.")


class NewOpportunity(Body):
    """The opportunity to be made of a lead; its contact has a part in it, its campaign and owner go along."""

    name: Line | None = Field(None, description="The account's name when left out.", examples=["Spring assortment"])
    expected_close_on: Day | None = Field(None, description="When the decision is expected; in 90 days if left out.")
    stage: Code | None = Field(
        None, description="A stage's code; the first open one when left out.", examples=["proposal"]
    )
    amount: NonNegativeAmount | None = Field(
        None, description="What it may be worth; without lines, the lead's estimate if left out."
    )
    currency: Currency | None = Field(None, description="That of the lead's estimate, or the account's.")
    lines: Lines = Field(
        [], description="What is to be sold. None are taken from the lead: it names products, not how many of them."
    )


class LeadConvert(Body):
    """Which account and contact the lead becomes. Without `account_id` or `contact_id` there is a new account."""

    account_id: UUID | None = None
    account: NewAccount | None = None
    contact_id: UUID | None = Field(None, description="A contact that is there; its account is the lead's.")
    contact_name: Line | None = Field(
        None, description="The new contact's name, without `contact_id`; the lead's person if left out."
    )
    owner_id: UUID | None = Field(None, description="Who looks after it; the lead's owner if left out.")
    opportunity: NewOpportunity | None = Field(
        None,
        description="Makes an opportunity as well; `{}` takes everything from the lead. Needs opportunities:write.",
    )

    @model_validator(mode="after")
    def _one_account(self) -> "LeadConvert":
        if self.account is not None and (self.account_id or self.contact_id):
            raise ValueError("names an existing account or contact and a new account")
        return self


class LeadQuery(Query):
    """Filters of the list of leads."""

    status: LeadStatus | None = None
    source: Code | None = None
    campaign: Code | None = None
    owner_id: UUID | None = None
    min_score: Annotated[int, Field(ge=0, le=100)] | None = None
    created_from: Instant | None = None
    created_to: Instant | None = Field(None, description="Up to, not including, this instant.")
    updated_from: Instant | None = None
    updated_to: Instant | None = Field(None, description="Up to, not including, this instant.")
    next_step_due: Day | None = Field(None, description="Only with a next step on or before this day.")
    words: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description=words_of("name, company, email, title, interest, message or website")
    )
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at", "score", "-score"] = "-created_at"


class LeadPayload(LeadCreate):
    """What was sent of a lead, validated; fields that were not sent are left out."""


class LeadTouchRead(Read):
    """One time a lead was heard of."""

    id: UUID
    at: datetime
    source: str
    external_id: str | None
    campaign: str | None
    offer: str | None
    payload: LeadPayload
    actor: str = Field(description="Name of the API key that sent it.", examples=["website"])


class LeadTouchQuery(Query):
    """How to list what was heard of a lead."""

    sort: Literal["at", "-at"] = "-at"
