"""What is asked of vLLM and how its answers are read. No vLLM needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from policies.engines.vllm_requests import compact_ids, make_prompt, make_sampling, make_seed
from policies.interface import TokenBudget
from tests.policies.fake_vllm import FORMAT, IMAGE_TOKEN, make_picture, make_request


def test_each_picture_has_one_placeholder_and_stands_in_its_place() -> None:
    first, second = make_picture(56, 84), make_picture(28, 28, seed=1)
    request = make_request(first, second)
    # 56 x 84 px are 2 x 3 features of 28 px; 28 x 28 are one.
    assert request.prompt_ids.tolist() == [30, 40, 3, *[IMAGE_TOKEN] * 6, 4, 3, IMAGE_TOKEN, 4]
    prompt = make_prompt(request, FORMAT)
    assert prompt["prompt_token_ids"] == [30, 40, 3, IMAGE_TOKEN, 4, 3, IMAGE_TOKEN, 4]
    sent = [np.asarray(picture) for picture in prompt["multi_modal_data"]["image"]]
    assert [picture.shape for picture in sent] == [(56, 84, 3), (28, 28, 3)]
    assert np.array_equal(sent[0], first)
    assert np.array_equal(sent[1], second)


def test_a_prompt_without_pictures_says_nothing_of_pictures() -> None:
    assert make_prompt(make_request(), FORMAT) == {"prompt_token_ids": [30, 40]}


def test_pictures_that_stand_side_by_side_stay_apart() -> None:
    ids = np.array([1, 5, 5, 5, 5, 2])
    assert compact_ids(ids, np.array([[1, 3], [3, 5]])).tolist() == [1, 5, 5, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": ()}, "0 pictures but 1 placeholder spans"),
        ({"images": (make_picture(28, 84),)}, "has 3 features, but its span .3, 9. holds 6"),
        ({"image_spans": np.array([[2, 8]])}, "holds 5 placeholders"),
        ({"prompt_ids": np.array([], dtype=np.int64)}, "empty prompt"),
        (
            {"prompt_ids": np.append(make_request(make_picture()).prompt_ids, IMAGE_TOKEN)},
            "7 placeholders, of which its 1 pictures account for 6",
        ),
    ],
)
def test_placeholders_and_pictures_that_disagree_are_refused(change: dict, message: str) -> None:
    request = replace(make_request(make_picture()), **change)
    with pytest.raises(ValueError, match=message):
        make_prompt(request, FORMAT)


def test_sampling_follows_the_request() -> None:
    sampling = make_sampling(make_request(temperature=0.5, stop_ids=(2, 9), max_new_tokens=7))
    assert sampling.pop("seed") == make_seed((7, 0))
    assert sampling == {
        "temperature": 0.5,
        "max_tokens": 7,
        "stop_token_ids": [2, 9],
        "ignore_eos": True,
        "logprobs": 0,
        "detokenize": False,
    }


def test_the_likeliest_token_needs_no_seed() -> None:
    assert "seed" not in make_sampling(make_request(temperature=0.0))


def test_seeds_differ_by_every_part_of_the_key_and_fit_64_bits() -> None:
    keys = [(7, 2**64 - 1, sample, turn) for sample in range(50) for turn in range(20)]
    seeds = {make_seed(key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**60
    assert make_seed((1, 23)) != make_seed((12, 3))


def test_a_budget_of_equal_costs_becomes_a_list_of_tokens() -> None:
    budget = TokenBudget(costs=np.array([0, 1, 0, 1]), total=3)
    sampling = make_sampling(make_request(budget=budget, max_new_tokens=9))
    assert (sampling["allowed_token_ids"], sampling["max_tokens"]) == ([1, 3], 3)


def test_a_budget_of_unequal_costs_is_refused() -> None:
    budget = TokenBudget(costs=np.array([0, 1, 2]), total=3)
    with pytest.raises(ValueError, match=r"costs up to 2; engine\.backend=vllm can only"):
        make_sampling(make_request(budget=budget))
