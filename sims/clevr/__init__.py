"""CLEVR's scene and question files, and an executor of its functional programs.

Formats and meanings are those of Johnson et al., "CLEVR: A Diagnostic Dataset for Compositional
Language and Elementary Visual Reasoning" (2017) and of its generator,
facebookresearch/clevr-dataset-gen. Beside CLEVR's functions there are a few of ours, not CLEVR's:
see `sims.clevr.catalogue.OWN_FUNCTIONS`.
"""

from sims.clevr.catalogue import FUNCTIONS, INVALID
from sims.clevr.programs import Program, check_program, execute, node_outputs
from sims.clevr.question_file import (
    ClevrQuestion,
    answer_questions,
    load_questions,
    save_questions,
)
from sims.clevr.scene import ClevrObject, ClevrScene, compute_relationships
from sims.clevr.scene_file import load_info, load_scenes, save_scenes

__all__ = [
    "FUNCTIONS",
    "INVALID",
    "ClevrObject",
    "ClevrQuestion",
    "ClevrScene",
    "Program",
    "answer_questions",
    "check_program",
    "compute_relationships",
    "execute",
    "load_info",
    "load_questions",
    "load_scenes",
    "node_outputs",
    "save_questions",
    "save_scenes",
]
