# The indexer, the explorer and the write API as one image: built in one stage, run in another without compiler, pip or root.
# Python 3.12 because every locked package ships a wheel for it.
FROM python:3.12.12-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

RUN python -m venv /opt/pend
WORKDIR /src

# Dependencies before code: a change of code leaves this layer alone.
COPY deploy/requirements.lock deploy/requirements.lock
RUN /opt/pend/bin/pip install --only-binary :all: --require-hashes -r deploy/requirements.lock

COPY pyproject.toml README.md ./
COPY evm evm
COPY node node
COPY postgres postgres
COPY service service
COPY sql sql
COPY migrations migrations
COPY indexer indexer
COPY explorer_api explorer_api
COPY write_api write_api
COPY devnet devnet
RUN /opt/pend/bin/pip install --no-index --no-deps --no-build-isolation . \
    && /opt/pend/bin/pip uninstall --yes setuptools pip \
    && /opt/pend/bin/pend-index --help >/dev/null 2>&1 \
    && /opt/pend/bin/pend-explorer --help >/dev/null 2>&1 \
    && /opt/pend/bin/pend-write --help >/dev/null 2>&1


FROM python:3.12.12-slim-bookworm

LABEL org.opencontainers.image.title="pend-indexer" \
      org.opencontainers.image.description="Indexer for a private Hyperledger Besu network" \
      org.opencontainers.image.version="0.1.0"

RUN groupadd --system --gid 10001 pend \
    && useradd --system --uid 10001 --gid pend --no-create-home --home-dir /nonexistent pend

# Keys and documents of the write API: a volume that is mounted here belongs to who runs.
RUN install --directory --owner=pend --group=pend --mode=0700 /var/lib/pend

COPY --from=build /opt/pend /opt/pend

ENV PATH=/opt/pend/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PEND_METRICS__HOST=0.0.0.0 \
    PEND_METRICS__PORT=9464

WORKDIR /
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM

# The daemon serves its metrics from the moment it has checked its network until it has stopped.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/metrics', timeout=4).read(1)"]

ENTRYPOINT ["pend-index"]
CMD ["run"]
