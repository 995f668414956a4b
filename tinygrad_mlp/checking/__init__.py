"""Checking: whether gradients are right, and where a computation goes wrong."""

from tinygrad_mlp.checking.anomaly import detect_anomaly

__all__ = ["detect_anomaly"]
