"""What a VLA policy samples, and that a trainer scores it exactly as it was sampled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from policies.engines.sampling import affordable
from policies.engines.scoring import score
from policies.engines.transformers import TransformersEngine
from policies.interface import Conversation, Observation, PolicyOutput, TokenBudget
from policies.scripted import ExpertPolicy
from policies.vla.config import CODECS, VlaConfig
from policies.vla.format import ActionSample
from policies.vla.gaussian import GaussianHead
from policies.vla.policy import VlaPolicy
from policies.vla.ranges import Ranges
from policies.vla.tokens import smooth_rows
from tests.training.arms import ChunkArm
from tests.training.small_agent import SIZE, make_agent
from training.agent import EngineConfig
from training.episode import Episode
from training.learner_config import LearnerConfig
from training.rollout import EpisodeSpec, LocalPool, collect_episodes
from training.vla_agent import VlaAgent, make_vla_agent


def demonstrations(count: int = 24) -> list[Episode]:
    specs = [EpisodeSpec(seed=seed) for seed in range(count)]
    return collect_episodes(LocalPool(ChunkArm, 8), ExpertPolicy(), specs)


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    return demonstrations()


def arm_agent(episodes, codec: str = "uniform", *, engine: dict | None = None, **settings):
    vla = VlaConfig(codec=codec, **{"num_bins": 16, "state_bins": 32, **settings})
    return make_vla_agent(SIZE, vla, EngineConfig(**(engine or {})), episodes, vocab_size=320)


@pytest.fixture(scope="module")
def agents(episodes) -> dict[str, VlaAgent]:
    return {codec: arm_agent(episodes, codec) for codec in CODECS}


def play(policy, count: int = 8, **kwargs) -> list[Episode]:
    specs = [EpisodeSpec(seed=seed) for seed in range(100, 100 + count)]
    played = collect_episodes(LocalPool(ChunkArm, 8), policy, specs, **kwargs)
    assert [episode.failure for episode in played] == [None] * count
    return played


def actions_of(episodes: list[Episode]) -> np.ndarray:
    return np.concatenate([turn.output.action for e in episodes for turn in e.turns])


@pytest.mark.parametrize("codec", CODECS)
def test_every_reply_is_a_chunk_within_its_budget(agents, codec: str) -> None:
    agent = agents[codec]
    policy = agent.policy(temperature=1.0)
    turns = [turn for episode in play(policy) for turn in episode.turns]
    budget = agent.chat.budget
    for turn in turns:
        output = turn.output
        assert output.text is None
        assert output.action.shape == (4, 1)
        assert output.action.dtype == np.float32
        assert budget.costs[output.reply_ids].min() >= 1
        assert budget.costs[output.reply_ids].sum() == budget.total == 4
    assert policy.num_undecodable == 0
    assert len(np.unique(actions_of(play(policy)))) > 5
    if codec == "dct":
        assert len({len(turn.output.reply_ids) for turn in turns}) > 1


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_before_any_update_the_ratio_is_one(
    episodes, codec: str, window: int, temperature: float
) -> None:
    agent = arm_agent(episodes, codec, window=window)
    with torch.no_grad():  # an untrained head gives the same mean whatever it sees
        for parameter in agent.model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.manual_seed(1)))
    played = play(agent.policy(temperature=temperature))
    samples = [sample for episode in played for sample in agent.samples(episode)]
    assert len(samples) == sum(len(episode.turns) for episode in played)
    learner = agent.learner(LearnerConfig(temperature=temperature, micro_batch_size=5))
    for sample, logprobs in zip(samples, learner.rescore(samples), strict=True):
        assert sample.loss_mask.sum() >= 1
        np.testing.assert_allclose(logprobs, sample.rollout_logprobs, atol=1e-4)


def test_the_probabilities_of_allowed_tokens_add_up_to_one(agents) -> None:
    """Score every token of the vocabulary in the place of one: the allowed ones sum to 1."""
    agent = agents["dct"]
    sample = agent.samples(play(agent.policy(temperature=1.0), 1)[0])[0]
    costs = agent.chat.budget.costs
    for place in np.flatnonzero(sample.loss_mask):
        left = (
            agent.chat.budget.total
            - costs[sample.input_ids[:place]][sample.loss_mask[:place]].sum()
        )
        twins = []
        for token in range(len(costs)):
            ids = sample.input_ids[: place + 1].copy()
            ids[place] = token
            cut = {n: getattr(sample, n)[: place + 1] for n in ("loss_mask", "turn_index")}
            twins.append(replace(sample, input_ids=ids, rollout_logprobs=None, **cut))
        usual = [t for t in twins if t.input_ids[-1] != agent.chat.picture_format.image_token_id]
        inputs = agent.chat.collate(usual)
        select = torch.from_numpy(np.stack([t.loss_mask for t in usual]))
        scores = score(agent.model, inputs, select=select, budget=agent.chat.budget)
        chances = scores.trainer_logprobs[:, -1].exp().detach().numpy()
        assert chances.sum() == pytest.approx(1.0, abs=1e-5)
        tokens = np.array([t.input_ids[-1] for t in usual])
        allowed = (costs[tokens] > 0) & (costs[tokens] <= left)
        assert (chances[allowed] > 0).all()
        assert not chances[~allowed].any()
        assert torch.isfinite(scores.entropies).all()


def test_what_a_budget_allows_by_hand() -> None:
    costs = torch.tensor([[0, 1, 2, 3]])
    left = torch.tensor([2, 3])
    assert affordable(costs, left).tolist() == [
        [False, True, True, False],
        [False, True, True, True],
    ]


def test_one_batch_may_hold_replies_with_and_without_a_budget() -> None:
    """Each is what it would have been alone."""
    agent = make_agent()
    policy = agent.policy(temperature=1.0)
    talks = [
        Conversation(conversation_id=str(i), observations=[Observation(text="Look 1.")])
        for i in range(3)
    ]
    requests = [policy._request(talk) for talk in talks]
    costs = np.zeros(len(agent.chat.tokenizer), dtype=np.int64)
    costs[40:50] = [1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    budget = TokenBudget(costs=costs, total=4)
    mixed = [replace(requests[0], budget=budget), requests[1], replace(requests[2], budget=budget)]
    for deterministic in (False, True):
        engine = TransformersEngine(agent.model, deterministic=deterministic, max_batch_size=4)
        together = engine.generate(mixed)
        alone = [TransformersEngine(agent.model, max_batch_size=4).generate([r])[0] for r in mixed]
        for one, other in zip(together, alone, strict=True):
            assert one.token_ids.tolist() == other.token_ids.tolist()
            np.testing.assert_allclose(one.rollout_logprobs, other.rollout_logprobs, atol=1e-5)
        assert costs[together[0].token_ids].sum() == 4
        assert together[0].finish_reason == "stop"
        assert np.isfinite(together[0].rollout_logprobs).all()


@pytest.mark.parametrize("codec", CODECS)
def test_actions_are_a_function_of_the_conversation_alone(agents, codec: str) -> None:
    agent = agents[codec]
    first = play(agent.policy(temperature=1.0), sampling_seed=3)
    again = play(agent.policy(temperature=1.0), sampling_seed=3)
    np.testing.assert_array_equal(actions_of(first), actions_of(again))
    other = play(agent.policy(temperature=1.0), sampling_seed=4)
    assert actions_of(first).tolist() != actions_of(other).tolist()


def test_a_prompt_shows_the_window_and_no_more(episodes) -> None:
    for window in (1, 2):
        agent = arm_agent(episodes, window=window)
        policy = agent.policy(temperature=1.0)
        episode = max(play(policy), key=lambda e: len(e.turns))
        observations = [turn.observation() for turn in episode.turns]
        outputs = [turn.output for turn in episode.turns]
        talk = Conversation(conversation_id="x", observations=observations[:4], outputs=outputs[:3])
        prompt = policy._request(talk)
        assert len(prompt.images) == window
        sample = agent.samples(episode)[3]
        assert (sample.first_turn, sample.last_turn) == (4 - window, 4)
        assert set(sample.turn_index[sample.loss_mask]) == {3}
        assert not sample.loss_mask[: len(prompt.prompt_ids)].any()
        np.testing.assert_array_equal(sample.input_ids[: len(prompt.prompt_ids)], prompt.prompt_ids)


def test_the_state_is_told_as_one_token_per_number(agents, episodes) -> None:
    chat = agents["uniform"].chat
    turn = episodes[0].turns[0]
    prompt = chat.transcript([turn.observation()], []).prompt().ids
    told = [id for id in prompt if id in set(chat.state_ids)]
    assert told == chat.state_ids[chat.state.encode(turn.state)].tolist()
    assert len(told) == 2
    untold = chat.transcript([replace(turn.observation(), state=None)], []).prompt().ids
    assert len(untold) == len(prompt) - 2


def test_no_text_becomes_an_action(agents) -> None:
    chat = agents["uniform"].chat
    ids = chat.encode_text("<|action_3|><|state_1|>")
    assert not set(ids) & {*chat.action_ids.tolist(), *chat.state_ids.tolist()}


@pytest.mark.parametrize("codec", CODECS)
def test_a_demonstration_is_trained_on_as_its_own_tokens(agents, episodes, codec: str) -> None:
    chat = agents[codec].chat
    for sample, turn in zip(agents[codec].samples(episodes[0]), episodes[0].turns, strict=True):
        assert sample.rollout_logprobs is None
        reply = sample.input_ids[sample.loss_mask]
        assert reply.tolist() == chat.action_ids[chat.codec.encode(turn.output.action)].tolist()
        if codec == "gaussian":
            assert isinstance(sample, ActionSample)
            np.testing.assert_array_equal(sample.actions[sample.loss_mask], turn.output.action)


def test_tokens_that_stand_for_no_chunk_are_a_hold_and_counted(agents) -> None:
    class Mute:
        weights_version = 0
        max_context = 999

        def generate(self, requests):
            real = agents["uniform"].policy(temperature=1.0).engine.generate(requests)
            return [replace(c, token_ids=np.array([5, 6, 7, 8])) for c in real]

        def forget(self, keys):
            pass

    policy = VlaPolicy(agents["uniform"].chat, Mute())
    played = play(policy, 2)
    assert not actions_of(played).any()
    assert policy.num_undecodable == sum(len(episode.turns) for episode in played)


def test_words_are_no_action(agents) -> None:
    chat, look = agents["gaussian"].chat, Observation(text="go")
    with pytest.raises(ValueError, match="turn 0 is a reply in words"):
        chat.sample_turn([look], [PolicyOutput(text="left")], 0)
    talk = Conversation(conversation_id="a", observations=[look], expert_reply=np.zeros(1))
    with pytest.raises(ValueError, match="privileged = True only"):
        agents["gaussian"].policy(temperature=1.0).act([talk])
    with pytest.raises(ValueError, match="window=0 must be at least 1"):
        VlaPolicy(chat, agents["gaussian"].policy(temperature=1.0).engine, window=0)


def make_head() -> GaussianHead:
    ranges = Ranges(low=np.array([-1.0, 2.0, 0.0]), high=np.array([1.0, 2.0, 6.0]))
    torch.manual_seed(0)
    head = GaussianHead(5, ranges, init_std=0.5, min_std=0.1)
    torch.nn.init.normal_(head.mean.weight)
    torch.nn.init.normal_(head.raw_std, std=0.1)
    return head


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_densities_and_entropies_are_those_of_torch(temperature: float) -> None:
    head, hidden = make_head(), torch.randn(7, 5)
    mean, std = head(hidden)
    assert mean[:, 1].tolist() == [2.0] * 7  # never varied, so it has no density
    assert std[1] == 0
    free = [0, 2]
    normal = Normal(mean[:, free], std[free] * temperature)
    actions = torch.randn(7, 3)
    wanted = normal.log_prob(actions[:, free]).sum(dim=-1)
    got = head.log_density(hidden, actions, temperature=temperature)
    torch.testing.assert_close(got, wanted)
    entropy = head.entropy(temperature=temperature)
    torch.testing.assert_close(entropy.expand(7), normal.entropy().sum(dim=-1))


def test_a_new_head_aims_near_the_middle_with_the_asked_for_spread() -> None:
    ranges = Ranges(low=np.array([-1.0, 0.0]), high=np.array([1.0, 6.0]))
    hidden = torch.randn(400, 100, generator=torch.Generator().manual_seed(0))

    def aim(**settings: float) -> tuple[torch.Tensor, torch.Tensor]:
        head = GaussianHead(100, ranges, init_std=0.5, min_std=0.1, **settings)
        with torch.no_grad():
            return head(hidden)

    mean, std = aim(weight_std=0.0)
    assert mean.unique(dim=0).tolist() == [[0, 3]]
    np.testing.assert_allclose(std, [0.5, 1.5], rtol=1e-6)
    # Sums of 100 products of normal numbers: 0.05 * 10 half ranges of 1 and of 3.
    mean, _ = aim()
    np.testing.assert_allclose(mean.std(dim=0), [0.5, 1.5], rtol=0.25)
    assert torch.equal(mean, aim(seed=0)[0])
    assert not torch.equal(mean, aim(seed=1)[0])


def test_draws_follow_the_density(agents) -> None:
    """Many members of one group: mean and spread of their first actions are the head's."""
    agent = agents["gaussian"]
    look = demonstrations(1)[0].turns[0].observation()
    talks = [
        Conversation(conversation_id=str(i), sample_index=i, observations=[look])
        for i in range(400)
    ]
    drawn = np.stack([o.action for o in agent.policy(temperature=1.0).act(talks)])
    mean = agent.policy(temperature=0.0).act(talks[:1])[0].action
    _, std = agent.model.action_head(torch.zeros(1, SIZE.hidden_size))
    spread = float(std.detach()[0])
    assert np.abs(drawn.mean(axis=0) - mean).max() < 4 * spread / np.sqrt(400)
    assert np.abs(drawn.std(axis=0) / spread - 1).max() < 0.15
    output = agent.policy(temperature=1.0).act(talks[:1])[0]
    assert output.action_logprob == pytest.approx(float(output.rollout_logprobs.sum()))


def test_a_blind_policy_still_knows_its_state(episodes) -> None:
    agent = arm_agent(episodes)
    policy = agent.policy(temperature=0.0, blind=True)
    talk = Conversation(conversation_id="x", observations=[episodes[0].turns[0].observation()])
    request = policy._request(talk)
    assert not request.images[0].any()
    assert set(request.prompt_ids) & set(agent.chat.state_ids)


def test_neighbours_begin_alike() -> None:
    rows = smooth_rows(64, 32, std=0.05, seed=0).double()
    assert float(rows.square().mean().sqrt()) == pytest.approx(0.05)
    near = torch.nn.functional.cosine_similarity(rows[:-1], rows[1:]).mean()
    far = torch.nn.functional.cosine_similarity(rows[:32], rows[32:]).mean()
    assert near > 0.9 > 0.5 > far
    assert torch.equal(rows, smooth_rows(64, 32, std=0.05, seed=0).double())
