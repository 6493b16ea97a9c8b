"""The explicit list of everything the service is made of; nothing is found by scanning."""

from fastapi import APIRouter

from app.kernel import auth, health, idempotency, outbox
from app.kernel.db import Base
from app.staff import models as staff_models
from app.staff.router import routes as staff

ROUTERS: tuple[APIRouter, ...] = (health.router, staff)

MODELS = (auth.ApiKey, idempotency.IdempotencyRecord, outbox.OutboxEvent, outbox.OutboxHead, staff_models.StaffMember)

metadata = Base.metadata
