"""Checking: whether gradients are right, what is wrong with them, and where a computation goes wrong."""

from tinygrad_mlp.checking.anomaly import detect_anomaly
from tinygrad_mlp.checking.bisection import Guilty
from tinygrad_mlp.checking.gradcheck import gradcheck
from tinygrad_mlp.checking.report import Failure, Report

__all__ = ["Failure", "Guilty", "Report", "detect_anomaly", "gradcheck"]
