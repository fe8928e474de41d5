"""What a run depends on: one frozen class a verb, the settings of a deployment, and the label names.

The command line's flags, the trigger forms of the DAGs and the parameters in MLflow are all generated from these
classes. This package knows nothing of the libraries that do the work.
"""

from sentiment.config.architecture import (
    ENCODER_FAMILIES,
    RECURRENT_FAMILIES,
    Family,
    Head,
    LoraTargets,
    Pooling,
)
from sentiment.config.benchmarks import (
    BenchmarkImbalanceConfig,
    BenchmarkModelsConfig,
    BenchmarkPreparationConfig,
    BenchmarkScoringConfig,
    BenchmarkTrainingConfig,
    HeldOutOptions,
)
from sentiment.config.data import ImportHistoryConfig, IngestConfig, IngestOptions, SampleConfig, SnapshotConfig
from sentiment.config.engines import EngineChoice, EngineName
from sentiment.config.labels import (
    CHAMPION,
    LABELS,
    NEEDS_REVIEW_BELOW,
    NEGATIVE,
    NEGATIVE_STARS,
    POSITIVE,
    POSITIVE_STARS,
    PREVIOUS_CHAMPION,
    REGISTERED_MODEL,
)
from sentiment.config.local import DemoConfig, DoctorConfig, PlatformConfig, StatusConfig
from sentiment.config.models import CompareConfig, ExportConfig, PromoteConfig, RollbackConfig
from sentiment.config.optimisation import Imbalance, ImbalanceOptions, Precision, Schedule
from sentiment.config.scoring import PIPE, PredictConfig, ReportConfig, RescoreConfig, ScoreConfig
from sentiment.config.settings import PROJECT, Settings
from sentiment.config.training import TrainConfig
from sentiment.config.tuning import StudyConfig, TuneConfig
from sentiment.config.verb import DayRange, ModelReference, Share, VerbConfig

__all__ = [
    "CHAMPION",
    "ENCODER_FAMILIES",
    "LABELS",
    "NEEDS_REVIEW_BELOW",
    "NEGATIVE",
    "NEGATIVE_STARS",
    "PIPE",
    "POSITIVE",
    "POSITIVE_STARS",
    "PREVIOUS_CHAMPION",
    "PROJECT",
    "RECURRENT_FAMILIES",
    "REGISTERED_MODEL",
    "BenchmarkImbalanceConfig",
    "BenchmarkModelsConfig",
    "BenchmarkPreparationConfig",
    "BenchmarkScoringConfig",
    "BenchmarkTrainingConfig",
    "CompareConfig",
    "DayRange",
    "DemoConfig",
    "DoctorConfig",
    "EngineChoice",
    "EngineName",
    "ExportConfig",
    "Family",
    "Head",
    "HeldOutOptions",
    "Imbalance",
    "ImbalanceOptions",
    "ImportHistoryConfig",
    "IngestConfig",
    "IngestOptions",
    "LoraTargets",
    "ModelReference",
    "PlatformConfig",
    "Pooling",
    "Precision",
    "PredictConfig",
    "PromoteConfig",
    "ReportConfig",
    "RescoreConfig",
    "RollbackConfig",
    "SampleConfig",
    "Schedule",
    "ScoreConfig",
    "Settings",
    "Share",
    "SnapshotConfig",
    "StatusConfig",
    "StudyConfig",
    "TrainConfig",
    "TuneConfig",
    "VerbConfig",
]
