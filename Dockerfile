# syntax=docker/dockerfile:1
# The worker: what runs Surefoot's flows beside your Prefect server. Built from the lock; runs as nobody in particular.

ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS build
# The same as the Makefile's (tested).
ARG UV=0.13.8
ENV UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --disable-pip-version-check --root-user-action=ignore "uv==${UV}"
WORKDIR /app
# What others wrote changes seldom: a layer of its own.
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-install-project
# Service files and deployments belong to the reviewed image: a run's parameters can only name what stands here.
COPY README.md LICENSE prefect.yaml ./
COPY surefoot surefoot
COPY tasks tasks
COPY flows flows
COPY commands commands
COPY rehearsal rehearsal
COPY infra/services infra/services
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev \
    && .venv/bin/python -m compileall -q surefoot tasks flows commands rehearsal


FROM python:${PYTHON}-slim-bookworm
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/surefoot --create-home surefoot
# Owned by root: what runs here cannot change what it is.
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
VOLUME /var/lib/surefoot
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SUREFOOT_STORE=/var/lib/surefoot/store.db
# PREFECT_API_URL names the server; without it, `up` starts one inside, for this container only.
ENTRYPOINT ["surefoot"]
CMD ["up", "--home", "/var/lib/surefoot/prefect"]
