"""Numbers as people read them."""

import numpy as np

from wsrl_mjx.analysis.statistics import Estimate
from wsrl_mjx.analysis.text import counted, duration, markdown_table, size, with_interval


def test_an_estimate_is_followed_by_its_bounds() -> None:
    estimate = Estimate(*map(np.asarray, (1234.56, -0.5, 2000.0)))
    assert with_interval(estimate, ",.1f") == "1,234.6 [-0.5, 2,000.0]"
    assert with_interval(estimate, "+.0f") == "+1235 [-0, +2000]"
    assert with_interval(estimate, ".3g") == "1.23e+03 [-0.5, 2e+03]"


def test_a_markdown_table_has_a_rule_as_wide_as_its_header() -> None:
    assert markdown_table(["arm", "n"], [("wsrl", "3")]) == "| arm | n |\n| --- | --- |\n| wsrl | 3 |"
    assert markdown_table(["arm"], []) == "| arm |\n| --- |"


def test_times_sizes_and_counts() -> None:
    assert [duration(seconds) for seconds in (45.4, 59.6, 3599, 7800)] == ["45 s", "1:00", "59:59", "2:10:00"]
    assert [size(count) for count in (999, 1000, 52e6, 3e12)] == ["999 B", "1.0 kB", "52.0 MB", "3000.0 GB"]
    assert counted(1, "seed") == "1 seed" and counted(0, "seed") == "0 seeds"
