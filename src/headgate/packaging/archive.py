"""A tar.gz of which equal members make equal bytes.

Members are sorted; owner, mode and time are fixed; the format is USTAR, which has no room for anything else. gzip's
header carries neither name nor time.
"""

import gzip
import io
import tarfile
from collections.abc import Mapping

from headgate.errors import InvalidInput


def make_archive(members: Mapping[str, bytes]) -> bytes:
    """The gzipped tar of `members`, name to content. Raises InvalidInput for a name that does not fit."""
    file = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, content in sorted(members.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            try:
                if not name.isprintable():
                    raise ValueError("its name has characters that cannot be printed")
                tar.addfile(member, io.BytesIO(content))
            except ValueError as error:
                raise InvalidInput(
                    f"The file {name!r} cannot be packaged: {error}.", hint="Give it a shorter, plainer name."
                ) from None
    return file.getvalue()
