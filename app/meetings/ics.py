"""Writes meetings as iCalendar (RFC 5545), for calendar programs."""

import re
from collections.abc import Iterable
from datetime import timedelta

from icalendar import Calendar, Event, vCalAddress, vDuration

from app.meetings.rules import MeetingStatus
from app.meetings.schemas import MeetingRead, ParticipantRead

MEDIA_TYPE = "text/calendar"
_READ_AGAIN = timedelta(minutes=15)
_OFF = {MeetingStatus.NOT_HELD, MeetingStatus.CANCELLED}
# What RFC 5545 has no place for; some programs take other separators of lines for the end of one, too.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")


def calendar_of(meetings: Iterable[MeetingRead], *, name: str | None = None) -> bytes:
    """A calendar of these meetings; `name` is that of a calendar that programs read again and again.

    It says what is, and invites nobody: no METHOD, with which no ATTENDEE could stand in it.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Bellwether//Meetings//EN")
    calendar.add("version", "2.0")
    if name is not None:
        calendar.add("name", _text(name))
        calendar.add("x-wr-calname", _text(name))
        calendar.add("refresh-interval", vDuration(_READ_AGAIN), parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", vDuration(_READ_AGAIN))
    for meeting in meetings:
        calendar.add_component(_event(meeting))
    written: bytes = calendar.to_ical()
    return written


def _event(meeting: MeetingRead) -> Event:
    event = Event()
    event.add("uid", str(meeting.id))
    event.add("sequence", meeting.version)
    event.add("dtstamp", meeting.updated_at)
    event.add("created", meeting.created_at)
    event.add("last-modified", meeting.updated_at)
    event.add("dtstart", meeting.starts_at)
    event.add("dtend", meeting.ends_at)
    event.add("summary", _text(meeting.subject))
    event.add("status", "CANCELLED" if meeting.status in _OFF else "CONFIRMED")
    if meeting.place is not None:
        event.add("location", _text(meeting.place))
    if description := _description(meeting):
        event.add("description", _text(description))
    event.add("organizer", _address(meeting.organizer_name, meeting.organizer_email))
    for person in meeting.participants:
        if person.email is not None:
            event.add("attendee", _address(person.name, person.email, ROLE="REQ-PARTICIPANT", CUTYPE="INDIVIDUAL"))
    return event


def _description(meeting: MeetingRead) -> str:
    """The agenda and, since an attendee needs an address, the names of those without one."""
    unaddressed = [person.name for person in meeting.participants if _has_no_address(person)]
    parts = [meeting.agenda or "", f"With {', '.join(unaddressed)}" if unaddressed else ""]
    return "\n\n".join(part for part in parts if part)


def _has_no_address(person: ParticipantRead) -> bool:
    return person.email is None


def _address(name: str, email: str, **parameters: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{email}")
    address.params.update({"CN": _text(name), **parameters})
    return address


def _text(value: str) -> str:
    return _NO_TEXT.sub(" ", value.replace("\r\n", "\n").replace("\r", "\n"))
