"""How people are reached and told apart: one normal form for email addresses, telephone numbers and names.

Pure text in, pure text out: no DNS, no network, no database. Everything that compares people (deduplication of leads,
contacts of an account, consents) compares these forms and never what somebody typed.
"""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

_AROUND_EMAIL = " \t\r\n\v\f\u00a0\u200b\u2060\ufeff<>"  # what copying out of a mail program leaves around an address
_PLAIN_LOCAL_PART = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_SHORT = 64  # characters: well below the limits of an address and of its parts
_APOSTROPHES = dict.fromkeys(
    map(ord, "'`\u00b4\u2018\u2019\u201b\u02bb\u02bc\u2032\uff07")
)  # however typed, O'Brien is obrien
_ASCII_WORDS = re.compile("[A-Za-z0-9]+")
_COMMAS = re.compile("[,\u060c\u3001]")
_SUFFIXES = frozenset("jr sr ii iii iv phd md mba msc bsc ma ba llm esq cpa dipl ing".split())  # noqa: SIM905

_FREEMAIL = frozenset(
    """
    126.com 139.com 163.com bluewin.ch btinternet.com comcast.net duck.com fastmail.com free.fr freenet.de gmail.com
    googlemail.com hushmail.com icloud.com laposte.net libero.it mac.com mail.com mail.ru me.com msn.com naver.com
    orange.fr pm.me proton.me protonmail.com qq.com rediffmail.com rocketmail.com seznam.cz t-online.de tuta.com
    tutanota.com verizon.net wanadoo.fr web.de wp.pl yandex.com yandex.ru ymail.com zohomail.com
    """.split()  # noqa: SIM905
)
_FREEMAIL_FAMILY = re.compile(r"(?:aol|gmx|hotmail|live|outlook|yahoo)\.(?:com?\.)?[a-z]{2,3}")


def normalise_email(text: str) -> str:
    """The form of an address that is stored and compared; normalising it again changes nothing.

    Surrounding blanks and angle brackets go, letters become small on both sides of the @, an international domain takes
    its ASCII (punycode) form. A plus-tag stays: it is another mailbox as far as we can know. Local parts are lowered,
    not case-folded, for mail is sent to this form and folding ``ß`` to ``ss`` would reach somebody else.

    Only the syntax is checked. ``.test`` domains (RFC 2606) pass, since staging systems of senders use them.

    Raises:
        ValueError: not an address; the message says what is wrong with it, in words for the sender.

    """
    candidate = text.strip(_AROUND_EMAIL)
    try:
        local, _, domain = candidate.partition("@")
        if len(candidate) <= _SHORT and _PLAIN_LOCAL_PART.fullmatch(local):
            return f"{local.lower()}@{_ascii_domain(domain)}"
        parts = validate_email(candidate, check_deliverability=False, test_environment=True)
        return f"{unicodedata.normalize('NFC', parts.local_part.lower())}@{parts.ascii_domain.lower()}"
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error


@lru_cache(maxsize=10_000)
def _ascii_domain(domain: str) -> str:
    """Many people share few domains, and looking closely at one takes longer than all else about a lead."""
    return validate_email(f"x@{domain}", check_deliverability=False, test_environment=True).ascii_domain.lower()


def email_domain(email: str) -> str:
    """What stands after the @ of a normalised address."""
    return email.rpartition("@")[2]


def is_freemail(domain: str) -> bool:
    """Whether a domain hands mailboxes to anybody, so that it tells nothing about a company.

    A short list of the large providers and their national domains (``yahoo.co.uk``): False means "not known as one".
    """
    name = domain.strip().lower()
    return name in _FREEMAIL or _FREEMAIL_FAMILY.fullmatch(name) is not None


def normalise_phone(text: str, country: str | None) -> str | None:
    """A telephone number in E.164 (``+493012345678``), or None when the text is not a possible one.

    ``country`` (ISO 3166-1 alpha-2) is used where the text has no international prefix. Never raises: a garbled number
    in a web form must not cost the lead, and the text as typed stays with the touch. E.164 has no extensions: they go.
    """
    try:
        number = phonenumbers.parse(text, country.strip().upper() if country else None)
    except phonenumbers.NumberParseException:
        return None
    # is_possible_number() also lets numbers pass that only work inside one town: those have no E.164 form.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def person_key(name: str | None) -> str:
    """A person's name as compared between leads; '' when there is none ("-" or "." in a mandatory field is none).

    Case, width, blanks and punctuation do not count, apostrophes vanish, and "Berg, Anna" is "anna berg" (but in
    "Anna Berg, PhD" the order stays). Accents count: André and Andre may be two people.
    """
    text = name or ""
    if text.isascii() and "," not in text:  # what follows would come to the same, in five times the time
        return " ".join(_ASCII_WORDS.findall(text.replace("'", "").replace("`", "").lower()))
    text = text.translate(_APOSTROPHES)  # before NFKC takes an acute accent apart
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_APOSTROPHES)
    parts = [words for part in _COMMAS.split(text) if (words := _words(part))]
    if len(parts) == 2 and not _SUFFIXES.issuperset(parts[1]):  # noqa: PLR2004 - last name, first name
        parts.reverse()
    return unicodedata.normalize("NFC", " ".join(word for words in parts for word in words))


def _words(text: str) -> list[str]:
    """The words of a text; anything that is neither letter, accent nor digit separates, invisible characters vanish."""
    spaced = "".join(
        char if unicodedata.category(char)[0] in "LMN" else " " for char in text if unicodedata.category(char) != "Cf"
    )
    return [word for word in spaced.split() if any(map(str.isalnum, word))]
