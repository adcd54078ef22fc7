# The live dashboard. Built by compose.yaml, or: docker build -f deploy/dashboard.Dockerfile -t ttscope-dashboard .

# By digest: --build-arg PYTHON_IMAGE=python:3.12-slim-bookworm@sha256:... (deploy/README.md).
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy UV_CACHE_DIR=/var/cache/uv
WORKDIR /build
COPY requirements/uv.lock requirements/uv.lock
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.lock
COPY requirements/dashboards.lock requirements/dashboards.lock
RUN --mount=type=cache,target=/var/cache/uv \
    uv venv /opt/ttscope \
 && uv pip install --python /opt/ttscope/bin/python --compile-bytecode --require-hashes -r requirements/dashboards.lock
# What is in the image, with licences and who requires what. The tool that writes it stays out.
COPY requirements/audit.lock requirements/audit.lock
RUN --mount=type=cache,target=/var/cache/uv \
    uv venv /opt/audit \
 && uv pip install --python /opt/audit/bin/python --require-hashes -r requirements/audit.lock \
 && /opt/audit/bin/cyclonedx-py environment --output-reproducible --output-file sbom.cdx.json /opt/ttscope/bin/python

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="ttscope-dashboard" \
      org.opencontainers.image.description="The live dashboard of ttscope" \
      org.opencontainers.image.licenses="Apache-2.0" \
      ttscope.sbom="/srv/ttscope/sbom.cdx.json"
COPY --from=build /opt/ttscope /opt/ttscope
WORKDIR /srv/ttscope
COPY --from=build /build/sbom.cdx.json ./
COPY LICENSE NOTICE ./
COPY otel otel
COPY dashboards dashboards
# The drift job's user: its pages are readable by it alone.
# Bytecode of Python's own modules too: the user can't write it, and each health check would compile them anew.
RUN useradd --uid 10001 --home-dir /srv/ttscope ttscope \
 && python -m compileall -q /usr/local/lib/python3.12 otel dashboards
USER 10001
ENV PATH=/opt/ttscope/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TTSCOPE_DASHBOARD_HOST=0.0.0.0 \
    TTSCOPE_DASHBOARD_DRIFT_DIR=/drift \
    TTSCOPE_DASHBOARD_VIEWS=/views
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["python", "-m", "dashboards", "live"]
