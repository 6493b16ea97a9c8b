"""The mapping file: everything that a data set needs said without code, and what cannot be meant."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.transfer.kinds import KINDS
from app.transfer.mapping import MappingFile, Plan, read_mapping
from app.transfer.reading import BadFile
from app.transfer.values import slug


def plan(mapping: dict[str, Any], columns: list[str] | None, kind: str = "accounts", required: bool = False) -> Plan:
    needed = KINDS[kind].required if required else ()
    rules = MappingFile.model_validate(mapping)
    return Plan(rules, KINDS[kind].shapes, columns, required=needed, timezone="Europe/Berlin")


def row(mapping: dict[str, Any], values: dict[str, Any], kind: str = "accounts") -> dict[str, Any]:
    found, wrong = plan(mapping, list(values), kind).row(values)
    assert wrong == []
    return found


def wrongs(mapping: dict[str, Any], values: dict[str, Any], kind: str = "accounts") -> list[tuple[str, str]]:
    _, wrong = plan(mapping, list(values), kind).row(values)
    return [(error.pointer, error.detail) for error in wrong]


def test_columns_of_the_same_name_need_no_line() -> None:
    assert row({}, {"name": " Acme ", "currency": "USD", "email": ""}) == {"name": "Acme", "currency": "USD"}


def test_one_column_may_become_several_fields_and_none_the_name_of_another() -> None:
    mapping = {"fields": {"name": "account", "external_id": "account"}}
    assert row(mapping, {"account": "Acme"}) == {"name": "Acme", "external_id": "Acme"}


def test_constants_defaults_and_words_for_nothing() -> None:
    mapping = {
        "empty": ["n/a"],
        "fields": {
            "currency": {"value": "USD"},
            "industry": {"column": "sector", "default": "other"},
            "website": "site",
            "payment_terms_days": {"default": 14},
        },
    }
    told = {"currency": "USD", "industry": "other", "payment_terms_days": 14}
    assert row(mapping, {"sector": "n/a", "site": ""}) == told
    assert row(mapping, {"sector": "tea", "site": "x"}) == told | {"industry": "tea", "website": "x"}


def test_values_scales_and_templates() -> None:
    scale = [{"to": 9, "value": "micro"}, {"to": 49, "value": "small"}, {"value": "large"}]
    mapping = {
        "fields": {
            "industry": {"column": "sector", "values": {"technolgy": "technology", "none": ""}},
            "size": {"column": "employees", "scale": scale},
            "email": {"template": "{first:lower}.{last:slug}@{first:upper}.example"},
        }
    }
    values = {"sector": "technolgy", "employees": "49", "first": "Ana", "last": "Müller-Lüdenscheidt"}
    found = {"industry": "technology", "size": "small", "email": "ana.muller.ludenscheidt@ANA.example"}
    assert row(mapping, values) == found
    assert row(mapping, values | {"sector": "none", "employees": "49.5", "last": " "}) == {"size": "large"}
    assert wrongs(mapping, values | {"employees": "many"}) == [("/size", "must be a number, not 'many'")]


def test_dates_and_numbers_as_others_write_them() -> None:
    mapping = {
        "dates": ["%m/%d/%Y", "%d.%m.%Y"],
        "decimal": ",",
        "thousands": ".",
        "fields": {"estimated_value": "value", "occurred_at": "when"},
    }
    found = row(mapping, {"value": "1.250,50", "when": "10/31/2016"}, "leads")
    assert found["estimated_value"] == "1250.50"
    assert found["occurred_at"].isoformat() == "2016-10-31T00:00:00+01:00"
    assert row(mapping, {"value": "1 250,5", "when": "31.10.2016"}, "leads")["estimated_value"] == "1250.5"
    wrong = wrongs(mapping, {"value": "1", "when": "2016-10-31"}, "leads")
    assert wrong == [("/occurred_at", "must be written as %m/%d/%Y or %d.%m.%Y, not '2016-10-31'")]


def test_yes_no_whole_numbers_lists_and_parts() -> None:
    values = {
        "key_account": "Yes", "payment_terms_days": "30", "billing_address.country": "DE",
        "billing_address.lines": '["Obere Str. 57", "Hof"]', "delivery_address.lines": "a; b",
        "delivery_address.country": "FR",
    }  # fmt: skip
    assert row({}, values) == {
        "key_account": True,
        "payment_terms_days": 30,
        "billing_address": {"country": "DE", "lines": ["Obere Str. 57", "Hof"]},
        "delivery_address": {"country": "FR", "lines": ["a", "b"]},
    }
    mapping = {"fields": {"product_skus": {"column": "product_skus", "separator": "|"}}}
    assert row(mapping, {"product_skus": "A|B"}, "leads") == {"product_skus": ["A", "B"]}
    assert wrongs({}, {"billing_address.lines": "[1"})[0][0] == "/billing_address/lines"


def test_json_tells_null_from_nothing_and_a_field_that_is_none() -> None:
    found, wrong = plan({}, None).row(
        {"name": 4711, "email": None, "credit_limit": 1250.5, "key_account": True, "x": 1}
    )
    assert found == {"name": "4711", "email": None, "credit_limit": "1250.5", "key_account": True}
    assert [(error.pointer, error.detail) for error in wrong] == [("/x", "is no field")]


@pytest.mark.parametrize(
    ("mapping", "columns", "says"),
    [
        ({}, ["name", "nonsense", "more"], "the columns nonsense, more"),
        ({"fields": {"nam": "name"}}, ["name"], "the field nam, which there is not"),
        ({"fields": {"name": "nome"}, "ignore": ["*"]}, ["name"], "the file has no column nome: it has name"),
        ({"fields": {"email": {"template": "{who}@x"}}, "ignore": ["*"]}, ["name"], "no column who"),
        ({"fields": {"email": {"template": "{name:reverse}@x"}}}, ["name"], "says reverse"),
        ({"fields": {"email": {"template": "{name"}}}, ["name"], "template of email cannot be read"),
        ({"dates": ["%Q"]}, ["name"], "writes dates in a way"),
    ],
    ids=["column", "field", "missing", "missing in template", "transform", "template", "date"],
)
def test_what_does_not_fit_is_named_before_anything_is_done(
    mapping: dict[str, Any], columns: list[str], says: str
) -> None:
    with pytest.raises(BadFile, match=says):
        plan(mapping, columns)


def test_a_field_that_no_row_can_do_without() -> None:
    with pytest.raises(BadFile, match="nothing gives currency"):
        plan({}, ["name"], required=True)
    with pytest.raises(BadFile, match="nothing gives account or account_id"):
        plan({}, ["name"], "contacts", required=True)
    plan({"fields": {"currency": {"default": "USD"}}}, ["name"], required=True)


def test_mapping_files(tmp_path: Path) -> None:
    toml, json = tmp_path / "m.toml", tmp_path / "m.json"
    toml.write_text('ignore = ["x"]\n[fields]\nname = "account"\n"billing_address.country" = { value = "DE" }\n')
    json.write_text('{"ignore": ["x"], "fields": {"name": "account", "billing_address.country": {"value": "DE"}}}')
    assert read_mapping(toml) == read_mapping(json)
    assert read_mapping(toml).digest == read_mapping(json).digest != read_mapping(None).digest
    for content, says in [
        ("fields = 1", "fields: "),
        ("[fields]\nname = { colum = 'x' }", "fields.name.colum"),
        ("[fields]\nname = { column = 'x', value = 'y' }", "more than one of"),
        ("[fields]\nname = {}", "says neither"),
        ("= 1", "is no TOML"),
    ]:
        toml.write_text(content)
        with pytest.raises(BadFile, match=says):
            read_mapping(toml)
    with pytest.raises(BadFile, match="cannot read"):
        read_mapping(tmp_path / "none.toml")


def test_slugs() -> None:
    assert slug("Mei-Mei O'Näill, Jr.") == "mei.mei.o.naill.jr"


def test_the_readmes_mapping_is_one(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (shown,) = re.findall(r"^```toml\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    file = tmp_path / "m.toml"
    file.write_text(shown)
    columns = ["opportunity_id", "agent", "product", "customer", "stage", "engage_date", "close_date", "close_value"]
    found = plan(read_mapping(file).model_dump(exclude_unset=True), columns, "opportunities", required=True)
    values = ["7", "Ana Ay", "GTXPro", "Acme", "Won", "10/31/2016", "", ""]
    row, wrong = found.row(dict(zip(columns, values, strict=True)))
    assert wrong == []
    assert (row["product"], row["stage"], row["unit_price"], row["name"]) == (
        "GTX Pro",
        "won",
        "0",
        "GTXPro for Ana Ay",
    )
    assert "lost_reason" not in row
