"""The agent against exact inference by a library, pyAgrum, in a Bayesian network of the posterior means.

For one subject the network has a node for each relation, an arc for each dependency whose upstream fact was observed
of the subject, and as its tables the posterior means, with what was told of the subject itself, which the oracle gives
in fractions. The library knows no
Dirichlets, no responsibilities and no defaults for objects never seen. So these tests check section 5 of the design
(sums over upstream objects, down chains) and the joint of two facts.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pyagrum as gum
from hypothesis import given
from hypothesis import strategies as st
from oracle import Oracle, hundreds

from worldgen.bayes.agent import Edit
from worldgen.bayes.statements import p_and
from worldgen.bayes.testing import MicroWorld, agent_of, edited_worlds
from worldgen.facts import Fact

# As in test_agent: both sides make fewer than 1e3 roundings of 1.1e-16 of numbers that are at most 1.
EXACT = 1e-12


def network(world: MicroWorld, edits: tuple[Edit, ...], subject: int) -> gum.BayesNet:
    """Returns the network of one subject; variable "r2" is its object under relation 2."""
    net, means = gum.BayesNet(), Oracle(world, *edits)
    observed = {fact[:2] for sentence in world.sentences for fact in sentence.atoms} | {edit[:2] for edit in edits}
    for r in range(world.R):
        net.add(gum.LabelizedVariable(f"r{r}", f"relation {r}", world.K))
    arcs = [(u, d) for u, d in world.pairs if (subject, u) in observed]
    for u, d in arcs:
        net.addArc(f"r{u}", f"r{d}")
        for o_u in range(world.K):
            net.cpt(f"r{d}")[{f"r{u}": o_u}] = [float(p) for p in means.downstream(subject, d, certain(o_u, world.K))]
    for r in set(range(world.R)) - {d for _, d in arcs}:
        net.cpt(f"r{r}").fillWith([float(p) for p in means.root(subject, r)])
    return net


def certain(object_: int, K: int) -> list[Fraction]:
    """Returns the distribution of one certain object."""
    return [Fraction(o == object_) for o in range(K)]


@hundreds
@given(edited_worlds(max_edits=2))
def test_marginals_equal_the_networks(drawn: tuple[MicroWorld, tuple[Edit, ...]]) -> None:
    world, edits = drawn
    agent = agent_of(world, *edits)
    for s in range(world.S + 1):
        elimination = gum.VariableElimination(network(world, edits, s))
        for r in range(world.R):
            expected = elimination.posterior(f"r{r}").toarray()
            np.testing.assert_allclose(agent.belief(s, r).dense(), expected, rtol=0, atol=EXACT)


@given(edited_worlds(max_edits=2), st.data())
def test_p_and_of_two_facts_equals_the_networks_joint(drawn: tuple, data: st.DataObject) -> None:
    world, edits = drawn
    s = data.draw(st.integers(0, world.S))
    agent, inference = agent_of(world, *edits), gum.LazyPropagation(network(world, edits, s))
    for r1, r2 in pairwise(range(world.R)):
        inference.addJointTarget({f"r{r1}", f"r{r2}"})
        joint = inference.jointPosterior({f"r{r1}", f"r{r2}"})
        for o1, o2 in product(range(world.K), repeat=2):
            found = p_and(agent, Fact(s, r1, o1), Fact(s, r2, o2))
            assert abs(found - joint[{f"r{r1}": o1, f"r{r2}": o2}]) <= EXACT


def test_a_chain_by_hand() -> None:
    """The chain of fixtures/posteriors.toml gives 65/96, here with its tables written out."""
    net = gum.fastBN("first[2]->second[2]->third[2]")
    net.cpt("first").fillWith([5 / 6, 1 / 6])
    net.cpt("second").fillWith([3 / 4, 1 / 4, 1 / 2, 1 / 2])
    net.cpt("third").fillWith([1 / 4, 3 / 4, 1 / 2, 1 / 2])
    elimination = gum.VariableElimination(net)
    assert abs(elimination.posterior("third")[1] - 65 / 96) <= 1e-15  # a dozen roundings at most, below 1
