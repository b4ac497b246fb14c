"""The roles of GitHub's workflows, and the provider whose tokens they are taken on with.

An account has one provider for GitHub. Who is first makes it (`--github-provider create`), all others use it
(`existing`, the default). It stays when the stack goes, as others may rely on it.

Roles come after the provider that they trust. No dependency can say so, since CloudFormation takes none on what may not
be there; the trust does, as it is the provider's own ARN where this stack makes it.
"""

from dataclasses import replace

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from headgate.infra.outline import GITHUB_PROVIDER
from headgate.infra.site import Site
from headgate.infra.stacks.parts import make_role, open_stack
from headgate.infra.statement import Role
from headgate.infra.workflow_policies import AUDIENCE, ISSUER


def build(app: cdk.App, site: Site, roles: dict[str, Role]) -> cdk.Stack | None:
    """The stack, where the project has a repository on GitHub."""
    if site.github is None:
        return None
    stack = open_stack(app, site, "github", "roles of workflows")
    choice = cdk.CfnParameter(
        stack,
        GITHUB_PROVIDER,
        type="String",
        allowed_values=["create", "existing"],
        default="existing",
        description="Whether this stack makes the account's OIDC provider for GitHub.",
    )
    make = cdk.CfnCondition(
        stack, "MakesProvider", expression=cdk.Fn.condition_equals(choice.value_as_string, "create")
    )
    provider = iam.CfnOIDCProvider(stack, "Provider", url=f"https://{ISSUER}", client_id_list=[AUDIENCE])
    provider.cfn_options.condition = make
    provider.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    for role in roles.values():
        if role.trust.provider:
            trusted = cdk.Fn.condition_if(make.logical_id, provider.attr_arn, role.trust.provider)
            make_role(stack, replace(role, trust=replace(role.trust, provider=cdk.Token.as_string(trusted))))
    return stack
