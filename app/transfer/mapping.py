"""The mapping file: which fields the columns of a file become, and how what stands in them is read. No code."""

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from app.kernel.errors import FieldError, pointer_of
from app.kernel.schema import Body
from app.transfer.reading import REASON, BadFile
from app.transfer.values import Reader, Shape, Unreadable, slug

_TRANSFORMS: Mapping[str, Callable[[str], str]] = {"": str, "lower": str.lower, "upper": str.upper, "slug": slug}


class Step(Body):
    """One step of a scale: up to this number (the last has none) it is this value."""

    to: float | None = None
    value: str


class Rule(Body):
    """Where a field's value comes from: a column, a template of columns, or the same value for all rows."""

    column: str | None = None
    template: str | None = Field(None, description="Such as `{agent:slug}@example.com`; also `lower` and `upper`.")
    value: Any = None
    default: Any = Field(None, description="In place of an empty value.")
    values: dict[str, Any] = Field({}, description="What stands there, and what it means.")
    scale: list[Step] = Field([], description="A number's place on a scale, such as a size for a head count.")
    dates: list[str] | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None
    separator: str | None = Field(None, description="Between the parts of a list; a semicolon if left out.")
    lookup: str | None = Field(None, description="By what it is looked up, if only one way will do.")

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> "Rule":
        places = [self.column is not None, self.template is not None, self.value is not None]
        if sum(places) > 1:
            raise ValueError("says more than one of column, template and value")
        if not any(places) and self.default is None:
            raise ValueError("says neither column, template, value nor default")
        return self


