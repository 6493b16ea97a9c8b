"""What is received and answered about the rules by which new leads are given to people."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from app.accounts.rules import CompanySize
from app.kernel.schema import (
    Amount,
    Body,
    Changes,
    Code,
    Country,
    Currency,
    Flag,
    Line,
    NonNegativeAmount,
    Query,
    Read,
    Stamped,
    Whole,
    Written,
    unset,
)
from app.leads.assignment import Away, RuleOutcome

_MOST = 300  # values of a condition
_MOST_MEMBERS = 200
_NAME = ["Tea in Germany and Austria"]


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _nobody_twice(members: list[UUID]) -> list[UUID]:
    if len(set(members)) < len(members):
        raise ValueError("names somebody twice")
    return members


Share = Annotated[Decimal, Written("0.5", whole=4, places=4, least="zero")]
Position = Annotated[
    Whole, Field(ge=0, le=1_000_000, description="Rules are asked in this order, the smallest first; then by id.")
]
Countries = Annotated[
    list[Country], AfterValidator(_once), Field(max_length=_MOST, examples=[["DE", "AT"]], description="Any of these.")
]
Codes = Annotated[list[Code], AfterValidator(_once), Field(max_length=_MOST, description="Any of these.")]
Sku = Annotated[str, Field(min_length=1, max_length=64)]
Skus = Annotated[
    list[Sku],
    AfterValidator(_once),
    Field(max_length=_MOST, description="Any of these among the lead's; case does not count."),
]
Sizes = Annotated[list[CompanySize], AfterValidator(_once), Field(max_length=4, description="Any of these.")]
MinValue = Annotated[
    NonNegativeAmount,
    Field(description="Of the estimated value. One in another currency does not match.", examples=["5000.00"]),
]
Members = Annotated[
    list[UUID],
    AfterValidator(_nobody_twice),
    Field(
        min_length=1,
        max_length=_MOST_MEMBERS,
        description="The staff among whom its leads are given in turn, in proportion to their capacities.",
    ),
]


class LeadAssignmentRuleCreate(Body):
    """A new rule. A condition that is left out, or empty, matches every lead."""

    name: Line = Field(examples=_NAME)
    position: Position = 100
    active: Flag = True
    countries: Countries = Field(default_factory=list)
    campaigns: Codes = Field(default_factory=list)
    sources: Codes = Field(default_factory=list)
    product_skus: Skus = Field(default_factory=list)
    sizes: Sizes = Field(default_factory=list)
    min_value: MinValue | None = None
    min_value_currency: Currency | None = None
    members: Members

    @model_validator(mode="after")
    def _value_has_currency(self) -> "LeadAssignmentRuleCreate":
        if (self.min_value is None) != (self.min_value_currency is None):
            raise ValueError("min_value and min_value_currency go together")
        return self


class LeadAssignmentRuleUpdate(Changes):
    """Changes to a rule. Who stays among `members` keeps his or her turn; who joins begins without being owed any."""

    name: Line = unset(examples=_NAME)
    position: Position = unset()
    active: Flag = unset()
    countries: Countries = unset()
    campaigns: Codes = unset()
    sources: Codes = unset()
    product_skus: Skus = unset()
    sizes: Sizes = unset()
    min_value: MinValue | None = None
    min_value_currency: Currency | None = None
    members: Members = unset()


class LeadAssignmentRuleSummary(Stamped):
    """A rule, as it is listed."""

    name: str
    position: int
    active: bool
    countries: list[str] = Field(examples=[["DE", "AT"]])
    campaigns: list[str] = Field(examples=[["SPRING-26"]])
    sources: list[str] = Field(examples=[["website"]])
    product_skus: list[str] = Field(examples=[["CHAI-10"]])
    sizes: list[CompanySize]
    min_value: Amount | None
    min_value_currency: str | None
    member_ids: list[UUID] = Field(description="Among whom its leads are given in turn.")


class LeadAssignmentMember(Read):
    """Somebody among whom a rule's leads are given in turn."""

    staff_id: UUID
    name: str
    capacity: Share = Field(description="The share, beside the others' who are there.", examples=["0.5"])
    given: int = Field(description="How many leads this rule has given.", examples=[12])
    active_today: bool
    absent_today: bool


class LeadAssignmentRuleRead(LeadAssignmentRuleSummary):
    """A rule, with how its members stand today. What they are given does not change its version."""

    members: list[LeadAssignmentMember]


class LeadAssignmentRuleQuery(Query):
    """How to list rules."""

    sort: Literal["position", "-position", "created_at", "-created_at"] = "position"


class LeadAssign(Body):
    """Who gets the lead: somebody by hand, or, left out, whoever the rules name."""

    owner_id: UUID | None = Field(None, description="Null, or left out: by the rules.")


class LeadFacts(Body):
    """What the rules look at."""

    source: Code | None = Field(None, examples=["website"])
    campaign: Code | None = Field(None, examples=["SPRING-26"])
    country: Country | None = Field(None, examples=["DE"])
    product_skus: Annotated[list[Sku], Field(max_length=100)] = Field(default_factory=list, examples=[["CHAI-10"]])
    company_size: CompanySize | None = None
    estimated_value: NonNegativeAmount | None = Field(None, examples=["12500.00"])
    estimated_currency: Currency | None = None

    @model_validator(mode="after")
    def _value_has_currency(self) -> "LeadFacts":
        if (self.estimated_value is None) != (self.estimated_currency is None):
            raise ValueError("estimated_value and estimated_currency go together")
        return self


class LeadAssignmentQuestion(Body):
    """A lead that is there, or what one would say: one of the two."""

    lead_id: UUID | None = None
    lead: LeadFacts | None = Field(
        None,
        examples=[{"source": "website", "country": "DE", "estimated_value": "9000.00", "estimated_currency": "EUR"}],
    )

    @model_validator(mode="after")
    def _one(self) -> "LeadAssignmentQuestion":
        if (self.lead_id is None) == (self.lead is None):
            raise ValueError("names either lead_id or lead")
        return self


class LeadAssignmentTurn(Read):
    """Somebody of a rule that matches, and why he or she gets nothing today, if that is so."""

    staff_id: UUID
    capacity: Share = Field(examples=["0.5"])
    given: int
    away: Away | None
    next: bool = Field(description="Whose turn it is.")


class LeadAssignmentVerdict(Read):
    """What one rule has to say about a lead."""

    rule_id: UUID
    name: str = Field(examples=_NAME)
    position: int
    outcome: RuleOutcome
    why: str = Field(examples=["country is FR, not AT or DE"])
    members: list[LeadAssignmentTurn] = Field(description="Of a rule that decides, or has nobody there.")


class LeadAssignmentExplanation(Read):
    """Which rule would decide, who would be next, and why the others would not; nobody is given anything."""

    rule_id: UUID | None
    owner_id: UUID | None
    reason: str = Field(examples=['rule "Tea in Germany and Austria" matches (country DE): next in turn'])
    at: datetime
    rules: list[LeadAssignmentVerdict] = Field(description="In the order in which they are asked; inactive ones too.")
