# The server. Built by compose.yaml, or: docker build -f deploy/server.Dockerfile -t ttscope .

# By digest: --build-arg PYTHON_IMAGE=python:3.12-slim-bookworm@sha256:... (deploy/README.md).
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy UV_CACHE_DIR=/var/cache/uv
WORKDIR /build
COPY requirements/uv.lock requirements/uv.lock
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.lock
COPY requirements.lock ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv venv /opt/ttscope \
 && uv pip install --python /opt/ttscope/bin/python --compile-bytecode --require-hashes -r requirements.lock
# 16 MB more: the client of object stores, for TTSCOPE_SHARED_STORE.
COPY requirements/s3.lock requirements/s3.lock
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --python /opt/ttscope/bin/python --compile-bytecode --require-hashes -r requirements/s3.lock
# 300 MB more: speech recognisers, for TTSCOPE_RECOGNISED_SHARE, "verify" and the prober.
COPY requirements/verify.lock requirements/verify.lock
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --python /opt/ttscope/bin/python --compile-bytecode --require-hashes -r requirements/verify.lock
# What is in the image, with licences and who requires what. The tool that writes it stays out.
COPY requirements/audit.lock requirements/audit.lock
RUN --mount=type=cache,target=/var/cache/uv \
    uv venv /opt/audit \
 && uv pip install --python /opt/audit/bin/python --require-hashes -r requirements/audit.lock \
 && /opt/audit/bin/cyclonedx-py environment --output-reproducible --output-file sbom.cdx.json /opt/ttscope/bin/python

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="ttscope" \
      org.opencontainers.image.description="A text-to-speech server that you can see into" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-3.0-or-later AND LGPL-2.1-or-later AND MPL-2.0" \
      ttscope.sbom="/srv/ttscope/sbom.cdx.json"
COPY --from=build /opt/ttscope /opt/ttscope
WORKDIR /srv/ttscope
COPY --from=build /build/sbom.cdx.json ./
COPY LICENSE NOTICE ./
COPY otel otel
COPY server server
COPY probe probe
COPY deploy/server.sh deploy/server.sh
# Bytecode of Python's own modules too: the user can't write it, and each health check would compile them anew.
RUN useradd --uid 10001 --home-dir /srv/ttscope ttscope \
 && mkdir /data /observe \
 && chown ttscope /data /observe \
 && python -m compileall -q /usr/local/lib/python3.12 otel server probe
USER 10001
ENV PATH=/opt/ttscope/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TTSCOPE_HOST=0.0.0.0 \
    TTSCOPE_MANAGEMENT_HOST=0.0.0.0 \
    TTSCOPE_DATA_DIR=/data
# numba, which a dependency brings, wants a place for its cache.
ENV NUMBA_CACHE_DIR=/tmp
VOLUME /data /observe
EXPOSE 8010 8002
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request; urllib.request.urlopen('http' + 's' * bool(os.getenv('TTSCOPE_TLS_CERTIFICATE')) + '://127.0.0.1:8010/ready', timeout=4, context=ssl._create_unverified_context())"]
CMD ["sh", "deploy/server.sh"]
