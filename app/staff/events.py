"""What happens to staff."""

from datetime import date
from uuid import UUID

from app.kernel.outbox import Event


class StaffCreated(Event):
    """Somebody joined the department."""

    type = "staff.created"
    subject_type = "staff"


class StaffUpdated(Event):
    """Somebody's record changed."""

    type = "staff.updated"
    subject_type = "staff"


class StaffAbsenceAdded(Event):
    """Somebody will be away, or was. Why is nobody's business."""

    type = "staff.absence_added"
    subject_type = "staff"

    absence_id: UUID
    from_day: date
    to_day: date


class StaffAbsenceRemoved(Event):
    """Somebody will not be away after all, or was not."""

    type = "staff.absence_removed"
    subject_type = "staff"

    absence_id: UUID
    from_day: date
    to_day: date


ALL: tuple[type[Event], ...] = (StaffCreated, StaffUpdated, StaffAbsenceAdded, StaffAbsenceRemoved)
