# drift in a container: `drift serve`, `drift run`, and MLflow's server, which is one of its dependencies.
# Built in two stages, so that what installs is not in what runs. Every package is pinned by requirements.lock and
# checked against its hashes; what is for developers only stays out. docs/deploy.md says how it was checked.

FROM python:3.13.14-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
# the dependencies are a layer of their own: a change of drift's code does not fetch them again
COPY pyproject.toml requirements.lock ./
RUN uv venv /opt/drift && uv pip install --python /opt/drift --require-hashes --constraints requirements.lock \
    --requirements pyproject.toml --extra postgres --extra fast
COPY README.md LICENSE ./
COPY drift drift
RUN uv pip install --python /opt/drift --no-deps --build-constraints requirements.lock .

FROM python:3.13.14-slim
# a number, so that Kubernetes can see that it is not root; the folders are a volume's owner when it is made
RUN groupadd --gid 10001 drift && useradd --uid 10001 --gid drift --no-create-home drift \
    && install --directory --owner drift --group drift /data /var/lib/drift /var/log/drift
COPY --from=build /opt/drift /opt/drift
# nothing is written but in volumes and /tmp: the root may be read-only
ENV PATH=/opt/drift/bin:$PATH HOME=/tmp NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/drift
EXPOSE 9109
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9109/healthz', timeout=4)"]
ENTRYPOINT ["drift"]
CMD ["serve", "--config", "/etc/drift/drift.yaml"]
