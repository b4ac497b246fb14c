
# One package as a Lambda function, the model in the image.
FROM ${BASE}
COPY --from=build /opt/headgate /opt/headgate
COPY model/ /opt/ml/model/
# Lambda mounts everything but /tmp read-only and runs as a user of its own, whatever USER says.
ENV PATH=/opt/headgate/bin:${PATH} \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SAGEMAKER_BASE_DIR=/opt/ml
USER 10001:10001
LABEL org.opencontainers.image.title="headgate-lambda"
ENTRYPOINT ["python", "-m", "awslambdaric"]
CMD ["headgate.serving.aws_lambda.entry.handler"]
