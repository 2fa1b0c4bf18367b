"""Settings as text: split at the first `=`, typed as the setting is, and written so that they read back."""

from typing import Any

import pytest

from wsrl_mjx.config import assignments
from wsrl_mjx.config.settings import Config, flat_fields


def test_a_text_is_split_at_the_first_equals_sign() -> None:
    assert assignments.split("dataset=a=b", "set") == ("dataset", "a=b")


@pytest.mark.parametrize("text", ["utd", "utd=", "=4", ""])
def test_a_text_without_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^set must be name=value, got '{text}'$"):
        assignments.split(text, "set")


@pytest.mark.parametrize(
    "name", ["utd", "warmup_steps", "layer_norm", "critic_hidden", "dataset", "success_share"]
)
def test_what_is_written_is_read_back(name: str) -> None:
    value: Any = flat_fields(Config())[name]
    read = assignments.value_of(name, assignments.written(value), "set")
    assert read == value and type(read) is type(value)


def test_a_number_that_has_no_default_is_a_number() -> None:
    unset = next(name for name, value in flat_fields(Config()).items() if value is None)
    assert assignments.value_of(unset, "3", "set") == 3.0


def test_a_value_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^set utd must have numbers, got 'many'$"):
        assignments.value_of("utd", "many", "set")
