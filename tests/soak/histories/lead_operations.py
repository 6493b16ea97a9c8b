"""What marketing sends, and what sales does with leads."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from httpx import Response
from hypothesis import strategies as st

from tests.soak.histories.seen import BACK, Seen, likely, newest
from tests.soak.histories.sending import STALE, Call, Operation, Told

_OF_CAPTURE = frozenset(
    {"lead.updated", "lead.recycled", "lead.consents_recorded", "contact.consents_recorded"}
)  # what else a capture may tell, of this lead or of those who share its email


@dataclass(frozen=True)
class Said:
    """What a row says about being contacted by email, at the full hour some hours `ago`, so that instants meet."""

    granted: bool
    evidence: bool
    ago: int

    def body(self, seen: Seen) -> dict[str, Any]:
        at = seen.now.replace(hour=seen.now.hour - self.ago, minute=0).isoformat()
        evidence = "double opt-in" if self.evidence else None
        return {"purpose": "marketing", "channel": "email", "granted": self.granted, "at": at, "evidence": evidence}


@dataclass(frozen=True)
class Row:
    """A lead as a source sends it; few sources, ids, addresses and people, so that they meet."""

    source: str
    external_id: str | None
    email: str | None
    person: str | None
    offer: str | None
    said: Said | None = None

    def body(self, seen: Seen) -> dict[str, Any]:
        return {
            "source": self.source,
            "external_id": self.external_id,
            "email": self.email,
            "person_name": self.person,
            "offer": self.offer,
            "company": None if self.email or self.person else "Alfreds Futterkiste",
            "consents": [self.said.body(seen)] if self.said else [],
        }


saying = st.builds(Said, granted=st.booleans(), evidence=st.booleans(), ago=st.integers(0, 5))
rows = st.builds(
    Row,
    source=st.sampled_from(["web", "fair"]),
    external_id=st.sampled_from([None, "1", "2", "3"]),
    email=st.sampled_from(["ana@example.com", "info@example.com", None]),
    person=st.sampled_from([None, "Ana Trujillo", "Trujillo, Ana", "Bo Ek"]),
    offer=st.sampled_from([None, "samples", "visit"]),
    said=st.none() | saying,
)
garbled = st.builds(
    Row, source=st.just("web"), external_id=st.none(), email=st.just("no address"), person=st.none(), offer=st.none()
)


@dataclass(frozen=True)
class Capture(Operation):
    """One lead. However the others race: it is never refused."""

    row: Row

    def call(self, seen: Seen) -> Call:
        return Call(path="/v1/leads", body=self.row.body(seen))

    def told(self, answer: Response) -> Told:
        return _told_of([answer.json()["result"]])


@dataclass(frozen=True)
class CaptureMany(Operation):
    """Several leads, the same one twice among them; a wrong row costs no other."""

    rows: tuple[Row, ...]

    def call(self, seen: Seen) -> Call:
        return Call(path="/v1/leads/bulk", body={"leads": [row.body(seen) for row in self.rows]})

    def told(self, answer: Response) -> Told:
        results = [each["status"] for each in answer.json()["data"]]
        assert len(results) == len(self.rows)
        assert [result == "invalid" for result in results] == [row.email == "no address" for row in self.rows]
        return _told_of(results)


def _told_of(results: list[str]) -> Told:
    counted = Counter(results)
    exactly = {"lead.captured": counted["created"], "lead.touched": counted["updated"]}
    return Told({kind: times for kind, times in exactly.items() if times}, beside=_OF_CAPTURE)


@dataclass(frozen=True)
class _OfLead(Operation):
    """Something done with a lead that is there, under its version."""

    lead: int
    likely: ClassVar[frozenset[str]] = frozenset({"new", "recycled"})
    refusals = frozenset({409, STALE})

    def to(self, seen: Seen, action: str, body: Any = None, method: str = "POST") -> Call | None:
        lead = likely(seen.leads, self.lead, self.likely)
        if lead is None:
            return None
        return Call(method=method, path=f"/v1/leads/{lead['id']}{action}", body=body, version=lead["version"])


@dataclass(frozen=True)
class Qualify(_OfLead):
    tells = Told({"lead.qualified": 1})

    def call(self, seen: Seen) -> Call | None:
        return self.to(seen, "/qualify", {"interest_level": "strong", "intention": "intends", "budget": "approved"})


@dataclass(frozen=True)
class Disqualify(_OfLead):
    reason: str
    tells = Told({"lead.disqualified": 1})

    def call(self, seen: Seen) -> Call | None:
        return self.to(seen, "/disqualify", {"reason": self.reason})


@dataclass(frozen=True)
class Recycle(_OfLead):
    likely = frozenset({"disqualified", "qualified"})
    tells = Told({"lead.recycled": 1})

    def call(self, seen: Seen) -> Call | None:
        return self.to(seen, "/recycle")


@dataclass(frozen=True)
class Convert(_OfLead):
    """Into a new account, or one that is there (`account`); asking again answers the same."""

    account: int | None
    likely = frozenset({"qualified"})
    answers_stale = True

    def call(self, seen: Seen) -> Call | None:
        if self.account is None:
            where: dict[str, Any] = {"account": {"name": "Emparedados y helados"}}
        else:
            where = {"account_id": newest(seen.accounts, self.account)}
        return self.to(seen, "/convert", {**where, "contact_name": "Ana Trujillo"})

    def told(self, _answer: Response) -> Told:
        more = frozenset({"contact.created", "contact.consents_recorded"})
        made = {"account.created": 1} if self.account is None else {}
        return Told({"lead.converted": 1, **made}, beside=more, or_none=True)


@dataclass(frozen=True)
class Correct(_OfLead):
    """A person corrects a lead by hand, into somebody whom another lead may be."""

    email: str
    person: str
    tells = Told({"lead.updated": 1}, or_none=True)

    def call(self, seen: Seen) -> Call | None:
        return self.to(seen, "", {"email": self.email, "person_name": self.person}, "PATCH")


@dataclass(frozen=True)
class Say(_OfLead):
    """A lead says on the telephone whether it may be written to."""

    said: Said
    refusals = frozenset()
    tells = Told({"lead.consents_recorded": 1}, beside=frozenset({"contact.consents_recorded"}), or_none=True)

    def call(self, seen: Seen) -> Call | None:
        lead = newest(seen.leads, self.lead)
        body = {**self.said.body(seen), "source": "telephone call"}
        return None if lead is None else Call(path=f"/v1/leads/{lead['id']}/consents", body=body)


marketing = st.one_of(
    st.builds(Capture, row=rows),
    st.builds(CaptureMany, rows=st.lists(st.one_of(rows, rows, garbled), min_size=1, max_size=5).map(tuple)),
)
sales = st.one_of(
    st.builds(Qualify, lead=BACK),
    st.builds(Qualify, lead=BACK),
    st.builds(Disqualify, lead=BACK, reason=st.sampled_from(["no_budget", "spam"])),
    st.builds(Recycle, lead=BACK),
    st.builds(Convert, lead=BACK, account=st.none() | st.integers(0, 2)),
    st.builds(
        Correct,
        lead=BACK,
        email=st.sampled_from(["ana@example.com", "info@example.com"]),
        person=st.sampled_from(["Ana Trujillo", "Bo Ek"]),
    ),
    st.builds(Say, lead=BACK, said=saying),
)
