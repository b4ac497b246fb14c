"""Container images: the folder that one is built from, and the commands that build and run it.

    context  ->  pins          the requirements, with versions and hashes
             ->  *.Dockerfile  the stages
    commands                   what to type, as text

An image is not built here: that needs docker or buildah, which belong to the machine that has them. What goes into it
is settled here, once: versions are those of the environment that trained and tested, each file is named by its hash,
and the base is named by its digest when it is built. What a build may not remember, a private package index or a
company's CA, comes in as build secrets.
"""

from headgate.images.context import FUNCTIONS, Image, write_context

__all__ = ["FUNCTIONS", "Image", "write_context"]
