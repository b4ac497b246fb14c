from headgate.core.verdict import worst


def test_the_worst_counts_and_nothing_is_inconclusive() -> None:
    assert worst(["pass", "error", "fail"]) == "fail"
    assert worst(["pass", "error", "inconclusive"]) == "error"
    assert worst(["pass", "inconclusive"]) == "inconclusive"
    assert worst(["pass", "pass"]) == "pass"
    assert worst([]) == "inconclusive"