class MappingFile(Body):
    """A mapping file."""

    delimiter: str | None = None
    dates: list[str] = Field([], description="How days and times are written, as for `strptime`; tried in order.")
    decimal: Literal[".", ","] = "."
    thousands: str = ""
    empty: list[str] = Field([], description="What stands for nothing, beside an empty cell.")
    ignore: list[str] = Field([], description="Columns that are not wanted; `*` for all that nothing names.")
    fields: dict[str, Annotated[Rule | str, Field(union_mode="left_to_right")]] = Field(
        {}, description="What each field comes from."
    )

    @property
    def digest(self) -> str:
        """What tells this mapping from another one."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def rules(self) -> dict[str, Rule]:
        """The rules by field; a field that only names its column has a plain one."""
        return {name: Rule(column=rule) if isinstance(rule, str) else rule for name, rule in self.fields.items()}


def read_mapping(path: Path | None) -> MappingFile:
    """The mapping in a TOML or JSON file; without one, columns have the names of fields.

    Raises:
        BadFile: it cannot be read, or says what no mapping can.

    """
    if path is None:
        return MappingFile()
    try:
        text = path.read_text("utf-8")
        given = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        return MappingFile.model_validate(given)
    except OSError as error:
        raise BadFile(f"cannot read {path} ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if not _is_of_union(part))
        raise BadFile(f"{path}: {place}: {first['msg'].removeprefix('Value error, ')}") from None
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path} is no {'JSON' if path.suffix.lower() == '.json' else 'TOML'}: {error}") from None


def _is_of_union(part: str | int) -> bool:
    """Whether a part of an error's place is not the file's, but tells what the value was tried as."""
    return part == "str" or "Rule" in str(part)


class _Field:
    """One field of the rows: where it comes from and how it is read."""

    def __init__(self, name: str, rule: Rule, reader: Reader, empty: frozenset[str]) -> None:
        self.name = name
        self.path = name.split(".")
        self.column = rule.column
        self._rule = rule
        self._reader = reader
        self._empty = empty
        self._parts = list(Formatter().parse(rule.template)) if rule.template is not None else []

    @property
    def columns(self) -> list[str]:
        """The columns that it is made of."""
        of_template = [name for _, name, _, _ in self._parts if name]
        return [self.column] if self.column is not None else of_template

    @property
    def label(self) -> str:
        """How a person who has the file before them finds it."""
        return self.column or self.name

    def value(self, row: Mapping[str, Any]) -> tuple[bool, Any]:
        """Whether the row says something, and what.

        Raises:
            Unreadable: it is not written as it should be.

        """
        rule = self._rule
        if self.column is not None:
            given, there = row.get(self.column), self.column in row
        elif self._parts:
            given = self._made(row)
            there = given is not None
        else:
            given, there = rule.value, True
        if isinstance(given, str):
            given = given.strip()
            if given in self._empty:
                given, there = None, False
        if given is None:
            return (True, rule.default) if rule.default is not None else (there, None)
        if rule.values and isinstance(given, (str, int)):
            given = rule.values.get(str(given), given)
            if given == "":
                return rule.default is not None, rule.default
        if rule.scale:
            given = self._placed(given)
        return True, self._reader.read(given)

    def _made(self, row: Mapping[str, Any]) -> str | None:
        """What the template says; nothing when one of its columns does."""
        made = []
        for text, name, transform, _ in self._parts:
            made.append(text)
            if name:
                value = row.get(name)
                if value is None or not str(value).strip():
                    return None
                made.append(_TRANSFORMS[transform or ""](str(value).strip()))
        return "".join(made)

    def _placed(self, given: Any) -> Any:
        try:
            number = float(given)
        except (TypeError, ValueError):
            raise Unreadable(f"must be a number, not {given!r}") from None
        return next((step.value for step in self._rule.scale if step.to is None or number <= step.to), given)


class Plan:
    """A mapping for one kind of rows: what each row of a file says, by field."""

    def __init__(
        self,
        mapping: MappingFile,
        shapes: Mapping[str, Shape],
        columns: Sequence[str] | None,
        *,
        required: Iterable[str],
        timezone: str,
    ) -> None:
        """`shapes`: the fields there are. `columns`: the file's, when it says so at its beginning.

        Raises:
            BadFile: the mapping names fields or columns that there are not, a column is not accounted for, or nothing
                gives a field that is required.

        """
        self._mapping, self._shapes, self._timezone = mapping, shapes, timezone
        self._ignored = {*mapping.ignore, REASON}
        rules = mapping.rules()
        self._fields = [self._field(name, rule) for name, rule in rules.items()]
        self._named = {column for field in self._fields for column in field.columns}
        if columns is None:
            self._fields += [self._field(name, Rule(column=name)) for name in shapes if self._goes_by_itself(name)]
        else:
            self._fields += [self._field(name, Rule(column=name)) for name in columns if self._goes_by_itself(name)]
            self._check_columns(columns)
            self._check_required(required)
        self.labels = {field.name: field.label for field in self._fields}

    def _goes_by_itself(self, name: str) -> bool:
        named = {field.name for field in self._fields}
        return name in self._shapes and name not in named and name not in self._named and name not in self._ignored

    def _field(self, name: str, rule: Rule) -> _Field:
        shape = self._shapes.get(name)
        if shape is None:
            raise BadFile(
                f"the mapping names the field {name}, which there is not: there are {', '.join(self._shapes)}"
            )
        mapping = self._mapping
        try:
            for form in rule.dates or mapping.dates:
                datetime.strptime(date(2026, 12, 31).strftime(form), form)  # noqa: DTZ007 - only tried
        except ValueError as error:
            raise BadFile(f"the mapping writes dates in a way that cannot be read: {error}") from None
        reader = Reader(
            shape,
            dates=mapping.dates if rule.dates is None else rule.dates,
            decimal=rule.decimal or mapping.decimal,
            thousands=mapping.thousands if rule.thousands is None else rule.thousands,
            separator=rule.separator,
            timezone=self._timezone,
        )
        try:
            found = _Field(name, rule, reader, frozenset({"", *mapping.empty}))
        except ValueError as error:
            raise BadFile(f"the template of {name} cannot be read: {error}") from None
        if wrong := [each for _, _, each, _ in found._parts if (each or "") not in _TRANSFORMS]:  # noqa: SLF001 - its own
            raise BadFile(f"the template of {name} says {wrong[0]}: there are lower, upper and slug")
        return found

    def _check_columns(self, columns: Sequence[str]) -> None:
        if missing := sorted(self._named - set(columns)):
            raise BadFile(f"the file has no column {', '.join(missing)}: it has {', '.join(columns)}")
        if "*" not in self._ignored and (left := [column for column in columns if column not in self._known]):
            raise BadFile(
                f"nothing says what becomes of the columns {', '.join(left)}:"
                " name them in the mapping, or ignore them there; fields are " + ", ".join(self._shapes)
            )

    def _check_required(self, required: Iterable[str]) -> None:
        given = {field.name.partition(".")[0] for field in self._fields}
        if missing := [" or ".join(one.split("|")) for one in required if given.isdisjoint(one.split("|"))]:
            raise BadFile(
                f"nothing gives {', '.join(missing)}: name a column, a value or a default for it in the mapping"
            )

    def row(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldError]]:
        """The fields that a row of the file says something about, and what cannot be read in it."""
        row: dict[str, Any] = {}
        wrong = []
        for field in self._fields:
            try:
                there, value = field.value(values)
            except Unreadable as error:
                wrong.append(FieldError(pointer_of(field.path), "unreadable", str(error)))
                continue
            if there:
                _put(row, field.path, value)
        if "*" not in self._ignored:
            unknown = [name for name in values if name not in self._known]
            wrong += [FieldError(pointer_of([name]), "unknown", "is no field") for name in unknown]
        return row, wrong

    @cached_property
    def _known(self) -> set[str]:
        return {column for field in self._fields for column in field.columns} | self._ignored


def _put(row: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        inner = row.get(part)
        if not isinstance(inner, dict):
            inner = row[part] = {}
        row = inner
    row[path[-1]] = value
