"""What every method owes; a new method is tested here without a new line."""

import re
from pathlib import Path

import pytest
import yaml
from contract.found import METHODS

import polyadic
from polyadic import registry
from polyadic.core.card import Card

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=METHODS)
def method(request) -> str:
    return request.param


@pytest.fixture
def card(method) -> Card:
    return METHODS[method]


def test_card_is_complete(method, card):
    assert card.title
    assert not card.title.endswith(".")
    assert card.stages
    assert card.products
    assert card.kinds
    assert set(card.kinds) <= set(registry.kinds())
    assert card.url.startswith("https://")


def test_every_stage_of_the_card_exists_and_bears_its_name(method, card):
    for name in card.stages:
        assert registry.stage(method, name).name == f"{method}.{name}"


def test_readme_cites_the_paper_and_says_what_differs(method, card):
    text = (ROOT / f"src/polyadic/methods/{method}/README.md").read_text()
    assert card.url in text
    assert "differs" in text


def test_has_a_page_in_the_docs(method, card):
    assert (ROOT / f"docs/{method}.md").is_file()


def test_exports_are_importable_from_the_package(method, card):
    for name in card.exports:
        assert getattr(polyadic, name).__module__.startswith(f"polyadic.methods.{method}.")


def test_rule_file_starts_with_input_and_output(method, card):
    first = (ROOT / f"workflow/rules/{method}.smk").read_text().partition("\n")[0]
    assert re.fullmatch(r'""".+ Input: .+ Output: .+"""', first)


def test_rule_file_has_a_rule_for_every_stage_and_makes_every_product(method, card):
    text = (ROOT / f"workflow/rules/{method}.smk").read_text()
    for name in card.stages:
        assert f"rule {method}_{name}:" in text
        assert f'settings("{method}", "{name}")' in text
        assert f'code("methods.{method}.{name}")' in text
    for product in card.products:
        assert f"results/{method}/{{run}}/{product}" in text


def test_rules_hold_no_python(method, card):
    text = (ROOT / f"workflow/rules/{method}.smk").read_text()
    assert not re.search(r"^\s+(run|script|benchmark):", text, re.MULTILINE)


def test_default_settings_name_a_run(method, card):
    section = yaml.safe_load((ROOT / f"config/{method}.yaml").read_text())[method]
    assert section["runs"]


def test_stage_files_have_one_reason_to_change(method, card):
    for path in (ROOT / f"src/polyadic/methods/{method}").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path.name
