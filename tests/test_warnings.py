"""Which warnings fail a test: all but those in which a dependency announces a change."""

import warnings
from typing import Any

import pytest

# Where a warning says that it comes from: the frame that its `stacklevel` names.
CALLER: dict[str, Any] = {"filename": "run.py", "lineno": 1, "module": "wsrl_mjx.runs.run"}


@pytest.mark.parametrize("category", [UserWarning, RuntimeWarning, ResourceWarning, SyntaxWarning])
def test_a_warning_fails(category: type[Warning]) -> None:
    with pytest.raises(category, match="divided by zero"):
        warnings.warn_explicit("divided by zero", category, **CALLER)


@pytest.mark.parametrize("category", [DeprecationWarning, PendingDeprecationWarning, FutureWarning])
def test_what_a_dependency_announces_is_shown_and_fails_nothing(category: type[Warning]) -> None:
    """Even where the dependency names its caller, which is us."""
    with warnings.catch_warnings(record=True) as shown:  # under the filters of pyproject.toml as they are
        warnings.warn_explicit("is gone in the next version", category, **CALLER)
    assert [warning.category for warning in shown] == [category]
