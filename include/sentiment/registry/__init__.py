"""Training runs, model versions and aliases in MLflow. The only package that speaks to it."""

from sentiment.registry.answers import AbsentError
from sentiment.registry.bundles import bundle_cache, cached_bundle
from sentiment.registry.entries import ModelVersion, TrainedRun
from sentiment.registry.versions import Registry

__all__ = ["AbsentError", "ModelVersion", "Registry", "TrainedRun", "bundle_cache", "cached_bundle"]
