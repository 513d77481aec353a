"""Strong simple baselines for scattered observations: functions of train and test rows, listed in ``BASELINES``."""

from polyadic.evaluation.observation_baselines.prediction import Prediction
from polyadic.evaluation.observation_baselines.registry import BASELINES, Baseline, applicable

__all__ = ["BASELINES", "Baseline", "Prediction", "applicable"]
