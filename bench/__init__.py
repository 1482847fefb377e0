"""What the performance claims rest on: `scripts/bench`. It prints figures and judges none of them."""
