
# SageMaker's words: `serve`, and `train` where the extra `train` is installed. SageMaker brings the package itself.
FROM ${BASE}
COPY --from=build /opt/headgate /opt/headgate
# SageMaker and docker reach the server from outside the container; the port is SAGEMAKER_BIND_TO_PORT, or 8080.
ENV PATH=/opt/headgate/bin:${PATH} \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEADGATE_BIND=0.0.0.0 \
    SAGEMAKER_MODEL_SERVER_WORKERS=auto
USER 0:0
RUN mkdir -p /opt/ml/model /opt/ml/input /opt/ml/output && chown -R 10001:10001 /opt/ml
USER 10001:10001
EXPOSE 8080
LABEL org.opencontainers.image.title="headgate-serving" \
      com.amazonaws.sagemaker.capabilities.accept-bind-to-port="true"
# For docker; SageMaker asks /ping itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:%s/ping' % (os.environ.get('SAGEMAKER_BIND_TO_PORT') or 8080), timeout=2)"]
ENTRYPOINT ["python", "-m", "headgate.container"]
CMD ["serve"]
