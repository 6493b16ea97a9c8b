"""What an opportunity may be and become: stages, parts in a decision, reasons for a loss, lines. Pure: no I/O."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import Field

from app.kernel.errors import FieldError
from app.products.rules import PricedLine


class StageType(StrEnum):
    """What a stage means, whatever it is called: still to be decided, decided for us, decided against us."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Part(StrEnum):
    """What a contact has to say in the decision."""

    DECISION_MAKER = "decision_maker"
    BUDGET_HOLDER = "budget_holder"
    CHAMPION = "champion"
    INFLUENCER = "influencer"
    USER = "user"
    GATEKEEPER = "gatekeeper"
    OPPONENT = "opponent"


class LostReason(StrEnum):
    """Why an opportunity was lost; asked for with every loss."""

    PRICE = "price"
    COMPETITOR = "competitor"
    PRODUCT = "product"
    DELIVERY = "delivery"
    NO_BUDGET = "no_budget"
    NO_DECISION = "no_decision"
    NO_CONTACT = "no_contact"
    POSTPONED = "postponed"
    OTHER = "other"


class OpportunityLineCreate(PricedLine):
    """A line: what is to be sold and, where it was agreed, at what price."""


Lines = Annotated[list[OpportunityLineCreate], Field(max_length=500)]


def wrong_in_move(
    to: StageType,
    *,
    has_account: bool,
    lost_reason: LostReason | None,
    lost_note: str | None,
    probability: Decimal | None,
    closed_on: date | None,
    opened_on: date,
    today: date,
) -> list[FieldError]:
    """What is missing or out of place in a move to a stage of this type, by field."""
    wrong: list[FieldError] = []
    stage = f"the stage is {'an open' if to is StageType.OPEN else f'a {to}'} one"
    if to is StageType.WON and not has_account:
        wrong.append(FieldError("/stage", "account", "needs an account: give the opportunity one first"))
    if to is StageType.LOST and lost_reason is None:
        wrong.append(FieldError("/lost_reason", "missing", "is needed for a lost stage"))
    if to is not StageType.LOST:
        asked = {"/lost_reason": lost_reason, "/lost_note": lost_note}
        wrong += [
            FieldError(pointer, "out_of_place", f"belongs to a lost stage: {stage}")
            for pointer, value in asked.items()
            if value is not None
        ]
    if to is not StageType.OPEN and probability is not None:
        wrong.append(FieldError("/probability", "out_of_place", f"follows from the decision: {stage}"))
    if closed_on is not None:
        wrong += _wrong_day(to, closed_on, opened_on, today)
    return wrong


def _wrong_day(to: StageType, closed_on: date, opened_on: date, today: date) -> list[FieldError]:
    if to is StageType.OPEN:
        return [FieldError("/closed_on", "out_of_place", "belongs to a decision: the stage is an open one")]
    if closed_on > today:
        return [FieldError("/closed_on", "future", "lies in the future")]
    if closed_on < opened_on:
        return [FieldError("/closed_on", "period", f"lies before {opened_on}, when it was opened")]
    return []


Person = TypeVar("Person")


def who_orders(people: Iterable[tuple[Person, Part]]) -> Person | None:
    """Whom the order names of those with a part in the decision: the one who decides, or the only one there is."""
    known = list(people)
    deciding = [person for person, part in known if part is Part.DECISION_MAKER] or [person for person, _ in known]
    return deciding[0] if len(deciding) == 1 else None
