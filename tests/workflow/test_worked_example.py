"""The worked example of CONTRIBUTING.md becomes a method by being there: the contract suite takes it up unasked."""

import re

from workflow.conftest import copy


def test_a_new_method_inherits_the_whole_contract_suite(tmp_path):
    project = copy(tmp_path / "project")
    project.edit("config/config.yaml", "  - funbat\n", "  - funbat\n  - main_effects\n")
    project.run("polyadic.manual")
    done = project.run("pytest", "-q", "-p", "no:cacheprovider", "tests/contract", "-k", "main_effects or additive")
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert passed >= 35, done.stdout
    assert "skipped" not in done.stdout
    listed = project.run("polyadic", "list").stdout
    assert "main_effects" in listed
    assert "main_effects_fit" in project.planned("results/main_effects/colorado/metrics.nc")
    assert '"iterations"' in (project.folder / "workflow/schemas/main_effects.json").read_text()
