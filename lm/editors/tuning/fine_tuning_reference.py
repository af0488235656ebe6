"""Fine-tuning on requests, one edition at a time, in the model itself: the reference for the batched `ft` and `ft-l`.

Off the shelf, as in Hase et al. (2021): only matrices are tuned (no gains of norms), the model is in eval mode, the
gradient is clipped, and tuning ends as soon as the model has learned the request (`worldgen.lm.editors.tuning.steps`).
It tunes any causal language model of transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.nn import Parameter
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, rounds
from worldgen.lm.editors.model_parts import matrices_of, mlp_matrices
from worldgen.lm.editors.operations import OperationCounts
from worldgen.lm.editors.restoring import put_back, restored
from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig
from worldgen.lm.editors.target_loss import mean_loss, request_texts
from worldgen.lm.editors.tuning.steps import learned_texts, new_optimizer
from worldgen.lm.log_p import log_p_of_targets
from worldgen.lm.model import next_token_logits
from worldgen.lm.texts import PaddedTexts, pad


@dataclass(frozen=True)
class FineTuningReference:
    """The editor `ft-reference`; with the config of `ft-l` it makes the editions of that method."""

    config: FineTuningConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    name: str = "ft-reference"

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns 1: the reference changes the model's own weights."""
        return 1

    @contextmanager
    def edit(self, model: PreTrainedModel, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with its matrices tuned on the requests; restores it afterwards."""
        (edition,) = editions
        matrices = _tuned(model, self.config)
        with restored(model), put_back(matrices):
            model.eval().requires_grad_(False)
            for matrix in matrices:
                matrix.requires_grad_(True)
            project = _projection(matrices, self.config)
            cost = Cost()
            for requests in rounds(self.mode, edition):
                batch = pad(request_texts(self.tokenizer, requests), model.device)
                cost += _fit(model, matrices, self.config, batch, project)
            yield Edited(model, (cost,))


def _tuned(model: PreTrainedModel, config: FineTuningConfig) -> list[Parameter]:
    """Returns the matrices that `ft` tunes, or `ft-l` by its own config."""
    if isinstance(config, ConstrainedFineTuningConfig):
        return mlp_matrices(model, config.layers)
    return matrices_of(model)


def _fit(
    model: PreTrainedModel,
    matrices: Sequence[Parameter],
    config: FineTuningConfig,
    batch: PaddedTexts,
    after_step: Callable[[], None],
) -> Cost:
    """Takes at most `config.steps` steps of a fresh optimizer, none once all texts are learned; returns the cost."""
    optimizer, operations = new_optimizer(matrices, config, fused=False), OperationCounts()
    losses: list[float] = []
    with torch.enable_grad():
        for _ in range(config.steps):
            # Every step has the same shapes: the first one, forward and backward, is counted for all.
            with operations.counted("step"):
                logits = next_token_logits(model, batch.input_ids, batch.rows, batch.columns)
                log_p = log_p_of_targets(logits, batch.targets)
                if learned_texts(config, logits, log_p, batch.targets, batch.rows, len(batch.input_ids)).all():
                    break
                optimizer.zero_grad(set_to_none=True)
                loss = mean_loss(log_p, batch)
                loss.backward()
            torch.nn.utils.clip_grad_norm_(matrices, config.gradient_clip)
            optimizer.step()
            after_step()
            losses.append(loss.item())
    return Cost(tuple(losses), len(losses) * operations.known("step"))


def _projection(matrices: Sequence[Parameter], config: FineTuningConfig) -> Callable[[], None]:
    """Returns a function that moves each weight to the nearest point of the ball |w - present w| <= max_norm.

    Zhu et al. (2020), with the norm L-infinity. A config without `max_norm` has no ball, and the function does nothing.
    """
    if not isinstance(config, ConstrainedFineTuningConfig):
        return lambda: None
    max_norm, bases = config.max_norm, [matrix.detach().clone() for matrix in matrices]

    @torch.no_grad()
    def project() -> None:
        for matrix, base in zip(matrices, bases, strict=True):
            matrix.copy_(base + (matrix - base).clamp(-max_norm, max_norm))

    return project
