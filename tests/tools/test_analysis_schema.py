"""The record's schema as it is published: up to date, and what records are."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator, ValidationError
from made_record import made_record

from tools.analysis.schema import DOCS, PAGE_FILE, SCHEMA_FILE, page_text, record_schema, schema_text

RENEW = "run: python -m tools.analysis.schema"


def test_the_published_schema_is_up_to_date() -> None:
    assert (DOCS / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text(), RENEW


def test_the_tables_of_the_page_are_up_to_date() -> None:
    page = (DOCS / PAGE_FILE).read_text(encoding="utf-8")
    assert page == page_text(page), RENEW
    with pytest.raises(ValueError, match="is missing"):
        page_text("a page without marks")


def test_records_are_what_the_schema_says() -> None:
    schema = record_schema()
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    for record in (made_record(5), made_record(1, vfr=True), made_record(1).model_copy(update={"shots": ()})):
        check.validate(json.loads(record.model_dump_json()))


def test_the_schema_refuses_what_is_no_record() -> None:
    check = Draft202012Validator(record_schema())
    good = json.loads(made_record(2).model_dump_json())
    for change in ({"film": None}, {"shots": [{"index": 1}]}, {"extra": 1}, {"aspects": "camera"}):
        with pytest.raises(ValidationError):
            check.validate({**good, **change})
    with pytest.raises(ValidationError):
        check.validate({key: value for key, value in good.items() if key != "film"})
