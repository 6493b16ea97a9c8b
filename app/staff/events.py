"""What happens to staff."""

from app.kernel.outbox import Event


class StaffCreated(Event):
    """Somebody joined the department."""

    type = "staff.created"
    subject_type = "staff"


class StaffUpdated(Event):
    """Somebody's record changed."""

    type = "staff.updated"
    subject_type = "staff"


ALL: tuple[type[Event], ...] = (StaffCreated, StaffUpdated)
