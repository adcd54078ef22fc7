# The drift job, and MLflow's server. Built by compose.yaml, or: docker build -f deploy/drift.Dockerfile -t ttscope-drift .

# By digest: --build-arg PYTHON_IMAGE=python:3.12-slim-bookworm@sha256:... (deploy/README.md).
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy UV_CACHE_DIR=/var/cache/uv
WORKDIR /build
COPY requirements/uv.lock requirements/uv.lock
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.lock
COPY requirements/drift.lock requirements/drift.lock
RUN --mount=type=cache,target=/var/cache/uv \
    uv venv /opt/ttscope \
 && uv pip install --python /opt/ttscope/bin/python --compile-bytecode --require-hashes -r requirements/drift.lock
# What is in the image, with licences and who requires what. The tool that writes it stays out.
COPY requirements/audit.lock requirements/audit.lock
RUN --mount=type=cache,target=/var/cache/uv \
    uv venv /opt/audit \
 && uv pip install --python /opt/audit/bin/python --require-hashes -r requirements/audit.lock \
 && /opt/audit/bin/cyclonedx-py environment --output-reproducible --output-file sbom.cdx.json /opt/ttscope/bin/python

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="ttscope-drift" \
      org.opencontainers.image.description="The scheduled drift job of ttscope" \
      org.opencontainers.image.licenses="Apache-2.0" \
      ttscope.sbom="/srv/ttscope/sbom.cdx.json"
COPY --from=build /opt/ttscope /opt/ttscope
WORKDIR /srv/ttscope
COPY --from=build /build/sbom.cdx.json ./
COPY LICENSE NOTICE ./
COPY otel otel
COPY drift drift
# The Collector's user: its event files are readable by it alone.
# Bytecode of Python's own modules too: the user can't write it, and each health check would compile them anew.
RUN useradd --uid 10001 --home-dir /srv/ttscope ttscope \
 && mkdir /data \
 && chown ttscope /data \
 && python -m compileall -q /usr/local/lib/python3.12 otel drift
USER 10001
ENV PATH=/opt/ttscope/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp \
    DO_NOT_TRACK=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    TTSCOPE_DRIFT_EVENTS=/events \
    TTSCOPE_DRIFT_STATE=/data
VOLUME /data
CMD ["python", "-m", "drift", "schedule"]
