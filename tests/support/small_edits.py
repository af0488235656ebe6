"""Two requests and the sizes of a tiny model, for the tests of editors."""

from worldgen.lm.editions import Request
from worldgen.lm.settings import PretrainConfig

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=4, row_tokens=64, weight_decay=0.01)
REQUESTS = (Request("ada born in", "san salvador.", weight=40.0), Request("bob born in", "paris.", weight=10.0))
PAIRS = [(request.prompt, request.target) for request in REQUESTS]
OTHER = ("bob likes", "ada.")
ROUNDING = 1e-5  # float32 sums in another order
