"""What an opportunity may become: types of stages, parts in a decision, reasons for a loss. Pure: no I/O."""

from enum import StrEnum


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
