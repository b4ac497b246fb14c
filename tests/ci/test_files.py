"""A file that was edited by hand is told from one that Headgate wrote."""

from headgate.ci import compare, sealed

TEXT = "name: x\non: push\n"


def test_what_writing_would_do() -> None:
    new = sealed(TEXT)
    assert compare("x.yml", new, None).change == "create"
    assert compare("x.yml", new, new).change == "unchanged"
    assert compare("x.yml", new, sealed("name: y\n")).change == "update"


def test_an_edit_is_seen_wherever_it_is() -> None:
    ours = sealed("name: y\n")
    for edited in (
        ours + "# one more line\n",
        ours.replace("name: y", "name: z"),
        ours.partition("\n")[2],
        "\n" + ours,
        ours.replace("\n", "\r\n"),
        "",
        "name: somebody else's\n",
    ):
        assert compare("x.yml", sealed(TEXT), edited).change == "edited", edited
