import io
import tarfile

import pytest

from headgate.errors import InvalidInput
from headgate.packaging.archive import make_archive


def test_equal_members_make_equal_bytes_in_any_order() -> None:
    assert make_archive({"b": b"2", "a": b"1"}) == make_archive({"a": b"1", "b": b"2"})
    with tarfile.open(fileobj=io.BytesIO(make_archive({"b": b"2", "a/c": b"1"}))) as tar:
        assert tar.getnames() == ["a/c", "b"]


@pytest.mark.parametrize("name", ["x" * 300, "\udcff"])
def test_a_name_that_does_not_fit(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be packaged"):
        make_archive({name: b""})
