import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernel.contact import email_domain, is_freemail, normalise_email, normalise_phone, person_key


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Anna.Berg@ACME.com", "anna.berg@acme.com"),
        ("  <Anna@acme.com>\u200b\n", "anna@acme.com"),
        ("anna+Fair@acme.com", "anna+fair@acme.com"),
        ("anna@Bücher.example", "anna@xn--bcher-kva.example"),
        ("anna@XN--BCHER-KVA.example", "anna@xn--bcher-kva.example"),
        ("JÖRG@acme.com", "jörg@acme.com"),
        ("groß@acme.com", "groß@acme.com"),
        ("anna@staging.test", "anna@staging.test"),
    ],
)
def test_an_address_has_one_form(typed: str, stored: str) -> None:
    assert normalise_email(typed) == stored


@pytest.mark.parametrize(
    "typed", ["", "  ", "anna", "anna@", "@acme.com", "a b@acme.com", "a@b@c.com", "a@acme", "a\x00@x.com", "a@x..com"]
)
def test_what_is_no_address_is_refused_with_a_reason(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        normalise_email(typed)


@given(st.one_of(st.emails(), st.text(max_size=30), st.text(max_size=9).map(lambda local: f"{local}@Bücher.example")))
@settings(deadline=None)
def test_a_normal_form_stays_and_anything_else_is_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        once = normalise_email(text)
        assert normalise_email(once) == once == once.lower()
        assert email_domain(once).isascii()


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("030 123456", "DE", "+4930123456"),
        ("030 123456", "de ", "+4930123456"),
        ("+44 (0)20 7946 0958", None, "+442079460958"),
        ("0044 20 7946 0958", "DE", "+442079460958"),
        ("(212) 555-0123 ext. 7", "US", "+12125550123"),
        ("02 1234 5678", "IT", "+390212345678"),
        ("030 123456", None, None),
        ("030 123456", "ZZ", None),
        ("555-0123", "US", None),  # works inside one town only
        ("call me", "DE", None),
        ("0", "DE", None),
        ("9" * 300, "DE", None),
        ("", "DE", None),
    ],
)
def test_telephone_numbers_become_e164_or_nothing(typed: str, country: str | None, stored: str | None) -> None:
    assert normalise_phone(typed, country) == stored


@given(st.text(), st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["DE", "US", "GB"])))
@settings(deadline=None)
def test_no_telephone_text_costs_a_lead(text: str, country: str | None) -> None:
    number = normalise_phone(text, country)
    assert number is None or (number.startswith("+") and number[1:].isascii() and number[1:].isdigit())


@pytest.mark.parametrize(
    "name",
    ["Anna Berg", "anna  BERG ", "Berg, Anna", "Ａｎｎａ Berg", "Anna\u00a0Berg.", "Anna\u200b Berg", "Anna-Berg"],  # noqa: RUF001
)
def test_spellings_of_one_name_are_equal(name: str) -> None:
    assert person_key(name) == "anna berg"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (None, ""),
        (" ", ""),
        ("-", ""),
        ("...", ""),
        ("O\u2019Brien, Pat", "pat obrien"),
        ("Pat O'Brien", "pat obrien"),
        ("J.R. Smith", "j r smith"),
        ("Anna Berg, PhD", "anna berg phd"),
        ("Berg, Anna, PhD", "berg anna phd"),
        (", Anna", "anna"),
        ("\u0149uzo", "nuzo"),  # an apostrophe comes out of the letter
        ("Andre\u200b\u0301", "andr\u00e9"),  # an accent meets its letter
        ("Straße", "strasse"),
        ("André", "andré"),
        ("李小龙", "李小龙"),
    ],
)
def test_person_keys(name: str | None, key: str) -> None:
    assert person_key(name) == key


@given(st.text())
@settings(deadline=None)
def test_a_person_key_is_its_own_key(name: str) -> None:
    key = person_key(name)
    assert person_key(key) == key == " ".join(key.split())


def test_people_who_differ_keep_different_keys() -> None:
    assert person_key("André Berg") != person_key("Andre Berg")
    assert person_key("Thomas Martin") != person_key("Martin Thomas")


def test_freemail_is_told_from_a_company() -> None:
    assert all(map(is_freemail, ["gmail.com", "GMX.net", "yahoo.co.uk", "yahoo.com.br", "live.nl", "web.de", "qq.com"]))
    assert not any(map(is_freemail, ["acme.com", "yahoo.acme.com", "mygmail.com", "live.company", ""]))
