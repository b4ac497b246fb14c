
# Headgate itself as Lambda functions, with no model: they differ by their command, which is a handler's name.
FROM ${BASE}
COPY --from=build /opt/headgate /opt/headgate
# Lambda mounts everything but /tmp read-only and runs as a user of its own, whatever USER says.
ENV PATH=/opt/headgate/bin:${PATH} \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
LABEL org.opencontainers.image.title="headgate-delivery"
ENTRYPOINT ["python", "-m", "awslambdaric"]
CMD ["headgate.wiring.front_door.handler"]
