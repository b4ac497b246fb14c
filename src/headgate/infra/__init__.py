"""What a project needs on AWS, from headgate.yaml: stacks of the CDK, and what they are told."""
