# One image for the five services and the operator's commands: `python -m services.<name>`, `ebbtide ...`.
FROM python:3.12-slim AS build
RUN python -m venv /opt/venv
COPY requirements-setup.txt requirements.txt /src/
RUN /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes \
        -r /src/requirements-setup.txt -r /src/requirements.txt
COPY pyproject.toml README.md /src/
COPY shared /src/shared
COPY services /src/services
COPY deploy /src/deploy
RUN /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation /src \
    && /opt/venv/bin/python -m pip uninstall --quiet --yes uv setuptools wheel pip
# The sources of compiled modules, and the bytecode of a highlighter that only a command line's error pages use.
RUN find /opt/venv/lib -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.c' -o -name '*.h' \) -delete \
    && find /opt/venv/lib -path '*/pygments/*' -name '*.pyc' -delete

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ebbtide
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    EBBTIDE_HTTP_HOST=0.0.0.0 EBBTIDE_HTTP_PORT=8080
WORKDIR /var/empty
USER 10001
# A service that waits for Kafka or PostgreSQL is alive and not ready; what it waits for is in the answer.
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=6 \
    CMD ["python", "-m", "deploy.containers.ready"]
CMD ["ebbtide", "--help"]
