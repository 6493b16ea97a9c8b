"""Configuration: every setting is an environment variable `BELLWETHER_<NAME>`."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.kernel.calendar import WorkingCalendar
from app.kernel.clock import today
from app.kernel.money import minor_units


def _currency(code: str) -> str:
    minor_units(code)
    return code


def _country(code: str | None) -> str | None:
    WorkingCalendar(code)
    return code


def _timezone(name: str) -> str:
    today(name)
    return name


class Settings(BaseSettings):
    """The service's settings; the defaults run the demo on this machine without any."""

    model_config = SettingsConfigDict(env_prefix="BELLWETHER_", extra="ignore", frozen=True)

    database_url: str | None = Field(None, description="PostgreSQL 15 or newer; without it an embedded one starts")
    data_dir: Path = Field(Path(".data"), description="where the embedded database and the demo's keys live")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    cors_origins: list[str] = Field(
        [], description='origins whose browsers may call, such as `["https://crm.example"]`'
    )

    company_currency: Annotated[str, AfterValidator(_currency)] = Field(
        "USD", description="ISO 4217 currency of credit limits, exposure and purchase records"
    )
    company_timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        "UTC", description="IANA time zone of business dates"
    )
    company_country: Annotated[str | None, AfterValidator(_country)] = Field(
        None, description="ISO country whose holidays are no working days"
    )
    price_allowance: Decimal = Field(
        Decimal("0.10"),
        ge=0,
        le=1,
        description="how far below the list a price may be before the order check blocks, as a fraction",
    )
    first_contact_hours: int = Field(
        24, ge=1, le=8760, description="hours within which a new lead is to be contacted, as the funnel measures it"
    )

    pool_size: int = Field(10, ge=1, description="database connections kept per process, for each of the two engines")
    pool_timeout: float = Field(15.0, gt=0, description="seconds a request waits for a connection before it gets a 503")
    statement_timeout: float = Field(10.0, gt=0, description="seconds one statement may take")
    lock_timeout: float = Field(5.0, gt=0, description="seconds one statement may wait for a lock")
    request_timeout: float = Field(40.0, gt=0, description="seconds a request may take before it gets a 503")
    head_timeout: float = Field(15.0, gt=0, description="seconds the head of a request may take to come")
    idle_timeout: int = Field(
        75, ge=1, description="seconds a connection may idle, or leave an answer untaken; longer than your proxy's"
    )
    max_requests: int = Field(1000, ge=1, description="requests at work at once per process; more get a 503")
    shutdown_timeout: int = Field(30, ge=0, description="seconds that requests in flight get when the service stops")
    max_body_bytes: int = Field(5 * 1024 * 1024, ge=1024, description="largest request body")

    idempotency_days: int = Field(7, ge=1, description="days an Idempotency-Key's answer is kept")
    worker_in_process: bool = Field(True, description="run the job worker inside `bellwether serve`")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least level that is logged")
    log_format: Literal["json", "console"] = Field("json", description="one JSON object a line, or coloured text")
