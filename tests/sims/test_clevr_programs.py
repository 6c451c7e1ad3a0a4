"""Programs: read pointwise they mean the same, and malformed ones are refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.clevr import (
    FUNCTIONS,
    ClevrObject,
    ClevrScene,
    Program,
    check_program,
    compute_relationships,
    execute,
    node_outputs,
)

VALUES = {
    "size": ["small", "large"],
    "color": ["gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"],
    "material": ["rubber", "metal"],
    "shape": ["cube", "sphere", "cylinder"],
    "area": ["left", "middle", "right"],
}
DIRECTIONS = {
    "left": (-1.0, 0.0, 0.0),
    "right": (1.0, 0.0, 0.0),
    "front": (0.0, -1.0, 0.0),
    "behind": (0.0, 1.0, 0.0),
    "above": (0.0, 0.0, 1.0),
    "below": (0.0, 0.0, -1.0),
}

coordinates = st.integers(-4, 4).map(lambda n: n / 8)  # exact, also beside 0.2
objects = st.builds(
    ClevrObject,
    **{name: st.sampled_from(VALUES[name][:3]) for name in ("size", "color", "material", "shape")},
    area=st.sampled_from([*VALUES["area"], None]),
    coords_3d=st.tuples(coordinates, coordinates, st.just(0.35)),
)
scenes = st.lists(objects, max_size=8).map(
    lambda things: ClevrScene(
        objects=things,
        directions=DIRECTIONS,
        relationships=compute_relationships(things, DIRECTIONS),
    )
)

leaves = st.just(("scene",))
filters = st.sampled_from([(name, value) for name in VALUES for value in VALUES[name][:3]])
set_expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("filter"), filters, inner),
        st.tuples(st.sampled_from(["union", "intersect", "subtract"]), inner, inner),
    ),
    max_leaves=6,
)


def node(function, inputs=(), values=()):
    return {"function": function, "inputs": list(inputs), "value_inputs": list(values)}


def add_set(program, expression):
    """Append the nodes of an expression; the index of the last."""
    if expression[0] == "scene":
        program.append(node("scene"))
    elif expression[0] == "filter":
        _, (name, value), inner = expression
        program.append(node(f"filter_{name}", [add_set(program, inner)], [value]))
    else:
        inputs = [add_set(program, inner) for inner in expression[1:]]
        program.append(node(expression[0], inputs))
    return len(program) - 1


def is_in(thing, expression):
    """Whether an object belongs to the set: an independent, pointwise reading."""
    if expression[0] == "scene":
        return True
    if expression[0] == "filter":
        _, (name, value), inner = expression
        return getattr(thing, name) == value and is_in(thing, inner)
    first, second = (is_in(thing, inner) for inner in expression[1:])
    return {
        "union": first or second,
        "intersect": first and second,
        "subtract": first and not second,
    }[expression[0]]


def number_in(scene, expression):
    return sum(is_in(thing, expression) for thing in scene.objects)


@settings(max_examples=200, deadline=None)
@given(scenes, set_expressions)
def test_sets_count_and_exist_agree_with_a_pointwise_reading(scene, expression):
    program = []
    top = add_set(program, expression)
    number = number_in(scene, expression)
    assert execute([*program, node("count", [top])], scene) == str(number)
    assert execute([*program, node("exist", [top])], scene) == ("yes" if number else "no")
    members = [i for i, thing in enumerate(scene.objects) if is_in(thing, expression)]
    assert list(node_outputs(program, scene)[-1]) == members


@settings(max_examples=100, deadline=None)
@given(scenes, set_expressions, set_expressions)
def test_comparisons_agree_with_a_pointwise_reading(scene, first, second):
    program = []
    for expression in (first, second):
        program.append(node("count", [add_set(program, expression)]))
    counts = [i for i, step in enumerate(program) if step["function"] == "count"]
    a, b = number_in(scene, first), number_in(scene, second)

    def answer(function):
        return execute([*program, node(function, counts)], scene)

    assert answer("equal_integer") == ("yes" if a == b else "no")
    assert answer("less_than") == ("yes" if a < b else "no")
    assert answer("greater_than") == ("yes" if a > b else "no")
    assert answer("compare_count") == ("equal" if a == b else "more" if a > b else "fewer")
    assert answer("larger_area") == ("equal" if a == b else "left" if a > b else "right")


@settings(max_examples=100, deadline=None)
@given(scenes.filter(lambda scene: scene.objects), st.data())
def test_relations_and_same_agree_with_a_pointwise_reading(scene, data):
    """Over every pair, from the coordinates: at most one axis counts, and by more than 0.2."""
    chosen = data.draw(st.sampled_from(scene.objects))
    wanted = [chosen.size, chosen.color, chosen.material, chosen.shape]
    twins = [t for t in scene.objects if [t.size, t.color, t.material, t.shape] == wanted]
    start = [node("scene"), node("filter_unique", [0], wanted)]
    x, y, _ = chosen.coords_3d
    further = {
        "left": lambda t: t.coords_3d[0] < x - 0.2,
        "right": lambda t: t.coords_3d[0] > x + 0.2,
        "front": lambda t: t.coords_3d[1] < y - 0.2,
        "behind": lambda t: t.coords_3d[1] > y + 0.2,
    }
    for relation, holds in further.items():
        answer = execute([*start, node("relate", [1], [relation]), node("count", [2])], scene)
        number = sum(map(holds, scene.objects))
        assert answer == (str(number) if len(twins) == 1 else "__INVALID__")
    for name in ("size", "color", "material", "shape"):
        answer = execute([*start, node(f"same_{name}", [1]), node("count", [2])], scene)
        number = sum(getattr(t, name) == getattr(chosen, name) for t in scene.objects) - 1
        assert answer == (str(number) if len(twins) == 1 else "__INVALID__")


def test_a_relation_needs_more_than_the_distance_eps():
    things = [
        ClevrObject(size="small", color="red", material="metal", shape="cube", coords_3d=place)
        for place in [(0.0, 0.0, 0.0), (0.25, 0.0, 0.0), (0.5, 3.0, 9.0)]
    ]
    assert compute_relationships(things, {"right": (1.0, 0.0, 0.0)}, eps=0.25) == {
        "right": [[2], [], []]
    }
    assert compute_relationships(things, {"right": (0.6, 0.8, 0.0), "above": (0, 0, 1)}) == {
        "right": [[2], [2], []]
    }
    with pytest.raises(ValueError, match="eps must be at least 0; got -1"):
        compute_relationships(things, DIRECTIONS, eps=-1)


SCENE, COUNT = node("scene"), node("count", [0])
EMPTY = ClevrScene(objects=[])
NESTED: list = []
for _ in range(100_000):
    NESTED = [NESTED]

MALFORMED = [
    ([], "a program must be a list of at least one node"),
    (None, "a program must be a list of at least one node; got None"),
    ("scene", "a program must be a list of at least one node; got 'scene'"),
    ({"function": "scene"}, "a program must be a list"),
    (NESTED, r"program\[0\]: a node must be an object with named fields; got \[\["),
    ([SCENE, "count"], r"program\[1\]: a node must be an object with named fields; got 'count'"),
    ([SCENE], r"program\[0\]: a program must end in an answer.* scene gives a set of objects"),
    ([SCENE, node("unique", [0])], "must end in an answer.* unique gives one object"),
    ([node("eval")], r"program\[0\]: function must be one of scene, .*; got 'eval'"),
    ([node("__class__")], "function must be one of"),
    ([node(["scene"])], r"function must be one of .*; got \['scene'\]"),
    ([{}], "function must be one of .*; got None"),
    ([{**SCENE, "type": "scene"}], "'function' or, as its other name, 'type'; not both"),
    ([{**SCENE, "side_inputs": []}], "'value_inputs' or, as its other name, 'side_inputs'"),
    ([SCENE, node("count", [1])], r"program\[1\]: count: .*earlier nodes, from 0 to 0; got 1"),
    ([SCENE, node("count", [2]), node("count", [1])], "from 0 to 0; got 2"),
    ([node("count", [0]), SCENE], "earlier nodes, of which there are none; got 0"),
    ([SCENE, node("count", [-1])], "from 0 to 0; got -1"),
    ([SCENE, node("count", [False])], "from 0 to 0; got False"),
    ([SCENE, node("count", [0.0])], "from 0 to 0; got 0.0"),
    ([SCENE, node("count", ["0"])], "from 0 to 0; got '0'"),
    ([SCENE, node("count", [10**5000])], "from 0 to 0; got something of type int"),
    ([SCENE, node("count", [NESTED])], r"from 0 to 0; got \[\["),
    ([SCENE, {**COUNT, "inputs": 0}], r"inputs must be a list of 1 \(a set of objects\); got 0"),
    ([SCENE, {**COUNT, "inputs": "0"}], "inputs must be a list of 1 .*; got '0'"),
    ([SCENE, {"function": "count"}], r"inputs must be a list of 1 .*; got \[\]"),
    ([SCENE, node("count", [0, 0])], r"count: inputs must be a list of 1 .*; got \[0, 0\]"),
    ([SCENE, node("scene", [0])], r"scene: inputs must be an empty list; got \[0\]"),
    ([SCENE, node("union", [0])], r"inputs must be a list of 2 \(a set of objects, a set of obj"),
    ([SCENE, node("count", [0], ["red"])], r"value_inputs must be an empty list; got \['red'\]"),
    ([SCENE, node("filter_color", [0])], r"value_inputs must be a list of 1 \(color\); got \[\]"),
    ([SCENE, {**COUNT, "value_inputs": None}], "value_inputs must be an empty list; got None"),
    ([SCENE, node("filter_color", [0], ["pink"])], "color must be one of gray, .*; got 'pink'"),
    ([SCENE, node("filter_color", [0], [""])], "color must be one of gray, .*; got ''"),
    ([SCENE, node("filter_color", [0], [["red"]])], r"color must be one of .*; got \['red'\]"),
    ([SCENE, node("filter_area", [0], ["front"])], "area must be one of left, middle, right; got"),
    ([SCENE, node("filter", [0], ["red", "", "", ""])], "size must be one of .*; got 'red'"),
    ([SCENE, node("filter", [0], ["thing", "", "", ""])], "size must be one of .*; got 'thing'"),
    ([SCENE, node("filter", [0], ["", "red"])], r"a list of 4 \(size, color, material, shape\)"),
    (
        [SCENE, node("unique", [0]), node("relate_filter", [1], [""] * 5)],
        "relation must be one of left, right, behind, front; got ''",
    ),
    (
        [SCENE, node("relate", [0], ["left"])],
        r"relate: its input must be one object; program\[0\], scene, gives a set of objects",
    ),
    ([SCENE, COUNT, node("exist", [1])], "input must be a set of objects; .*count, gives an int"),
    (
        [SCENE, node("unique", [0]), node("query_size", [1]), node("equal_color", [2, 2])],
        "equal_color: its input must be a color; .*query_size, gives a size",
    ),
    ([SCENE, COUNT, node("add", [1], ["2.5"])], "integer must have up to nine digits.*'2.5'"),
    ([SCENE, COUNT, node("add", [1], [True])], "integer must have up to nine digits.*got True"),
    ([SCENE, COUNT, node("add", [1], ["٣"])], "integer must have up to nine digits"),
    ([SCENE, COUNT, node("add", [1], ["2\n"])], "integer must have up to nine digits"),
    ([SCENE, COUNT, node("add", [1], ["9" * 5000])], "integer must have up to nine digits"),
    ([SCENE, COUNT, node("add", [1], [10**5000])], "integer must have up to nine digits"),
]


@pytest.mark.parametrize(
    ("program", "reason"), MALFORMED, ids=[str(i) for i in range(len(MALFORMED))]
)
def test_malformed_programs_are_refused_with_a_reason(program, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        check_program(program)
    assert len(str(caught.value)) < 1000
    with pytest.raises(ValueError, match=reason):
        execute(program, EMPTY)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)
likely = st.fixed_dictionaries(
    {
        "function": st.sampled_from(list(FUNCTIONS)) | junk,
        "inputs": st.lists(st.integers(-1, 4) | junk, max_size=2) | junk,
        "value_inputs": st.lists(st.sampled_from(["red", "left", "", None, 1]) | junk, max_size=5)
        | junk,
    }
)


@settings(max_examples=400, deadline=None)
@given(scenes, st.lists(likely | junk, max_size=4).map(lambda nodes: [SCENE, *nodes]) | junk)
def test_no_program_raises_anything_but_a_value_error(scene, program):
    try:
        answer = execute(program, scene)
    except ValueError:
        return
    assert isinstance(answer, str)


def test_long_programs_neither_recurse_nor_grow():
    scene = ClevrScene(
        objects=[ClevrObject(size="small", color="red", material="metal", shape="cube")]
    )
    program = [SCENE, *(node("union", [i, i]) for i in range(20_000))]
    assert execute([*program, node("count", [20_000])], scene) == "1"


def test_a_parsed_program_runs_on_many_scenes():
    program = Program.parse([SCENE, COUNT])
    thing = ClevrObject(size="small", color="red", material="metal", shape="cube")
    assert [execute(program, ClevrScene(objects=[thing] * n)) for n in range(3)] == ["0", "1", "2"]


def test_a_relation_that_the_scene_does_not_have_is_an_error():
    thing = ClevrObject(size="small", color="red", material="metal", shape="cube")
    scene = ClevrScene(objects=[thing], relationships={"left": [[]]}, image_filename="a.png")
    program = [SCENE, node("unique", [0]), node("relate", [1], ["right"]), node("count", [2])]
    with pytest.raises(ValueError, match=r"a\.png does not say what is 'right'.* are: left"):
        execute(program, scene)
