"""Settings: built from plain data, coerced, refused with the reason."""

import dataclasses
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyadic.core import config as configs
from polyadic.core.config import setting
from polyadic.core.errors import InputError


@dataclasses.dataclass(frozen=True)
class Example:
    rank: int | tuple[int, ...] = setting(3, "rank")
    tolerance: float = setting(1e-4, "tolerance")
    kernel: Literal["matern12", "matern32"] = setting("matern32", "kernel")
    names: dict[str, str] = setting({}, "names")
    label: str | None = setting(None, "label")
    fast: bool = setting(False, "fast")

    def __post_init__(self) -> None:
        if self.tolerance <= 0:
            raise ValueError(f"tolerance must be positive, found {self.tolerance}")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "rank": st.integers(1, 9) | st.lists(st.integers(1, 9), min_size=1),
            "tolerance": st.floats(1e-9, 1),
            "kernel": st.sampled_from(["matern12", "matern32"]),
            "names": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
            "label": st.none() | st.text(max_size=5),
            "fast": st.booleans(),
        },
    )
)
def test_settings_survive_their_canonical_json(values):
    import json

    config = configs.build(Example, values)
    assert configs.build(Example, json.loads(configs.canonical(config))) == config


def test_equal_settings_have_equal_text_however_they_are_written():
    one = configs.build(Example, {"tolerance": "1e-4", "rank": 3.0})
    assert configs.canonical(one) == configs.canonical(Example())


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"rnk": 1}, "stage: there is no setting 'rnk'; did you mean 'rank'?"),
        ({"rank": "three"}, "setting 'rank' must be a whole number or a list of whole numbers, found 'three'"),
        ({"rank": True}, "setting 'rank' must be a whole number or a list of whole numbers, found True"),
        ({"rank": 2.5}, "setting 'rank' must be"),
        ({"tolerance": "nan"}, "setting 'tolerance' must be a number, found 'nan'"),
        ({"tolerance": -1}, "stage: tolerance must be positive, found -1.0"),
        ({"kernel": "matern42"}, "setting 'kernel' must be one of matern12, matern32, found 'matern42'"),
        ({"names": {"a": 1}}, "setting 'names' must be"),
        ({"fast": "yes"}, "setting 'fast' must be true or false, found 'yes'"),
        ({"label": "x" * 70000}, "accepted are 65536; put tables into a file"),
        ([1], "settings must be a mapping"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(values, sentence):
    with pytest.raises(InputError) as error:
        configs.build(Example, values, "stage")
    assert sentence in str(error.value)


def test_a_dictionary_default_is_not_shared():
    assert Example().names is not Example().names
