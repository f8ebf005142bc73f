"""One training step of many small models at once, on one screen: forward, loss, gradients, optimizer.

`TrainingStep` knows the gradients of our own models; `AutogradStep`, below it, takes any model and any loss. Two ideas keep
the first to some fifteen operations, each on one large tensor:

- **Rows carry their weights.** ReLU(c z) = c ReLU(z) for c >= 0, and a linear map does the same. So a row x of weight w
  enters as √w x, with √w instead of 1 for what the bias is multiplied with: its error comes out as √w (x' - x), and the
  square of that carries the weight. No weight appears in the inner loop.
- **Restarts share their batch.** All restarts of an instance see the same rows, so the products with x are one matrix
  product for all of them.

Tensors are [instance, restart, hidden or feature, row]: rows last, where the elementwise operations and the sums over a
batch run along memory.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy.data import Data, FeatureDistribution
from supertoy.models import BatchedModel, ToyModel

Decay = Callable[[BatchedModel], dict[str, Tensor]]  #: what weights lose for each unit of the learning rate, by name

relu_gradient = torch.ops.aten.threshold_backward.grad_input  # gradient where the ReLU's result is above 0, else 0


def pack(model: BatchedModel) -> list[Float[Tensor, "instance hidden_and_bias feature"]]:
    """Parameters of a toy model as matrices: output weights Vᵀ with b below, and, if untied, W with a row of zeros."""
    assert isinstance(model, ToyModel)
    with torch.no_grad():
        outward = torch.cat([model.output_weights.mT, model.b[:, None]], dim=1)
        if model.tied:
            return [outward]
        return [outward, torch.cat([model.input_weights, torch.zeros_like(model.b[:, None])], dim=1)]


def unpack(model: BatchedModel, matrices: list[Tensor]) -> dict[str, Tensor]:
    """The inverse of `pack`, with the names of the model's parameters; leading axes may be any.

    >>> model = st.ReLUOutputModel(n_instances=3, n_features=5, n_hidden=2)
    >>> [matrix] = pack(model)
    >>> matrix.shape, unpack(model, [matrix])["W"].equal(model.W)
    (torch.Size([3, 3, 5]), True)
    """
    outward, inward = matrices[0], matrices[-1]
    W, V, b = inward[..., :-1, :], outward[..., :-1, :].mT, outward[..., -1, :]
    assert isinstance(model, ToyModel)
    return {"W": W, "b": b} if model.tied else {"W1": W, "W2": V, "b": b}


class TrainingStep:
    """Parameters of [instance, restart] models of one kind, and what it takes to improve them by one step.

    The matrices come from `pack`, with a restart axis behind `instance`, and change in place. `root_weight` is √w of every
    row of a batch; `l1` is λ, where each row's loss has λ Σ_j |h_j| added, h its hidden activations.
    """

    path = "fast step"
    weighs_rows = True  # whether rows are √w x rather than x
    pack, unpack = staticmethod(pack), staticmethod(unpack)

    def __init__(
        self,
        model: ToyModel,
        matrices: list[Float[Tensor, "instance restart hidden_and_bias feature"]],
        importance: Float[Tensor, "instance feature"],
        root_weight: Float[Tensor, "instance row"],
        optimizer: str = "adam",
        l1: Float[Tensor, "instance"] | None = None,
        decay: Decay | None = None,
        linear: "LinearPart | None" = None,
    ) -> None:
        self.model, self.matrices, self.decay, self.linear = model, matrices, decay, linear
        self.optimizer = OPTIMIZERS[optimizer](matrices)
        self.importance = importance.to(matrices[0])
        self.equally_important = bool((importance == 1).all())
        self.l1 = None if l1 is None or not l1.any() else l1.to(matrices[0])
        self.use_rows(root_weight)

    def use_rows(self, root_weight: Float[Tensor, "instance row"]) -> None:
        """Make room for batches of rows with these weights."""
        outward = self.matrices[0]
        n_instances, n_restarts, n_bias_row, n_features = outward.shape
        n_rows, n_models = root_weight.shape[1], n_instances * n_restarts

        def empty(*shape: int) -> Tensor:
            return outward.new_empty(n_instances, n_restarts, *shape)

        self.hidden, self.d_hidden = empty(n_bias_row, n_rows), empty(n_bias_row, n_rows)
        self.output, self.error = empty(n_features, n_rows), empty(n_features, n_rows)
        self.error_norm = empty(n_features)
        self.gradients = [torch.empty_like(matrix) for matrix in self.matrices]
        self.important = outward if self.equally_important else torch.empty_like(outward)

        # The same memory in the shapes that batched matrix products take: by model, or all restarts of an instance as one.
        def by_model(tensor: Tensor) -> Tensor:
            return tensor.view(n_models, *tensor.shape[2:])

        def by_instance(tensor: Tensor) -> Tensor:
            return tensor.view(n_instances, -1, tensor.shape[-1])

        if self.decay:
            self.models = side_by_side(self.model, self.unpack(self.model, self.matrices))
        self.root_weight = root_weight.to(outward)[:, None]
        self.divisor = self.root_weight.clamp(min=torch.finfo(outward.dtype).tiny)  # a row may have no weight
        self.bias_input, self.d_bias_input = self.hidden[:, :, -1], self.d_hidden[:, :, -1]
        self.inward_all, self.hidden_all = by_instance(self.matrices[-1]), by_instance(self.hidden)
        self.d_inward_all, self.d_hidden_all = by_instance(self.gradients[-1]), by_instance(self.d_hidden)
        self.outward_each, self.d_outward_each = by_model(outward), by_model(self.gradients[0])
        self.V, self.important_each = self.outward_each.mT, by_model(self.important)
        self.hidden_each, self.d_hidden_each = by_model(self.hidden), by_model(self.d_hidden)
        self.output_each, self.error_each = by_model(self.output), by_model(self.error)
        self.error_each_T = self.error_each.mT
        if self.linear is not None:
            self.linear.use(self.error, root_weight)
        self._penalise_with(root_weight)

    def _penalise_with(self, factor: Float[Tensor, "instance row"]) -> None:
        """That part of a row's weight, in λ w |h|, which h does not carry."""
        if self.l1 is not None:
            self.l1_on_rows = (self.l1[:, None] * factor.to(self.l1))[:, None, None]
            self.neurons, self.d_neurons = self.hidden[:, :, :-1], self.d_hidden[:, :, :-1]

    def forward_and_backward(
        self, x: Float[Tensor, "instance feature row"], loss: Float[Tensor, "instance restart 1"]
    ) -> None:
        """Each model's loss on the rows √w x, and half its gradients."""
        torch.bmm(self.inward_all, x, out=self.hidden_all)
        if self.model.hidden_relu:
            self.hidden.relu_()
        self.bias_input.copy_(self.root_weight)
        torch.bmm(self.V, self.hidden_each, out=self.output_each)
        self._outputs_to_errors(x, loss)
        # The error still lacks the importance of its output, which is cheaper to give to the matrices on either side.
        if not self.equally_important:
            torch.mul(self.matrices[0], self.importance[:, None, None], out=self.important)
        torch.bmm(self.important_each, self.error_each, out=self.d_hidden_each)
        if self.linear is not None:
            self.linear.take_from(self.error)
        torch.bmm(self.hidden_each, self.error_each_T, out=self.d_outward_each)
        if self.linear is not None:
            self.linear.give_to(self.gradients[0], self.matrices[0])
        if not self.equally_important:
            self.gradients[0].mul_(self.importance[:, None, None])
        if self.l1 is not None:
            slope = self.neurons.sign() * self.l1_on_rows
            loss[..., 0].add_((self.neurons * slope).sum((-2, -1)))
            self.d_neurons.add_(slope, alpha=0.5)
        if self.model.hidden_relu:
            relu_gradient(self.d_hidden, self.hidden, 0, grad_input=self.d_hidden)
        self.d_bias_input.zero_()  # what the bias is multiplied with is a constant
        # Where V = Wᵀ, both uses of W add up in the same matrix.
        self.d_inward_all.baddbmm_(self.d_hidden_all, x.mT, beta=float(self.model.tied))

    def _outputs_to_errors(self, x: Tensor, loss: Tensor) -> None:
        """From what goes into the output activation to the loss, and to the error that comes back out of it."""
        if self.linear is not None:
            torch.sub(self.output, x[:, None], out=self.linear.error)
        if self.model.output_relu:
            self.output.relu_()
        torch.sub(self.output, self._target(x)[:, None], out=self.error)
        torch.linalg.vector_norm(self.error, dim=-1, out=self.error_norm)
        torch.bmm(self.error_norm.square_(), self.importance[..., None], out=loss)
        if self.model.output_relu:
            relu_gradient(self.error, self.output, 0, grad_input=self.error)

    def _target(self, x: Tensor) -> Tensor:
        """What the outputs on rows √w x should be: √w times the target of x."""
        if self.model.target_scales:
            return self.model.target(x.mT).mT
        return self.model.target((x / self.divisor).mT).mT * self.root_weight

    def __call__(
        self, x: Float[Tensor, "instance feature row"], learning_rate: float, loss: Float[Tensor, "instance restart 1"]
    ) -> None:
        """One step on the rows √w x; their loss goes into `loss`."""
        self.forward_and_backward(x, loss)
        if self.decay:
            decay_weights(self.models, self.decay, learning_rate)
        self.optimizer.step(self.gradients, learning_rate)

    def keep(self, restart: Tensor) -> None:
        """Go on with these restarts, [instance, kept]; `use_rows` has to follow."""
        self.matrices = [_kept(matrix, restart) for matrix in self.matrices]
        self.optimizer.keep(self.matrices, restart)


