# The service as it runs in production: no embedded database, no compiler, no root.

FROM python:3.12-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/bellwether
ENV PATH=/opt/bellwether/bin:$PATH
WORKDIR /src
# First what changes seldom, so that a change of the code does not install everything again.
COPY requirements-image.lock ./
RUN pip install --require-hashes -r requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY migrations migrations
RUN pip install --no-deps --no-build-isolation .

FROM python:3.12-slim
# Time zones of the world: Python brings none, and business dates need the company's.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --uid 10001 --no-create-home --shell /usr/sbin/nologin bellwether
COPY --from=builder /opt/bellwether /opt/bellwether
ENV PATH=/opt/bellwether/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BELLWETHER_HOST=0.0.0.0
WORKDIR /
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('BELLWETHER_PORT', '8000')}/healthz\", timeout=4)"]
ENTRYPOINT ["bellwether"]
CMD ["serve"]
