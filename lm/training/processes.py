"""One process or several, each with rows of its own: `torchrun --nproc-per-node N -m worldgen pretrain RUN`.

Everything here does nothing where there is one process, so that the training loop is the same for both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import MethodType

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.nn.parallel import DistributedDataParallel
from transformers import MistralForCausalLM

from worldgen.lm.data import Share
from worldgen.lm.loss import head_loss


@dataclass(frozen=True)
class Processes:
    """Which process of how many this is, and the device it works on."""

    share: Share
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.share.number == 0

    def first_says(self, value: int) -> int:
        """What the first process holds, on every process: a clock's word must be the same for all."""
        if self.share.of == 1:
            return value
        said = torch.tensor([value])
        dist.broadcast(said, 0)  # in the host's memory, by gloo: no device waits
        return int(said)

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over the processes, on each of them."""
        if self.share.of > 1:
            dist.all_reduce(values)
        return values


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """The processes that torchrun started, connected while the context lasts; otherwise this one alone."""
    of, local = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("LOCAL_RANK", 0))
    place = torch.device(device, local) if device == "cuda" else torch.device(device)
    if of == 1:
        yield Processes(Share(), place)
        return
    if place.type == "cuda":
        torch.cuda.set_device(place)
    dist.init_process_group("cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo")
    try:
        yield Processes(Share(dist.get_rank(), of), place)
    finally:
        dist.destroy_process_group()


def shard_weights(model: MistralForCausalLM, processes: Processes) -> None:
    """Spread weights, gradients and moments over the processes (FSDP2), layer by layer; for models that fill a GPU.

    The two parts that `worldgen.lm.model.next_token_logits` calls, body and head, are gathered each on its own call.
    On a GPU the weights travel and work in bfloat16 and the gradients are summed in float32.
    """
    mesh = init_device_mesh(processes.device.type, (processes.share.of,))
    mixed = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    policy = mixed if processes.device.type == "cuda" else MixedPrecisionPolicy()
    for part in (*model.model.layers, model.model, model.lm_head):
        fully_shard(part, mesh=mesh, mp_policy=policy)
    # The loss does not call the head but asks for its weight, which must be gathered for that too.
    model.lm_head.loss = MethodType(head_loss, model.lm_head)  # type: ignore[assignment]  # no module, no tensor
    register_fsdp_forward_method(model.lm_head, "loss")


def replicated(module: nn.Module, processes: Processes) -> nn.Module:
    """The module with its gradients averaged over the processes at the end of each backward pass (DDP)."""
    devices = [processes.device] if processes.device.type == "cuda" else None
    return DistributedDataParallel(module, device_ids=devices) if processes.share.of > 1 else module


def without_averaging(module: nn.Module, when: bool) -> AbstractContextManager:
    """Leave out DDP's averaging, as all but a step's last micro-batch do."""
    return module.no_sync() if when and isinstance(module, DistributedDataParallel) else nullcontext()