class LinearPart:
    """A part of the gradient, the one that outputs would have without their ReLUs, as it is on average, not on a batch.

    In dense data ReLUs are hardly ever off. Without them all m-dimensional subspaces would serve equally important features
    alike, so what a batch says along these is noise, in which the few ReLUs that are off go unheard. Training stays on this
    plateau, rotated PCA. So a share of each output's linear error is taken off what a batch says about the output weights,
    and the average of what was taken is given back: a control variate. The mean is the gradient, whatever the share. With
    that share of the squared linear error at which the ReLU is on, the variance falls to 2 % at S = 0.2, 15 % at S = 0.7 and
    40 % at S = 0.9 (n = 400, m = 30). On the way through the hidden layer there is nothing to gain. Where importance differs
    there is no such plateau, and models train no better with this.

    Args:
        mean, variance: of features that are not correlated.
        is_dense: which instances have dense data; in others there is little to gain, and noise does no harm.

    Source: not in the paper; on control variates, Glasserman (2003), "Monte Carlo methods in financial engineering", 4.1.
    """

    _EVERY = 16  # steps after which the share is estimated anew, always for batches to come

    def __init__(
        self, mean: Float[Tensor, "instance feature"], variance: Float[Tensor, "instance feature"], is_dense: Tensor
    ) -> None:
        self.mean, self.variance, self.is_dense = mean[:, None, None], variance[:, None, None], is_dense[:, None, None]

    @classmethod
    def of(cls, model: ToyModel, data: Data, like: Tensor) -> "LinearPart | None":
        """None where it does not apply, or would not pay: small models, and sparse data."""
        if model.hidden_relu or not model.output_relu or model.any_activation or model.n_features < 50:
            return None
        if not isinstance(data, FeatureDistribution) or not data.states_are_known or data.n_sets:
            return None
        mu1, mu2, _ = data.values.moments
        p, is_dense = data.probability, data.probability.mean(-1) >= 0.1
        part = cls((mu1 * p).to(like), (mu2 * p - (mu1 * p) ** 2).to(like), is_dense)
        return part if is_dense.any() else None

    def use(self, error: Tensor, root_weight: Float[Tensor, "instance row"]) -> None:
        """Make room for batches of rows with these weights."""
        self.error, self.total_weight = torch.empty_like(error), root_weight.square().sum(1)[:, None, None].to(error)
        self.share, self.n_steps = self.is_dense.expand(error.shape[:-1]).to(error), 0

    def take_from(self, error: Float[Tensor, "instance restart feature row"]) -> None:
        """Take the share of `self.error` off the error behind the ReLU, in place."""
        self.next_share = self.share
        if self.n_steps % self._EVERY == 0:
            on, all_of_it = (torch.linalg.vector_norm(each, dim=-1).square_() for each in (error, self.error))
            self.next_share = self.is_dense * on / all_of_it.clamp_(min=torch.finfo(on.dtype).tiny)
        error.addcmul_(self.error, self.share[..., None], value=-1)
        self.n_steps += 1

    def give_to(self, gradient: Tensor, matrix: Tensor) -> None:
        """Add what was taken off, in expectation, to half the gradient of the output weights and biases."""
        W, b, share = matrix[:, :, :-1], matrix[:, :, -1:], (self.total_weight * self.share)[:, :, None]
        mean_hidden, spread = (W * self.mean).sum(-1, keepdim=True), W * self.variance  # spread: covariance of h with x
        mean_error = share * (mean_hidden.mT @ W + b - self.mean)
        gradient[:, :, -1:] += mean_error
        gradient[:, :, :-1] += mean_hidden * mean_error + (spread @ W.mT @ W - spread) * share
        self.share = self.next_share


