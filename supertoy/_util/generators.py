"""Random numbers by key, so that no result depends on what else is trained beside it."""

import hashlib

import torch


def keyed_generator(seed: int, instance: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """The random numbers of one instance for one purpose, however many other instances there are.

    >>> three = [torch.rand(1, generator=keyed_generator(0, k, "batches")) for k in range(3)]
    >>> torch.rand(1, generator=keyed_generator(0, 2, "batches")).equal(three[2])  # instances do not share draws
    True
    """
    key = hashlib.blake2b(f"{seed} {instance} {purpose}".encode(), digest_size=4).digest()
    # Torch's generator for the CPU uses only 32 bits of a seed, hence the hash.
    return torch.Generator(device=device).manual_seed(int.from_bytes(key, "big"))
