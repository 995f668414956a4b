"""What each peer does when it is asked for a feature: a class a peer, a method a feature (`features.py`).

    python benchmarks/probes.py NAME

prints the answers of one peer as JSON, so that each has a process of its own.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

from features import FEATURES, judged, public_definitions
from probes_on_numpy import Autograd, Micrograd, MyGrad, Ours, ScikitLearn
from probes_with_compilers import JAX, PyTorch
from probing import Peer

PEERS: dict[str, type[Peer]] = {
    "tinygrad_mlp": Ours,
    "micrograd": Micrograd,
    "MyGrad": MyGrad,
    "autograd": Autograd,
    "PyTorch": PyTorch,
    "JAX": JAX,
    "scikit-learn": ScikitLearn,
}


def package_of(peer: type[Peer]) -> Path:
    """The folder of a peer's package."""
    spec = importlib.util.find_spec(peer.module)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{peer.distribution} is not installed; `pip install -e '.[bench]'` brings all peers")
    return Path(spec.submodule_search_locations[0])


def main() -> None:
    """Print the answers of one peer."""
    kind = PEERS[sys.argv[1]]
    peer, names = kind(), public_definitions(package_of(kind))
    print(json.dumps({feature.key: judged(peer, feature, names)._asdict() for feature in FEATURES}))


if __name__ == "__main__":
    main()