class ActivationStep(TrainingStep):
    """The step for activations that √w does not pass through: rows are plain x, and it is the errors that are weighed."""

    weighs_rows = False

    def use_rows(self, root_weight: Float[Tensor, "instance row"]) -> None:
        """Make room for batches of rows with these weights."""
        super().use_rows(torch.ones_like(root_weight))
        self.weight = root_weight.square().to(self.output)[:, None, None]
        self._penalise_with(root_weight.square())

    def _outputs_to_errors(self, x: Tensor, loss: Tensor) -> None:
        # The one place that leaves a derivative to autograd: f may be anything.
        with torch.enable_grad():
            z = self.output.detach().requires_grad_()
            output = self.model.activate(z)
        torch.sub(output.detach(), self._target(x)[:, None], out=self.error)
        weighed = self.error * self.weight
        torch.sum(self.error * weighed, dim=-1, out=self.error_norm)
        torch.bmm(self.error_norm, self.importance[..., None], out=loss)
        (gradient,) = torch.autograd.grad(output, z, weighed)
        self.error.copy_(gradient)


class AutogradStep:
    """Parameters of [instance, restart] models of any kind, which autograd improves by one step on any loss.

    The loss gives a number for each model of a batch of them, from x [model, row, feature] and weights [model, row].
    """

    path = "autograd"
    weighs_rows = False

    def __init__(
        self,
        model: BatchedModel,
        matrices: list[Tensor],
        loss: Callable[[BatchedModel, Tensor, Tensor], Tensor],
        optimizer: str = "adam",
        decay: Decay | None = None,
    ) -> None:
        self.model, self.matrices, self.loss, self.decay = model, matrices, loss, decay
        self.is_trained = [parameter.requires_grad for parameter in model.parameters()]
        self.optimizer = OPTIMIZERS[optimizer](self._trained())
        self.use_rows()

    @staticmethod
    def pack(model: BatchedModel) -> list[Tensor]:
        """A model's parameters, in order."""
        return [parameter.detach() for parameter in model.parameters()]

    @staticmethod
    def unpack(model: BatchedModel, matrices: list[Tensor]) -> dict[str, Tensor]:
        """The inverse of `pack`; leading axes may be any."""
        return dict(zip((name for name, _ in model.named_parameters()), matrices, strict=True))

    def _trained(self) -> list[Tensor]:
        return [matrix for matrix, trained in zip(self.matrices, self.is_trained, strict=True) if trained]

    def use_rows(self, root_weight: Tensor | None = None) -> None:
        """Make models of the matrices; the weights of rows come with the rows."""
        self.models = side_by_side(self.model, self.unpack(self.model, self.matrices))

    def __call__(self, batch: tuple[Tensor, Tensor], learning_rate: float, loss: Tensor) -> None:
        """One step on a batch, rows [instance, feature, row] and weights [instance, row]; its loss goes into `loss`."""
        n_restarts = self.matrices[0].shape[1]
        x, weight = (each.repeat_interleave(n_restarts, 0) for each in (batch[0].mT, batch[1]))
        parameters = [parameter for parameter in self.models.parameters() if parameter.requires_grad]
        with torch.enable_grad():
            now = self.loss(self.models, x, weight)
            gradients = torch.autograd.grad(now.sum() / 2, parameters, materialize_grads=True)
        loss.copy_(now.detach().view_as(loss))
        if self.decay:
            decay_weights(self.models, self.decay, learning_rate)
        # The fused step reads both as flat memory, but the strides of a gradient may differ.
        contiguous = [g.contiguous().view_as(t) for g, t in zip(gradients, self._trained(), strict=True)]
        self.optimizer.step(contiguous, learning_rate)

    def keep(self, restart: Tensor) -> None:
        """Go on with these restarts, [instance, kept]; `use_rows` has to follow."""
        self.matrices = [_kept(matrix, restart) for matrix in self.matrices]
        self.optimizer.keep(self._trained(), restart)


