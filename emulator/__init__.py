"""An AWS IoT Managed Integrations that runs on this machine, for the demo, the tests and the benchmarks."""
