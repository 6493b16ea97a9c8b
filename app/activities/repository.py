"""Activities in the database."""

from typing import ClassVar

from sqlalchemy import ColumnElement

from app.activities.models import Activity
from app.activities.rules import ActivityRead
from app.activities.schemas import ActivityQuery
from app.kernel.repository import Repository


class Activities(Repository[Activity]):
    """Sorted by their time; filtered by lead, opportunity, account, contact, member of staff, kind and time."""

    model = Activity
    schema = ActivityRead
    noun = "activity"
    sorts: ClassVar = {"at": Activity.at}

    def conditions(self, query: ActivityQuery) -> list[ColumnElement[bool]]:
        equal = ("lead_id", "account_id", "opportunity_id", "contact_id", "by_id", "kind")
        found = [getattr(Activity, name) == value for name in equal if (value := getattr(query, name)) is not None]
        if query.at_from is not None:
            found.append(Activity.at >= query.at_from)
        if query.at_to is not None:
            found.append(Activity.at < query.at_to)
        return found


activities = Activities()
