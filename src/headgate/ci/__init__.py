"""The workflows that deliver a project, written from headgate.yaml: a spec in, files out, nothing run.

    project     what the workflows need to know of the project, checked
    workflows   the files, from `templates/`
    actions     the actions of others, each by the commit that was looked at
    text        how a template is filled in
    files       which of them are new, changed, or edited by hand

A workflow holds plain `headgate` commands: what it does can be typed, and a test parses each with the real command
line. Nothing of a pull request, an input or a file name is put into a script; it comes in
through the environment.
"""

from headgate.ci.files import Change, Written, compare, sealed
from headgate.ci.project import Delivery
from headgate.ci.workflows import workflows

__all__ = ["Change", "Delivery", "Written", "compare", "sealed", "workflows"]
