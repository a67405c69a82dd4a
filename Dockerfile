# One image for every role: `relais api`, `relais worker`, `relais migrate`.
#
# NOT RUN: written on a machine without a Docker engine, so nobody has built this image yet. Checked there instead, on
# Debian 12 (bookworm, like the base image) with Python 3.12.1: the pip commands of both stages, word for word, in
# fresh virtualenvs; the names that the COPY lines take; the health check against an answering and a silent port.
# The base image is named by tag: pin its digest once you have pulled it.

FROM python:3.12-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

# -- the wheel, built by locked tools -----------------------------------------------------------------------------
FROM base AS wheel
WORKDIR /src
COPY requirements-dev.lock ./
# hatchling and what it needs, with their hashes, out of the list of 2 500 lines. A new dependency of hatchling stops
# the build here by name (--require-hashes): add it to the pattern.
RUN awk '/^[a-z]/ { keep = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } keep' \
        requirements-dev.lock > build.lock \
    && pip install --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY relais relais
COPY api api
COPY workers workers
COPY alembic alembic
COPY demo demo
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

# -- the locked libraries, then the wheel: code changes do not fetch libraries again -------------------------------
FROM base AS venv
RUN python -m venv /opt/relais
COPY requirements.lock ./
RUN /opt/relais/bin/pip install --require-hashes -r requirements.lock
COPY --from=wheel /wheels /wheels
RUN /opt/relais/bin/pip install --no-deps /wheels/relais-*.whl \
    && /opt/relais/bin/python -m compileall -q /opt/relais/lib

# -- what runs -----------------------------------------------------------------------------------------------------
FROM base
LABEL org.opencontainers.image.title="Relais" \
      org.opencontainers.image.licenses="EUPL-1.2"
# A fixed number, so that the rights on a shared volume mean the same in every container.
# /data is made and given away here: an empty named volume takes the owner of the folder it covers.
RUN groupadd --gid 10001 relais \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin relais \
    && install --directory --owner=10001 --group=10001 --mode=0750 /data
COPY --from=venv /opt/relais /opt/relais
ENV PATH=/opt/relais/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RELAIS_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8000
STOPSIGNAL SIGTERM
# http.client: no curl in the image, and no proxy of the environment between the check and the loopback.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["relais"]
# Inside a container the loopback is the container's own: the API has to listen on every address to be reached.
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]
