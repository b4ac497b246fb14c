"""The few calls of other services, in the Query/XML protocol, that SageMaker clients make before they do anything.

`sts GetCallerIdentity` answers an assumed role, because the SageMaker SDK refuses an IAM user; it then asks
`iam GetRole` whether SageMaker may assume that role.
"""

import json
from collections.abc import Mapping
from urllib.parse import quote

from headgate.engine.api.codecs import query
from headgate.engine.api.errors import ApiError

ROLE = "headgate"
SESSION = "local"
STS = "https://sts.amazonaws.com/doc/2011-06-15/"
IAM = "https://iam.amazonaws.com/doc/2010-05-08/"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


def answer(parameters: Mapping[str, str], account: str, request_id: str) -> str:
    """The XML answer to a Query request. Raises ApiError for an action that is not there."""
    match parameters.get("Action", ""):
        case "GetCallerIdentity":
            result = {
                "Arn": f"arn:aws:sts::{account}:assumed-role/{ROLE}/{SESSION}",
                "UserId": f"AROAHEADGATE00000000:{SESSION}",
                "Account": account,
            }
            return _response("GetCallerIdentity", query.members(result), STS, request_id)
        case "GetRole" if parameters.get("RoleName", ROLE) == ROLE:
            role = {
                "Path": "/",
                "RoleName": ROLE,
                "RoleId": "AROAHEADGATE00000000",
                "Arn": f"arn:aws:iam::{account}:role/{ROLE}",
                "CreateDate": "2024-01-01T00:00:00Z",
                "AssumeRolePolicyDocument": quote(json.dumps(TRUST)),
            }
            return _response("GetRole", f"<Role>{query.members(role)}</Role>", IAM, request_id)
        case "GetRole":
            raise ApiError("NoSuchEntity", f"The role with name {parameters['RoleName'][:64]!a} cannot be found.", 404)
        case action:
            raise ApiError("InvalidAction", f"The Headgate engine has no action {action[:100]!a}.")


def _response(action: str, result: str, xmlns: str, request_id: str) -> str:
    return query.response(action, f"<{action}Result>{result}</{action}Result>", xmlns, request_id)
