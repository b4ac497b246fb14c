# BASE is any image with a Python of the version PYTHON, by digest: name@sha256:... Build secrets, both optional:
# pip_conf (a pip.conf, for a private package index) and ca_bundle (certificates to trust).
ARG BASE
FROM ${BASE} AS build
USER 0:0
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
