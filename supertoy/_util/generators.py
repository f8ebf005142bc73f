"""Random numbers by key, so that no result depends on what else is trained beside it."""

import hashlib

import torch


def keyed_generator(seed: int, instance: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """The random numbers of one instance for one purpose; the same however many instances there are beside it.

    Args:
        seed: of the caller.
        instance: its number, counted over everything that is trained together.
        purpose: what the numbers are for; another purpose has other numbers.
        device: where they are needed.

    >>> three = [torch.rand(1, generator=keyed_generator(0, k, "batches")) for k in range(3)]
    >>> torch.rand(1, generator=keyed_generator(0, 2, "batches")).equal(three[2])  # whatever was drawn for the others
    True
    """
    key = hashlib.blake2b(f"{seed} {instance} {purpose}".encode(), digest_size=4).digest()
    # Torch's generator for the CPU takes 32 bits of a seed and ignores the others, hence the hash.
    return torch.Generator(device=device).manual_seed(int.from_bytes(key, "big"))
