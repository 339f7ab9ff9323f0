# syntax=docker/dockerfile:1
# By digest after `make pin`, which renews it (docs/security.md).
ARG BASE=python:3.12-slim

FROM ${BASE}

ARG VERSION=0.2.0
ARG REVISION=
LABEL org.opencontainers.image.title="label-studio-aws-transcribe" \
    org.opencontainers.image.description="AWS Transcribe backend for Label Studio" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

# Of the commit, in seconds since 1970: with it the same commit makes the same layers (`make image-twice`).
ARG SOURCE_DATE_EPOCH

WORKDIR /app

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_CACHE_DIR=/.cache \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PORT=9090 \
    WORKERS=1 \
    MODEL_DIR=/data/models

COPY requirements.txt .
RUN --mount=type=cache,target=${PIP_CACHE_DIR},sharing=locked \
    pip install --quiet --require-hashes -r requirements.txt

RUN useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin backend \
    && mkdir -p /data/models && chown -R backend /data
COPY . .

USER backend
EXPOSE 9090
VOLUME /data

HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:%s/health' % os.environ['PORT'], timeout=4)"]

CMD ["gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app"]
