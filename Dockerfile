# syntax=docker/dockerfile:1
# The service in a small image: no compiler, no root, and a root file system that may be read-only.

FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/fanoplane
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY ldp_core ldp_core
COPY client client
COPY server server
COPY migrations migrations
RUN /opt/fanoplane/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[server]'

FROM python:3.13-slim
RUN groupadd --gid 10001 fanoplane \
 && useradd --uid 10001 --gid fanoplane --no-create-home --home-dir /var/lib/fanoplane --shell /usr/sbin/nologin fanoplane \
 && install --directory --owner fanoplane --group fanoplane --mode 0700 /var/lib/fanoplane
COPY --from=build /opt/fanoplane /opt/fanoplane
# What is written lies in the data folder and in /tmp: compiled decoders are kept there, and workers add up metrics there.
ENV PATH=/opt/fanoplane/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    FANO_DATA_DIR=/var/lib/fanoplane \
    FANO_LOG_LEVEL=info
USER 10001:10001
WORKDIR /var/lib/fanoplane
VOLUME /var/lib/fanoplane
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["python", "-m", "server.cli.healthcheck"]
ENTRYPOINT ["fano"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
