"""Which optimizer steps on what, how far Muon goes, and that its state comes back."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from tests.training.small_agent import make_agent
from tests.training.toy import ToyModel, make_learner, make_samples
from training.checkpoint import CheckpointMismatch, load_checkpoint, save_checkpoint
from training.critic_config import CriticConfig
from training.learner_config import LearnerConfig
from training.sharding_config import ShardingConfig

RATE = 0.02


def muon_learner(seed=0, **settings):
    model = ToyModel(seed=seed)
    return model, make_learner(model, optimizer="muon", learning_rate=RATE, **settings)


def test_muon_takes_the_hidden_matrices_of_a_vision_language_model_and_adamw_the_rest():
    agent = make_agent()
    learner = agent.learner(LearnerConfig(optimizer="muon"))
    names = {id(p): name for name, p in learner.learned_parameters().items()}
    adamw, muon = (
        {names[id(p)] for group in optimizer.param_groups for p in group["params"]}
        for optimizer in learner.optimizers
    )
    assert adamw | muon == set(names.values())
    assert not adamw & muon
    kinds = {name.rpartition(".")[0].rpartition(".")[2] for name in muon}
    assert {"q_proj", "o_proj", "gate_proj", "down_proj"} < kinds
    assert any("vis" in name for name in muon)
    assert all(p.ndim == 2 for n, p in learner.learned_parameters().items() if n in muon)
    assert any("embed_tokens" in name for name in adamw)
    assert not any("lm_head" in name for name in muon)


def test_a_step_of_muon_turns_every_direction_by_as_much_as_adamw_would_on_average():
    model, learner = muon_learner()
    before = model.mix.weight.detach().clone()
    learner.imitate(make_samples(seed=1))
    change = before - model.mix.weight.detach()
    # 0.2 sqrt(16) of the rate, times singular values that the published iteration leaves anywhere
    # between 0.68 and 1.14.
    turned = torch.linalg.svdvals(change) / (RATE * 0.2 * 16**0.5)
    assert ((turned > 0.65) & (turned < 1.2)).all(), turned
    # The root mean square of a step of AdamW is about 0.2 of the rate.
    assert change.square().mean().sqrt().item() == pytest.approx(0.2 * RATE, rel=0.25)


def test_muon_learns():
    _, learner = muon_learner()
    samples = make_samples(seed=1)
    losses = [learner.imitate(samples)["loss"] for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]
    assert all(later < earlier + 0.1 for earlier, later in pairwise(losses))


def test_the_critic_stays_with_adamw():
    _, learner = muon_learner(critic=CriticConfig(learning_rate_factor=2.0))
    first, second = learner.optimizers
    assert [g.get("factor") for g in first.param_groups][-1] == 2.0
    assert [p.shape for g in second.param_groups for p in g["params"]] == [(8, 16)]


def test_resuming_equals_not_stopping_bit_for_bit(tmp_path):
    samples = make_samples(seed=1)
    model, learner = muon_learner()
    for _ in range(2):
        learner.imitate(samples)
    path = save_checkpoint(tmp_path, model=model, learner=learner, config={}, step=2)
    learner.imitate(samples)
    resumed, other = muon_learner(seed=9)
    load_checkpoint(path, resumed, other)
    other.imitate(samples)
    for (name, a), (_, b) in zip(model.named_parameters(), resumed.named_parameters(), strict=True):
        assert torch.equal(a, b), name


def test_the_state_of_one_optimizer_does_not_fit_the_other(tmp_path):
    model, learner = muon_learner()
    learner.imitate(make_samples(seed=1))
    path = save_checkpoint(tmp_path, model=model, learner=learner, config={}, step=1)
    plain = ToyModel(seed=3)
    before = {name: p.detach().clone() for name, p in plain.named_parameters()}
    with pytest.raises(CheckpointMismatch, match=r"unexpected \(momentum_buffer/mix.weight\)"):
        load_checkpoint(path, plain, make_learner(plain))
    assert all(torch.equal(before[name], p) for name, p in plain.named_parameters())


def test_muon_without_a_hidden_matrix_is_refused():
    class OnlyHead(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(3, 2), nn.Linear(2, 3)

    with pytest.raises(ValueError, match="optimizer = 'muon' is not legal where no matrix"):
        make_learner(OnlyHead(), optimizer="muon")


def test_muon_with_sharding_is_refused():
    config = LearnerConfig(optimizer="muon", sharding=ShardingConfig())
    with pytest.raises(ValueError, match="optimizer = 'muon' is not legal with learner.sharding"):
        config.check("learner.")
