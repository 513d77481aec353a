"""The estimator keeps the contract of scikit-learn: nothing is exempt.

A CP core of rank one and a single sweep keep its tables of ten and twenty columns, so as many modes, cheap.
"""

from sklearn.utils.estimator_checks import parametrize_with_checks

from polyadic.methods.funbat.api import FunctionalTucker


@parametrize_with_checks([FunctionalTucker(rank=1, core="cp", max_iterations=1)])
def test_contract_of_scikit_learn_is_kept(estimator, check):
    check(estimator)