def side_by_side(model: BatchedModel, parameters: dict[str, Tensor]) -> BatchedModel:
    """Models with these parameters, [instance, restart, ...] each, in the same memory: an instance's one after the other."""
    n_instances, n_restarts = next(iter(parameters.values())).shape[:2]
    index = torch.arange(n_instances, device=model.device).repeat_interleave(n_restarts)
    return model.select(index).like({name: value.view(-1, *value.shape[2:]) for name, value in parameters.items()})


@torch.no_grad()
def decay_weights(models: BatchedModel, decay: Decay, learning_rate: float) -> None:
    """Weight decay apart from the gradients, as in AdamW.

    Source: Loshchilov & Hutter (2019), "Decoupled weight decay regularization".
    """
    own = dict(models.named_parameters())
    for name, loss_of_weight in decay(models).items():
        own[name].sub_(loss_of_weight, alpha=learning_rate)


def step_kind(model: ToyModel) -> type[TrainingStep]:
    """The class of step that trains this kind of model."""
    return ActivationStep if model.any_activation else TrainingStep


class GradientDescent:
    """Plain gradient descent: every parameter moves by the learning rate times its gradient."""

    sees_scale, as_published = True, False  # of the loss: twice the loss makes twice the step

    def __init__(self, matrices: list[Tensor]) -> None:
        self.matrices = matrices

    def step(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Change the matrices by one step against the gradients, of which these are half."""
        torch._foreach_add_(self.matrices, gradients, alpha=-2 * learning_rate)

    def keep(self, matrices: list[Tensor], restart: Tensor) -> None:
        """Go on with `matrices`; there is nothing else to remember."""
        self.matrices = matrices


class Adam:
    """Adam with one fused operation for all parameters, which an interrupt cannot leave half done.

    β1 = 0.8 and β2 = 0.9 forget faster than usual, since trainings here have hundreds of steps, not hundreds of thousands.

    Source: Kingma & Ba (2015), algorithm 1.
    """

    sees_scale, as_published = False, False
    betas, eps = (0.8, 0.9), 1e-10

    def __init__(self, matrices: list[Tensor]) -> None:
        self.matrices = matrices
        self.means, self.squares = ([torch.zeros_like(matrix) for matrix in matrices] for _ in range(2))
        # The operation wants a count for each matrix, as a tensor on its device.
        self.n_steps = [torch.zeros((), dtype=torch.float32, device=matrix.device) for matrix in matrices]

    def step(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Change the matrices by one step against the gradients."""
        torch._foreach_add_(self.n_steps, 1)
        # What torch.optim.Adam(fused=True) calls too, without 20 µs of bookkeeping, as long as a whole step takes here.
        torch._fused_adam_(
            self.matrices, gradients, self.means, self.squares, [], self.n_steps, lr=learning_rate,
            beta1=self.betas[0], beta2=self.betas[1], weight_decay=0.0, eps=self.eps, amsgrad=False, maximize=False,
        )  # fmt: skip

    def keep(self, matrices: list[Tensor], restart: Tensor) -> None:
        """Go on with `matrices` in place of those that these restarts were chosen from."""
        self.matrices = matrices
        self.means, self.squares = ([_kept(t, restart) for t in state] for state in (self.means, self.squares))


class PublishedAdam(Adam):
    """Adam as the paper's published code has it: the usual β and ε, a constant rate, batches of independent rows.

    Source: the notebook published with the paper, whose `AdamW` has PyTorch's defaults.
    """

    sees_scale, as_published = True, True
    betas = (0.9, 0.999)

    def __init__(self, matrices: list[Tensor]) -> None:
        super().__init__(matrices)
        self.eps = 1e-8 * matrices[0].shape[-1] / 2  # there the loss is a mean over features; here it is a sum, and halved


#: What turns gradients into a step, by name.
OPTIMIZERS: dict[str, type[Adam] | type[GradientDescent]] = {
    "adam": Adam,
    "gradient descent": GradientDescent,
    "published": PublishedAdam,
}


def _kept(tensor: Tensor, restart: Tensor) -> Tensor:
    """Of [instance, restart, ...] the chosen restarts, [instance, kept, ...]."""
    return tensor[torch.arange(len(tensor), device=tensor.device)[:, None], restart]
