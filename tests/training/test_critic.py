"""A critic beside the toy model: whose values, what it learns, what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from policies.interface import Sample
from tests.training.toy import ToyModel, make_learner, make_samples
from training.batching import ValueTargets
from training.critic import EpisodeCredit, credit_turns, turn_starts
from training.critic_config import CriticConfig
from training.learner import Learner
from training.losses import ValueLossConfig


def targets_of(samples: list[Sample], seed: int = 0) -> list[ValueTargets]:
    rng = np.random.default_rng(seed)
    return [
        ValueTargets(
            old_values=np.zeros(len(s.input_ids)),
            returns=rng.normal(size=len(s.input_ids)),
            mask=turn_starts(s.turn_index),
        )
        for s in samples
    ]


def improve(learner: Learner, samples: list[Sample], **more: object) -> dict[str, float]:
    advantages = [np.linspace(-1, 1, len(s.input_ids)) for s in samples]
    return learner.improve(samples, advantages, **more)


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_turns_start_at_their_first_token() -> None:
    turns = np.array([-1, 0, 0, -1, 1, 2, 2])
    assert turn_starts(turns).tolist() == [False, True, False, False, True, True, False]


def test_values_are_read_where_the_token_is_predicted() -> None:
    model = ToyModel()
    learner = make_learner(model, critic=CriticConfig(), micro_batch_size=3)
    assert learner.critic is not None
    torch.nn.init.normal_(learner.critic.head.weight)
    torch.nn.init.ones_(learner.critic.head.bias)
    samples = make_samples(seed=1)
    for sample, values in zip(samples, learner.values(samples), strict=True):
        with torch.no_grad():
            hidden = model.encode(torch.from_numpy(sample.input_ids)[None])[0]
            wanted = learner.critic.head(hidden)[:-1, 0].numpy()
        mask = sample.loss_mask[1:]
        np.testing.assert_allclose(values[1:][mask], wanted[mask], atol=1e-6)
        assert not values[~sample.loss_mask].any()


def test_credit_by_hand() -> None:
    # One sample per turn for the first episode, one for both turns for the second.
    def sample(*turns: int) -> Sample:
        index = np.array(turns, dtype=np.int32)
        return Sample(
            input_ids=np.zeros(len(index), dtype=np.int64),
            loss_mask=index >= 0,
            turn_index=index,
            rollout_logprobs=np.zeros(len(index), dtype=np.float32),
            images=(),
            image_spans=np.zeros((0, 2), dtype=np.int64),
        )

    episodes = [
        EpisodeCredit(rewards=np.array([0.0, 1.0]), samples=[sample(-1, 0, 0), sample(-1, -1, 1)]),
        EpisodeCredit(rewards=np.array([2.0, 0.0]), samples=[sample(-1, 0, -1, 1, 1)]),
    ]
    values = [np.array([9, 0.5, 9.0]), np.array([9, 9, 0.25]), np.array([9, 1.0, 9, 0.5, 9])]
    config = CriticConfig(discount=1.0, decay=1.0, whiten=False)
    advantages, targets, metrics = credit_turns(episodes, lambda samples: values, config)
    # Returns 1, 1 and 2, 0; advantages less the values: 0.5, 0.75 and 1, -0.5.
    assert [a.tolist() for a in advantages] == [[0, 0.5, 0.5], [0, 0, 0.75], [0, 1, 0, -0.5, -0.5]]
    assert targets[2].returns.tolist() == [0, 2, 0, 0, 0]
    assert targets[2].old_values.tolist() == [0, 1, 0, 0.5, 0.5]
    assert targets[0].mask.tolist() == [False, True, False]
    # Errors 0.5, 0.75, 1, -0.5 of variance 0.32421875; returns of variance 0.5.
    assert metrics["explained_variance"] == pytest.approx(1 - 0.32421875 / 0.5)
    whitened, _, _ = credit_turns(episodes, lambda samples: values, CriticConfig(decay=1.0))
    spread = np.array([whitened[0][1], whitened[1][2], whitened[2][1], whitened[2][3]])
    assert (spread.mean(), spread.std(ddof=1)) == pytest.approx((0.0, 1.0), abs=1e-7)
    silent = EpisodeCredit(rewards=np.zeros(2), samples=[sample(-1, 0)])
    with pytest.raises(ValueError, match=r"turns \[1\] of an episode have no tokens"):
        credit_turns([silent], lambda samples: [np.zeros(2)], config)


@pytest.mark.parametrize("settings", [{"micro_batch_size": 1}, {"micro_batch_size": 3}])
def test_micro_batches_change_nothing(settings: dict[str, int]) -> None:
    samples = make_samples(seed=2)
    found = []
    for more in ({"micro_batch_tokens": None}, settings):
        model = ToyModel()
        learner = make_learner(model, critic=CriticConfig(), max_grad_norm=1e9, **more)
        metrics = improve(learner, samples, values=targets_of(samples))
        assert learner.critic is not None
        found.append((metrics, weights(model), weights(learner.critic)))
    for name in ("loss", "value_error", "grad_norm"):
        assert found[0][0][name] == pytest.approx(found[1][0][name], rel=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0, atol=1e-5)
    torch.testing.assert_close(found[0][2], found[1][2], rtol=0, atol=1e-5)


def test_the_critic_learns_and_can_leave_the_model_alone() -> None:
    samples, model = make_samples(seed=3), ToyModel()
    loss = ValueLossConfig(weight=1.0, clip=None)
    config = CriticConfig(train_model=False, loss=loss)
    learner = make_learner(model, critic=config)
    before, targets = weights(model), targets_of(samples)
    zeros = [np.zeros(len(s.input_ids)) for s in samples]
    errors = [learner.improve(samples, zeros, values=targets)["value_error"] for _ in range(60)]
    assert errors[-1] < 0.7 * errors[0]
    assert torch.equal(weights(model), before)
    shared = make_learner(ToyModel(), critic=CriticConfig(loss=loss))
    errors = [shared.improve(samples, zeros, values=targets)["value_error"] for _ in range(60)]
    assert errors[-1] < 0.2 * errors[0]
    assert not torch.equal(weights(shared.model), before)


def test_a_resumed_critic_is_the_uninterrupted_one() -> None:
    samples = make_samples(seed=4)
    settings = {"critic": CriticConfig(), "num_minibatches": 2}
    model = ToyModel()
    learner = make_learner(model, **settings)
    improve(learner, samples, values=targets_of(samples))
    state = learner.state_dict()
    state = {"step": state["step"], "tensors": {n: t.clone() for n, t in state["tensors"].items()}}
    copy = ToyModel()
    copy.load_state_dict(model.state_dict())
    resumed = make_learner(copy, **settings)
    resumed.load_state_dict(state)
    for each in (learner, resumed):
        improve(each, samples, values=targets_of(samples, seed=1))
    assert learner.critic is not None and resumed.critic is not None
    assert torch.equal(weights(copy), weights(model))
    assert torch.equal(weights(resumed.critic), weights(learner.critic))
    without = make_learner(ToyModel(), num_minibatches=2)
    with pytest.raises(ValueError, match="critic"):
        without.load_state_dict(state)


def test_no_critic_no_values() -> None:
    with pytest.raises(ValueError, match="no critic; set learner.critic"):
        make_learner(ToyModel()).values(make_samples(seed=0))
