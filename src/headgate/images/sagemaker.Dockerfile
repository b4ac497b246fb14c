# The image in which SageMaker serves packages of Headgate: `serve`, and `train` where the extra `train` is pinned.
#
# BASE is any image with a Python of the pinned version, by digest: name@sha256:... Build secrets, both optional:
# pip_conf (a pip.conf, for a private package index) and ca_bundle (certificates to trust).
ARG BASE
FROM ${BASE} AS build
ARG BASE
ARG PYTHON
RUN case "${BASE}" in *@sha256:*) ;; *) echo "BASE must be pinned: name@sha256:..." >&2; exit 1 ;; esac \
 && python3 -c 'import sys; have = "%d.%d" % sys.version_info[:2]; have == sys.argv[1] or sys.exit("BASE has Python " + have + ", requirements.txt is for PYTHON=" + sys.argv[1])' "${PYTHON}" \
 && python3 -m venv /opt/headgate
COPY pip/ /pip/
RUN --mount=type=secret,id=pip_conf --mount=type=secret,id=ca_bundle \
    if [ -s /run/secrets/ca_bundle ]; then export PIP_CERT=/run/secrets/ca_bundle; fi \
 && PIP_CONFIG_FILE=/run/secrets/pip_conf /opt/headgate/bin/pip install --no-cache-dir --disable-pip-version-check \
    --no-deps --only-binary :all: --require-hashes --requirement /pip/requirements.txt \
 && /opt/headgate/bin/pip check \
 && /opt/headgate/bin/pip uninstall --quiet --yes pip setuptools

FROM ${BASE}
COPY --from=build /opt/headgate /opt/headgate
# SageMaker and docker reach the server from outside the container; the port is SAGEMAKER_BIND_TO_PORT, or 8080.
ENV PATH=/opt/headgate/bin:${PATH} \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEADGATE_BIND=0.0.0.0 \
    SAGEMAKER_MODEL_SERVER_WORKERS=auto
RUN mkdir -p /opt/ml/model /opt/ml/input /opt/ml/output && chown -R 10001:10001 /opt/ml
USER 10001:10001
EXPOSE 8080
LABEL org.opencontainers.image.title="headgate-serving" \
      com.amazonaws.sagemaker.capabilities.accept-bind-to-port="true"
# For docker; SageMaker asks /ping itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:%s/ping' % (os.environ.get('SAGEMAKER_BIND_TO_PORT') or 8080), timeout=2)"]
ENTRYPOINT ["python", "-m", "headgate.container"]
CMD ["serve"]
