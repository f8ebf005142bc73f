"""The expected squared error of a ReLU output, as a Fourier series.

Every pre-activation z_i is a sum of independent terms, so its characteristic function is a product. The expectation of
ReLU(z_i)² is then a rapidly converging series, however many features there are.
"""

import itertools
import math
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from supertoy._util.threads import in_threads, stop_if_told
from supertoy.data import FeatureDistribution
from supertoy.values import UNIT, Uniform

_CHUNK_BYTES = 2**24  # of one piece of the series; a few are alive at once
_GROUP = 2**11  # gains in a group of instances: enough for fast operations, few enough for groups to stop early


def relu_loss(
    gain: Float[Tensor, "instance feature feature"],
    b: Float[Tensor, "instance feature"],
    data: FeatureDistribution,
    importance: Float[Tensor, "instance feature"],
    rtol: float,
) -> tuple[Float[Tensor, "instance"], Bool[Tensor, "instance"]]:
    """Σ_i I_i E (x_i - ReLU(z_i))², where z_i = gain_i·x + b_i with gain [instance, output, feature], and if it converged.

    Terms are doubled until the loss changes by less than `rtol` of itself, up to 4096. The error falls at least fourfold
    with each doubling, so what is left is smaller still. In the end a change by 1e-9 of the loss of a model that answers 0
    will do too, since no number of terms resolves the losses of nearly perfect models. Values must be uniform.
    """
    n_instances, n = b.shape
    n_at_once = max(1, _GROUP // n**2)

    def loss_of(group: slice) -> tuple[Tensor, Tensor]:
        data_here, I = data.select(group), importance[group]
        floor = 1e-9 * data.values.moments[1] * (I * data_here.activity()[0]).sum(-1)
        loss = torch.full_like(b[group, 0], torch.inf)
        for error in _partial_sums(gain[group], b[group], data_here):
            before, loss = loss, (I * error.clamp(min=0)).sum(-1)
            enough = torch.maximum(rtol * loss, floor)
            # Errors are not negative. Sums far from their limit may be, and would look settled where they are cut at 0.
            is_near = (I * -error.clamp(max=0)).sum(-1) <= enough
            change = (loss - before).abs()
            if (is_near & (change <= rtol * loss)).all():
                break
        return loss, is_near & (change <= enough)

    groups = [slice(start, start + n_at_once) for start in range(0, n_instances, n_at_once)]
    losses, are_converged = zip(*in_threads([partial(loss_of, group) for group in groups]), strict=True)
    return torch.cat(losses), torch.cat(are_converged)


def _partial_sums(gain: Tensor, b: Tensor, data: FeatureDistribution) -> Iterator[Tensor]:
    """E (x_i - ReLU(z_i))² per output with 16, 32, 64, ... terms.

    Expands |z| and z|z| in Bernoulli polynomials on a period that holds all of z, and takes expectations term by term.

    With u = z / T, |u| < 1, and B_k the periodic Bernoulli polynomials:

        |u|  = u² + 1/6 - B_2(u),          B_2(u) = 1/π²     Σ_k cos(2πku) / k²
        u|u| = 2/3 (u³ + u/2 - B_3(u)),    B_3(u) = 3/(2π³)  Σ_k sin(2πku) / k³

    So E ReLU(z)² = E (z² + z|z|) / 2 and E x_i ReLU(z) = E (x_i z + x_i |z|) / 2 need three moments of z and the
    characteristic functions E exp(iωz), E x_i exp(iωz) at the frequencies ω = 2πk / T. After N terms an error of O(N⁻²) or
    less is left. The zero vector and the vectors with one active feature, most of what sparse data contains, would converge
    slowest. They have closed forms, so they are taken out of the series and added exactly.
    """
    # Longer than |z| by half: B_2 and B_3 repeat at u = 1, and z should stay clear of the kinks there.
    T = 1.5 * (b.abs() + data.values.largest * _reach(gain, data)).clamp(min=1e-30)
    g, offset = gain / T[..., None], b / T  # from here on everything is in units of T
    own = g.diagonal(dim1=-2, dim2=-1)
    p_zero, p_one = data.zero_probability[:, None], _only_active(data)
    p_one_by_output = p_one[:, None]  # [instance, 1, feature]

    # Moments of u, and those with x_i, without the zero vector and the vectors with one active feature.
    values = data.values
    assert isinstance(values, Uniform)
    mu1, mu2, mu3 = values.moments
    c = offset[..., None]
    moments, tilted = _moments(g, offset, data)
    one = (c + mu1 * g, c**2 + 2 * c * mu1 * g + mu2 * g**2, c**3 + 3 * c**2 * mu1 * g + 3 * c * mu2 * g**2 + mu3 * g**3)
    z1, z2, z3 = (
        moment - p_zero * offset**r - (p_one_by_output * m).sum(-1)
        for r, moment, m in zip((1, 2, 3), moments, one, strict=True)
    )
    one_tilted = (torch.as_tensor(mu1), offset * mu1 + own * mu2, offset**2 * mu1 + 2 * offset * own * mu2 + own**2 * mu3)
    x0, x1, x2 = (moment - p_one * m for moment, m in zip(tilted, one_tilted, strict=True))  # E x_i, E x_i u, E x_i u²

    # Where z never changes its sign, no series is needed: |u| is u or -u.
    ends = torch.stack([torch.zeros_like(g), values.low * g, values.high * g])
    up, down = ends.amax(0).sum(-1), ends.amin(0).sum(-1)
    sign = (offset + down >= 0).double() - (offset + up <= 0).double()

    _, one_squared = relu_moments(g, c, values)
    one_product, _ = relu_moments(own, offset, values)
    relu_squared = z2 / 2 + p_zero * offset.relu().square() + (p_one_by_output * one_squared).sum(-1)
    x_relu = x1 / 2 + p_one * one_product
    x_squared = mu2 * data.activity()[0]

    sin_sum, cos_sum = torch.zeros_like(b), torch.zeros_like(b)
    chunk = max(1, _CHUNK_BYTES // (16 * g.numel()))
    for start, end in itertools.pairwise([0, *(2**i for i in range(4, 13))]):
        for k in torch.arange(start + 1, end + 1, dtype=b.dtype, device=b.device).split(chunk):
            stop_if_told()
            omega = (2 * torch.pi * k)[:, None, None]  # [frequency, 1, 1]
            phase = torch.exp(1j * omega * offset)
            plain, with_x = _characteristic(omega[..., None] * g, data, values, p_one)
            sin_sum += (((plain - p_zero) * phase).imag / k[:, None, None] ** 3).sum(0)
            cos_sum += ((with_x * phase).real / k[:, None, None] ** 2).sum(0)
        u_abs_u = torch.where(sign == 0, 2 / 3 * (z3 + z1 / 2 - 3 / (2 * torch.pi**3) * sin_sum), sign * z2)
        x_abs_u = torch.where(sign == 0, x2 + x0 / 6 - cos_sum / torch.pi**2, sign * x1)
        yield x_squared - T * (2 * x_relu + x_abs_u) + T.square() * (relu_squared + u_abs_u / 2)


def relu_moments(slope: Tensor, offset: Tensor, values: Uniform = UNIT) -> tuple[Tensor, Tensor]:
    """E x r and E r², with r = ReLU(slope x + offset) and x one of these values.

    >>> product, square = relu_moments(torch.tensor(1.0), torch.tensor(0.0))  # r = x: E x² both times
    >>> product, square
    (tensor(0.3333), tensor(0.3333))
    """
    # Where r is positive the integrands are quadratics, so Simpson's rule on that part is exact. Unlike an antiderivative,
    # it does not divide by a slope that may be zero.
    slope, offset = torch.broadcast_tensors(slope, offset)
    low, high = values.low, values.high
    at_low, at_high = (slope * end + offset > 0 for end in (low, high))
    root = (-offset / torch.where(slope == 0, 1.0, slope)).clamp(low, high)
    lower, upper = torch.where(at_low, low, root), torch.where(at_high, high, root)
    product, square = torch.zeros_like(root), torch.zeros_like(root)
    for x, simpson in ((lower, 1), ((lower + upper) / 2, 4), (upper, 1)):
        r = (slope * x + offset).relu()
        share = torch.where(at_low | at_high, simpson * (upper - lower) / 6, 0.0) / (high - low)
        product, square = product + share * x * r, square + share * r**2
    return product, square


class _Blocks(NamedTuple):
    """Sets, or single features: blocks of one size with the same states, the state without any active feature left out."""

    features: slice  # those of these blocks, one block after the other
    members: Tensor  # [state, member], 1 where a member is active in a state, else 0
    probability: Tensor  # [instance, block, state]

    def by_block(self, values: Tensor) -> Tensor:
        """[..., feature] to [..., block, member]."""
        return values[..., self.features].unflatten(-1, (-1, self.members.shape[1]))

    def own(self, values: Tensor) -> Tensor:
        """Of [..., output, block, x] each output with its own block: [..., block, member, x]."""
        by_output = values[..., self.features, :, :].unflatten(-3, (-1, self.members.shape[1]))
        return by_output.diagonal(dim1=-4, dim2=-2).movedim(-1, -3)


def _blocks(data: FeatureDistribution) -> list[_Blocks]:
    members, probability = data.set_states()
    in_sets = data.n_sets * data.set_size
    sets = _Blocks(slice(0, in_sets), members[1:].double(), probability[..., 1:])
    singles = data.probability[:, data.n_sets :, None]
    single = _Blocks(slice(in_sets, data.n_features), singles.new_ones(1, 1), singles)
    return [blocks for blocks, n in ((sets, data.n_sets), (single, data.n_single)) if n]


def _only_active(data: FeatureDistribution) -> Tensor:
    """Probability that a feature is active and no other, [instance, feature]."""
    off = 1 - data.probability
    n_blocks = off.shape[1]
    others = torch.stack(
        [off[:, torch.arange(n_blocks, device=off.device) != block].prod(-1) for block in range(n_blocks)], 1
    )
    lone = [(b.probability * (b.members.sum(1) == 1) @ b.members).flatten(1) for b in _blocks(data)]
    return torch.cat(lone, dim=-1) * others[:, data.block_of_feature]


def _reach(gain: Tensor, data: FeatureDistribution) -> Tensor:
    """How far from zero gain_i·x can get, [instance, output], up to a chance of 1e-14.

    The chance that k or more blocks are active is at most λᵏ / k!, where λ is the sum of their probabilities. Sparse
    features add up to far less than the sum of all gains, and a shorter period makes the series converge faster.
    """
    per_block = [(b.by_block(gain.abs()) @ b.members.T).amax(-1) for b in _blocks(data)]
    largest = torch.cat(per_block, dim=-1).sort(-1, descending=True).values.cumsum(-1)
    rate = data.probability.sum(-1)
    k = torch.arange(1, data.probability.shape[1] + 1, dtype=rate.dtype, device=rate.device)
    log_chance = k * rate.log()[:, None] - torch.lgamma(k + 1)
    # The bound rises while k < λ, so the last k above the threshold counts.
    n_active = torch.where(log_chance > math.log(1e-14), k, 1).amax(-1).long()
    index = (n_active - 1)[:, None, None].expand(len(gain), gain.shape[1], 1)
    return largest.gather(-1, index)[..., 0]


def _moments(g: Tensor, offset: Tensor, data: FeatureDistribution) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """E u, E u², E u³ and E x_i, E x_i u, E x_i u² of u = offset + g·x, each [instance, output]."""
    mu1, mu2, mu3 = data.values.moments
    variance = mu2 - mu1**2
    own = g.diagonal(dim1=-2, dim2=-1)
    c1, c2, c3 = offset, torch.zeros_like(offset), torch.zeros_like(offset)
    parts = []
    for b in _blocks(data):
        # Moments of a block's sum in each state, [instance, output, block, state]; a uniform value has no third cumulant.
        values, p = b.by_block(g), b.probability[:, None]
        m1, spread = mu1 * values @ b.members.T, variance * values.square() @ b.members.T
        m2, m3 = spread + m1**2, 3 * spread * m1 + m1**3
        r1, r2, r3 = ((p * m).sum(-1) for m in (m1, m2, m3))
        # Cumulants add up over blocks.
        k1, k2, k3 = r1, r2 - r1**2, r3 - 3 * r2 * r1 + 2 * r1**3
        c1, c2, c3 = c1 + k1.sum(-1), c2 + k2.sum(-1), c3 + k3.sum(-1)

        # With x_i: the states of its block in which i is active, and what its partners add, [..., block, member, state].
        p_own = b.probability[:, :, None] * b.members.T
        gain = own[:, b.features].unflatten(-1, p_own.shape[1:3])[..., None]
        partners1 = b.own(m1) - mu1 * gain
        partners2 = b.own(spread) - variance * gain**2 + partners1**2
        a0 = mu1 * p_own.sum(-1)
        a1 = (p_own * (mu2 * gain + mu1 * partners1)).sum(-1)
        a2 = (p_own * (mu3 * gain**2 + 2 * mu2 * gain * partners1 + mu1 * partners2)).sum(-1)
        k1_own, k2_own = (b.own(k[..., None])[..., 0] for k in (k1, k2))
        parts.append([value.flatten(1) for value in (a0, a1, a2, k1_own, k2_own)])
    a0, a1, a2, k1_own, k2_own = (torch.cat(values, dim=-1) for values in zip(*parts, strict=True))
    moments = (c1, c2 + c1**2, c3 + 3 * c2 * c1 + c1**3)
    rest1 = c1 - k1_own  # of all other blocks, which are as before
    rest2 = c2 - k2_own + rest1**2
    return moments, (a0, a1 + a0 * rest1, a2 + 2 * a1 * rest1 + a0 * rest2)


def _characteristic(angle: Tensor, data: FeatureDistribution, values: Uniform, p_one: Tensor) -> tuple[Tensor, Tensor]:
    """E exp(i angle_i·x) and E x_i exp(i angle_i·x), both [frequency, instance, output], without lone active features.

    `angle` is [frequency, instance, output, feature], and `p_one` the probability that a feature is active alone.
    """
    value = _uniform_characteristic(angle, values)
    own_with_x = _uniform_characteristic_with_x(angle.diagonal(dim1=-2, dim2=-1), values)  # [..., output]
    lone = (p_one[:, None] * value).sum(-1)

    parts, own_parts = [], []
    for b in _blocks(data):
        by_block, p = b.by_block(value), b.probability
        states = [members.nonzero()[:, 0] for members in b.members]
        block = _product(by_block, states[0]) * p[:, None, :, 0]
        for s, members in enumerate(states[1:], 1):
            block += _product(by_block, members) * p[:, None, :, s]
        block += (1 - p.sum(-1))[:, None]
        parts.append(block)
        # With x_i, only states in which i is active count in its block, and there the product is without i.
        if b.members.shape[1] == 1:
            own_parts.append(p.sum(-1).expand(len(angle), -1, -1))
            continue
        partners = b.own(by_block).clone()
        partners.diagonal(dim1=-2, dim2=-1).fill_(1)
        own = torch.zeros_like(partners[..., 0])
        for s, members in enumerate(states):
            own += _product(partners, members) * b.members[s] * p[:, :, s, None]
        own_parts.append(own.flatten(-2))
    blocks, own_block = (torch.cat(each, dim=-1) if len(each) > 1 else each[0] for each in (parts, own_parts))
    plain = blocks.prod(-1)
    output = torch.arange(angle.shape[-2], device=angle.device)
    blocks[..., output, data.block_of_feature] = own_block * own_with_x
    return plain - lone, blocks.prod(-1) - p_one * own_with_x


def _product(values: Tensor, members: Tensor) -> Tensor:
    """Π over the members that are active in a state, without a copy where that is all of them."""
    if len(members) == 1:
        return values[..., int(members[0])]
    return (values if len(members) == values.shape[-1] else values[..., members]).prod(-1)


def _uniform_characteristic(a: Tensor, values: Uniform) -> Tensor:
    """E exp(i a x), with a [frequency, ...] in equal steps."""
    centre, half = (values.low + values.high) / 2 * a, (values.high - values.low) / 2 * a
    if values.low == 0:
        turn = _turns(half)
        return turn * torch.where(half == 0, 1.0, turn.imag / half)  # exp(i half) sin(half) / half
    spread = torch.sinc(half / torch.pi)
    return spread.to(torch.complex128) if values.low == -values.high else spread * _turns(centre)


def _turns(angle: Tensor) -> Tensor:
    """exp(i angle) for angles [frequency, ...] in equal steps, where a product costs a tenth as much as sine and cosine."""
    turn = torch.empty(angle.shape, dtype=torch.complex128, device=angle.device)
    turn[:2] = torch.polar(torch.ones_like(angle[:2]), angle[:2])
    if len(angle) > 2:
        step = turn[1] / turn[0]
        for previous, current in itertools.pairwise(turn[1:]):
            torch.mul(previous, step, out=current)
    return turn


def _uniform_characteristic_with_x(a: Tensor, values: Uniform) -> Tensor:
    """E x exp(i a x)."""
    centre, reach = (values.low + values.high) / 2, (values.high - values.low) / 2
    half = reach * a
    small = half.abs() < 1e-2  # the closed form loses all digits at 0; three terms of the series have error 1e-16 there
    safe = torch.where(small, 1.0, half)
    slope = torch.where(small, -half / 3 + half**3 / 30 - half**5 / 840, (safe * safe.cos() - safe.sin()) / safe**2)
    # Of exp(i a x) = exp(i centre a) sinc(half) the derivative, by a, is i times what is sought.
    return torch.polar(torch.ones_like(a), centre * a) * torch.complex(centre * torch.sinc(half / torch.pi), -reach * slope)
