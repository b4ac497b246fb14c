"""The actions of others that the workflows use, by commit: a tag can be moved to other code, a commit cannot.

The comment after each names its release, for people and for the tools that propose newer ones.
"""

CHECKOUT = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
SETUP_PYTHON = "actions/setup-python@a309ff8b426b58ec0e2a45f0f869d46889d02405 # v6.2.0"
UPLOAD = "actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f # v6.0.0"
DOWNLOAD = "actions/download-artifact@37930b1c2abaa49bbe596cd826c3c89aef350131 # v7.0.0"
AWS_CREDENTIALS = "aws-actions/configure-aws-credentials@8df5847569e6427dd6c4fb1cf565c83acfa8afa7 # v6.0.0"

ALL = (CHECKOUT, SETUP_PYTHON, UPLOAD, DOWNLOAD, AWS_CREDENTIALS)
