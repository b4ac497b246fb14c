"""What the control API answers when it cannot do what was asked: a code, a message and an HTTP status, as AWS words it.

Clients parse these texts (`Could not find …`, `Cannot create already existing …`, `… does not exist`), so they stand
here once.
"""


class ApiError(Exception):
    """A typed answer that is not a success. `code` is what boto3 shows as `Error.Code`."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ApiError:
    """The request, or what it refers to, is not acceptable."""
    return ApiError("ValidationException", message)


def unsupported(what: str, instead: str) -> ApiError:
    """AWS can do it, this engine cannot; said plainly instead of accepting it and doing nothing."""
    return invalid(f"{what} is not supported by the Headgate engine. {instead}")


def bad_parameter(message: str) -> ApiError:
    """CloudWatch's word for a value that is not acceptable."""
    return ApiError("InvalidParameterValue", message)


def missing(kind: str, arn: str) -> ApiError:
    """Nothing has this ARN. `kind` is a key of KINDS."""
    if kind in ("model-package", "model-package-group"):
        return invalid(f"{KINDS[kind]} {arn} does not exist.")
    return invalid(f'Could not find {KINDS[kind]} "{arn}".')


def existing(kind: str, arn: str) -> ApiError:
    """The name is taken (names that differ in case alone are the same name)."""
    if kind in ("model-package", "model-package-group"):
        return invalid(f"{KINDS[kind]} already exists: {arn}")
    return invalid(f'Cannot create already existing {KINDS[kind]} "{arn}".')


def busy(arn: str) -> ApiError:
    """A change of this endpoint is under way."""
    return invalid(f'Cannot update in-progress endpoint "{arn}".')


KINDS = {
    "model": "model",
    "endpoint-config": "endpoint configuration",
    "endpoint": "endpoint",
    "model-package-group": "ModelPackageGroup",
    "model-package": "ModelPackage",
}
"""Each kind of resource, as in its ARN, and how AWS calls it in a message."""
