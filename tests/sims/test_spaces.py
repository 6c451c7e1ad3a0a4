"""The two spaces of our own."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from sims.spaces import ImagesSpace, ReplySpace


def picture(*shape, dtype=np.uint8):
    return np.zeros(shape, dtype=dtype)


@pytest.mark.parametrize("text", ["", "a <b> c\n", "中文🙂", "\x00", "x" * 20])
def test_any_text_that_is_not_too_long_is_a_reply(text):
    assert text in ReplySpace(20)


@pytest.mark.parametrize("wrong", ["x" * 21, b"bytes", None, 3, ["a"]])
def test_nothing_else_is_a_reply(wrong):
    assert wrong not in ReplySpace(20)


@pytest.mark.parametrize(
    "images",
    [(), (picture(8, 9, 3),), (picture(1, 1, 3), picture(8, 9, 3))],
)
def test_any_number_of_pictures_of_any_size_is_legal(images):
    assert images in ImagesSpace(8, 9, max_images=2)


@pytest.mark.parametrize(
    "wrong",
    [
        [picture(8, 9, 3)],
        (picture(9, 8, 3),),
        (picture(8, 9),),
        (picture(8, 9, 4),),
        (picture(8, 9, 3, dtype=np.float32),),
        (picture(0, 9, 3),),
        (picture(2, 2, 3),) * 3,
        picture(8, 9, 3),
    ],
)
def test_lists_and_other_shapes_types_and_numbers_are_not(wrong):
    assert wrong not in ImagesSpace(8, 9, max_images=2)


@pytest.mark.parametrize("space", [ReplySpace(5), ReplySpace(500), ImagesSpace(6, 7)])
def test_samples_are_legal_vary_and_follow_the_seed(space):
    twin = copy.deepcopy(space)
    space.seed(3)
    twin.seed(3)
    samples = [space.sample() for _ in range(30)]
    assert all(sample in space for sample in samples)
    assert len({repr(sample) for sample in samples}) > 5
    assert [repr(twin.sample()) for _ in range(30)] == [repr(sample) for sample in samples]


def test_spaces_are_equal_by_their_limits():
    assert ReplySpace(5) == ReplySpace(5) != ReplySpace(6)
    assert ImagesSpace(5, 6) == ImagesSpace(5, 6) != ImagesSpace(6, 5)
    assert ImagesSpace(5, 6, max_images=2) != ImagesSpace(5, 6)
    assert ReplySpace(5) != ImagesSpace(5, 5)


@pytest.mark.parametrize("space", [ReplySpace(9), ImagesSpace(4, 5, max_images=3)])
def test_spaces_survive_the_way_to_another_process(space):
    """Gymnasium's own vectors send them by pickle."""
    assert pickle.loads(pickle.dumps(space)) == space
    assert eval(repr(space)) == space


@pytest.mark.parametrize("space", [ReplySpace(9), ImagesSpace(4, 5)])
def test_batches_keep_every_item(space):
    space.seed(0)
    items = [space.sample() for _ in range(3)]
    batch = concatenate(space, items, create_empty_array(space, n=3))
    back = list(iterate(batch_space(space, n=3), batch))
    assert [repr(item) for item in back] == [repr(item) for item in items]


def test_limits_are_checked():
    with pytest.raises(ValueError, match=r"ReplySpace.max_length is 0; it must be at least 1"):
        ReplySpace(0)
    with pytest.raises(ValueError, match=r"ImagesSpace needs max_height.+ not 4, 0 and 64"):
        ImagesSpace(4, 0)
    for space in (ReplySpace(4), ImagesSpace(4, 4)):
        with pytest.raises(ValueError, match="takes neither mask nor probability"):
            space.sample(mask=1)
