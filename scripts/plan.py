"""Plan a training run: what it needs of each GPU's memory, and how long a step should take.

Needs no GPU and no weights: the model's size and the settings are enough. What cannot fit is
refused in one sentence that names the setting to change. Writes runs/plan/summary.json.
"""

from __future__ import annotations

import sys

from configs.store import check_only_training_is_missing
from scripts.hydra_door import BadInputError, run_script
from scripts.making import open_run

try:
    from configs.plan_schema import PlanScript
    from scripts.plan_workload import make_workload
    from training.planning import Plan, make_plan
    from training.planning_refusals import find_refusal
except ModuleNotFoundError as missing:
    sys.exit(f"plan.py: {check_only_training_is_missing(missing)}")

EXAMPLES = (
    "python scripts/plan.py experiment=cluster/avr",
    "python scripts/plan.py experiment=cluster/video model=qwen2_5_vl_7b cluster=gpus_64",
    "python scripts/plan.py experiment=cluster/manipulation cluster.gpu=h100-80gb",
    "python scripts/plan.py experiment=cluster/avr json=true",
    "python scripts/plan.py env=avr/occlusion model=qwen3_vl_2b cluster=gpus_1 episode.num_turns=4",
)
HEADINGS = {
    "model": "Model",
    "episode": "Longest episode [tokens]",
    "gpu": "GPU",
    "learner": "Each GPU that learns",
    "engine": "Each GPU that generates",
    "sync": "Weights to an engine",
    "step": "One step",
}


def main(config: PlanScript, config_yaml: str) -> None:
    """Print the plan and write it, or say why there is none."""
    if config.cluster is None:
        raise BadInputError("cluster is not set; a plan is for GPUs: add cluster=gpus_8, say")
    workload = make_workload(config)
    workload.check("episode")
    plan = make_plan(config, config.cluster, workload, config.utilization)
    refusal = find_refusal(plan, config, config.cluster, workload, config.utilization)
    if not config.json:
        print(describe(config, plan))
    if refusal is not None:
        raise BadInputError(refusal)
    run = open_run(config.run, config_yaml)
    run.write_summary("plan", plan.figures(), {})
    print(run.summary_path.read_text() if config.json else f"\nResults: {run.summary_path}")


def describe(config: PlanScript, plan: Plan) -> str:
    """The plan as lines of text, grouped as the names of its figures are."""
    cluster = config.cluster
    assert cluster is not None
    shared = "the same GPUs" if plan.together else f"{plan.fleet.num_engines} engines beside"
    lines = [
        f"{config.model.size or config.model.path}, {config.env.id}, {cluster.num_gpus} x "
        f"{cluster.gpu}: {cluster.num_learners} learn, {shared} generate"
    ]
    group = ""
    for name, value in plan.figures().items():
        kind, _, what = name.partition(".")
        if kind != group:
            lines += ["", HEADINGS[kind]]
            group = kind
        lines.append(f"  {what.replace('_', ' '):<34} {_number(value):>16}")
    return "\n".join(lines)


def _number(value: float) -> str:
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="plan", schema=PlanScript, examples=EXAMPLES))
