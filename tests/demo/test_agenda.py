"""The demo's meetings: what was held has come down on its account, and who meets somebody today has it on the list."""

from sqlalchemy import select

from app.accounts.models import Account
from app.activities.models import Activity
from app.demo.agenda import COMING, HELD, RESULT
from app.kernel.company import Company
from app.kernel.settings import Settings
from app.meetings.models import Meeting
from app.meetings.rules import MeetingStatus
from app.worklist import service
from app.worklist.rules import EntryKind
from app.worklist.schemas import WorklistQuery
from tests.demo.conftest import Loaded


async def test_one_was_held_one_is_today_the_others_are_to_come(northwind_loaded: Loaded, settings: Settings) -> None:
    company = Company.of(settings)
    async with northwind_loaded.database.read() as reader:
        columns = (Meeting.subject, Meeting.status, Meeting.organizer_id, Meeting.activity_id, Meeting.starts_at)
        rows = (await reader.execute(select(*columns).order_by(Meeting.starts_at))).all()
        assert [(row.subject, row.status) for row in rows] == [
            (HELD.subject, MeetingStatus.HELD), *((each.subject, MeetingStatus.PLANNED) for each in COMING),
        ]  # fmt: skip
        done = select(Activity.notes, Account.next_step).join(Account, Account.id == Activity.account_id)
        (recorded,) = await reader.execute(done.where(Activity.id == rows[0].activity_id))
        assert tuple(recorded) == (RESULT.result, RESULT.next_step)
        entries = [
            (row.subject, entry.kind, entry.reason)
            for row in rows[:2]
            for query in [WorklistQuery(staff_id=row.organizer_id)]
            for entry in (await service.worklist(reader, company=company, query=query)).data
        ]
    assert (HELD.subject, EntryKind.NEXT_STEP, f"Next step due today: {RESULT.next_step}") in entries
    today = (COMING[0].subject, EntryKind.MEETING, f"Meeting from 10:00 to 11:00: {COMING[0].subject}")
    assert today in entries
