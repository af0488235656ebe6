"""Training by one process or by several, each with its own rows.

Several are started by `torchrun --nproc-per-node N -m worldgen pretrain RUN`.
With one process every function here does nothing, so that both cases have the same training loop.
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
    """The processes of a training, seen from one of them: its share of the rows and the device that it works on."""

    share: Share
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this is the first process, which alone writes files and messages."""
        return self.share.number == 0

    def value_of_first(self, value: int) -> int:
        """Returns the first process's value, on every process. All must act alike on what depends on a clock."""
        if self.share.of == 1:
            return value
        shared = torch.tensor([value])
        dist.broadcast(shared, 0)  # in the host's memory, by gloo: no device waits
        return int(shared)

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """Returns the sum over the processes, on every process."""
        if self.share.of > 1:
            dist.all_reduce(values)
        return values


@contextmanager
def process_group(device: str) -> Iterator[Processes]:
    """Connects the processes that torchrun started, while the context lasts; without torchrun it is this one alone."""
    of, local = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("LOCAL_RANK", 0))
    own = torch.device(device, local) if device == "cuda" else torch.device(device)
    if of == 1:
        yield Processes(Share(), own)
        return
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("cpu:gloo,cuda:nccl" if own.type == "cuda" else "gloo")
    try:
        yield Processes(Share(dist.get_rank(), of), own)
    finally:
        dist.destroy_process_group()


def shard_weights(model: MistralForCausalLM, processes: Processes) -> None:
    """Spreads weights, gradients and moments over the processes (FSDP2), layer by layer; for models that fill a GPU.

    `worldgen.lm.model.next_token_logits` calls two parts of the model, body and head; the weights of each are gathered
    when it is called. On a GPU weights are sent and multiplied in bfloat16, and gradients are summed in float32.
    """
    mesh = init_device_mesh(processes.device.type, (processes.share.of,))
    mixed = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    policy = mixed if processes.device.type == "cuda" else MixedPrecisionPolicy()
    for part in (*model.model.layers, model.model, model.lm_head):
        fully_shard(part, mesh=mesh, mp_policy=policy)
    # The loss does not call the head but reads its weight, which must be gathered for that too.
    model.lm_head.loss = MethodType(head_loss, model.lm_head)  # type: ignore[assignment]  # no module, no tensor
    register_fsdp_forward_method(model.lm_head, "loss")


def replicated(module: nn.Module, processes: Processes) -> nn.Module:
    """Returns the module with gradients that are averaged over the processes after each backward pass (DDP)."""
    devices = [processes.device] if processes.device.type == "cuda" else None
    return DistributedDataParallel(module, device_ids=devices) if processes.share.of > 1 else module


def without_averaging(module: nn.Module, when: bool) -> AbstractContextManager:
    """Returns a context that leaves out DDP's averaging `when` asked to: for all but a step's last micro-batch."""
    return module.no_sync() if when and isinstance(module, DistributedDataParallel) else nullcontext()
