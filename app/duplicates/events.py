"""What happens with possible duplicates, and with what is merged. The subject of a merge is the one that stays."""

from uuid import UUID

from app.duplicates.rules import Kind
from app.kernel.outbox import Event


class DuplicateFound(Event):
    """Two records may be one; also when what speaks for it has changed after somebody dismissed them."""

    type = "duplicate.found"
    subject_type = "duplicates"

    kind: Kind
    left_id: UUID
    right_id: UUID
    score: int


class DuplicateWithdrawn(Event):
    """Two records were changed so that nothing speaks any more for their being one."""

    type = "duplicate.withdrawn"
    subject_type = "duplicates"

    kind: Kind
    left_id: UUID
    right_id: UUID


class DuplicateDismissed(Event):
    """Somebody looked, and they are two."""

    type = "duplicate.dismissed"
    subject_type = "duplicates"

    kind: Kind
    left_id: UUID
    right_id: UUID


class Merged(Event):
    """What all kinds tell: `merged_id` is the record whose id leads to the subject from now on."""

    merge_id: UUID
    merged_id: UUID


class LeadMerged(Merged):
    """Another lead became part of this one."""

    type = "lead.merged"
    subject_type = "leads"


class LeadUnmerged(Merged):
    """A lead that had become part of this one is one of its own again."""

    type = "lead.unmerged"
    subject_type = "leads"


class ContactMerged(Merged):
    """Another contact became part of this one."""

    type = "contact.merged"
    subject_type = "contacts"


class ContactUnmerged(Merged):
    """A contact that had become part of this one is one of its own again."""

    type = "contact.unmerged"
    subject_type = "contacts"


class AccountMerged(Merged):
    """Another account became part of this one, with all that it ordered."""

    type = "account.merged"
    subject_type = "accounts"


class AccountUnmerged(Merged):
    """An account that had become part of this one is one of its own again."""

    type = "account.unmerged"
    subject_type = "accounts"


MERGED: dict[Kind, type[Merged]] = {
    Kind.LEADS: LeadMerged,
    Kind.CONTACTS: ContactMerged,
    Kind.ACCOUNTS: AccountMerged,
}
UNMERGED: dict[Kind, type[Merged]] = {
    Kind.LEADS: LeadUnmerged,
    Kind.CONTACTS: ContactUnmerged,
    Kind.ACCOUNTS: AccountUnmerged,
}

ALL: tuple[type[Event], ...] = (
    DuplicateFound,
    DuplicateWithdrawn,
    DuplicateDismissed,
    LeadMerged,
    LeadUnmerged,
    ContactMerged,
    ContactUnmerged,
    AccountMerged,
    AccountUnmerged,
)
