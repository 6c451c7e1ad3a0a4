"""Annotation passes: what has to be found out about finished episodes before they are rewarded.

A reward term is a plain function of records. Where it needs a model, such as the policy itself once
more, a named pass asks first and leaves a number in `episode.annotations`.
"""

from training.annotations.config import AnnotationConfig
from training.annotations.passes import (
    ANNOTATION_PASSES,
    AnnotationTools,
    annotate,
    annotations_needed,
)
from training.annotations.semantics import SemanticScorer

__all__ = [
    "ANNOTATION_PASSES",
    "AnnotationConfig",
    "AnnotationTools",
    "SemanticScorer",
    "annotate",
    "annotations_needed",
]
