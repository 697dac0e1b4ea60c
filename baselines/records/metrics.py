"""The metrics that paceline's own suites report. Units stand in the names; the direction travels with the data."""

from __future__ import annotations

from paceline.baselines.records import Metric

LATENCY = Metric("latency_ns", "ns", "lower", "sampled")
"""One call, device synchronized."""
DEVICE_TIME = Metric("device_time_ns", "ns", "lower", "shown")
"""The same call by the device's own events: without the host's launch overhead."""
FIRST_CALL = Metric("first_call_ns", "ns", "lower", "shown")
WARMUP_CALLS = Metric("warmup_calls", "calls", "lower", "shown")
PREPARATION = Metric("preparation_ns", "ns", "lower", "shown")
"""Build, convert, compile: everything before the first call of the optimized model."""
THROUGHPUT = Metric("throughput_per_s", "1/s", "higher", "sampled")
"""Samples per second at the batch size where the sweep saturates."""
SWEEP_THROUGHPUT = Metric("sweep_throughput_per_s", "1/s", "higher", "shown")
"""One point of the sweep."""
SATURATION_BATCH_SIZE = Metric("saturation_batch_size", "samples", "lower", "shown")
TIME_TO_FIRST_TOKEN = Metric("time_to_first_token_ns", "ns", "lower", "sampled")
"""Prefill: the whole prompt, and the choice of the first token."""
TIME_PER_OUTPUT_TOKEN = Metric("time_per_output_token_ns", "ns", "lower", "sampled")
"""Decode: the time from the first token to the last over the tokens after the first, a sample a generation."""
OUTPUT_TOKENS = Metric("output_tokens_per_s", "1/s", "higher", "shown")
"""Tokens of all sequences of the batch over the time of the whole generation, prefill included."""
PEAK_RSS = Metric("peak_rss_bytes", "B", "lower", "sampled", resolution=1 << 20)
"""Host memory that building, preparing and calling this case alone added at its highest. The kernel counts resident
pages in batches a processor, and an allocator takes them by the hundred: less than a mebibyte says nothing."""
INFERENCE_PEAK_RSS = Metric("inference_peak_rss_bytes", "B", "lower", "shown")
"""Host memory of calls alone, over what the process held before the model was built."""
PEAK_DEVICE_MEMORY = Metric("peak_device_bytes", "B", "lower", "exact", tolerance=0.01)
"""Device memory allocated through torch, at its highest."""
DRIVER_DEVICE_MEMORY = Metric("driver_device_bytes", "B", "lower", "shown")
"""Device memory of this process as the driver sees it."""
SIZE = Metric("size_bytes", "B", "lower", "exact")
"""What would be deployed: the serialized weights."""
COMPRESSION_RATE = Metric("compression_rate", "x", "higher", "shown")
"""Original size over compressed size."""
PARAMETERS = Metric("parameters", "parameters", "lower", "exact", scope="everywhere")
FLOPS = Metric("flops", "FLOP", "lower", "exact", tolerance=1e-6, scope="everywhere")
"""Floating point operations of one call: two per multiply-add."""
DIFFERENCE = Metric("output_difference", "relative", "lower", "exact", tolerance=0.05)
"""``‖y − y₀‖ / ‖y₀‖`` against the eager reference in fp32."""
TOP1_AGREEMENT = Metric("top1_agreement", "fraction", "higher", "exact", tolerance=0.01)
"""The share of inputs whose most likely class is the reference's."""
INSTRUCTIONS_SIMULATED = Metric(
    "instructions_simulated", "instructions", "lower", "exact", tolerance=0.005, scope="counting"
)
"""Instructions of one call, counted by callgrind. The tolerance is a choice: few recordings say yet how much folders,
environments and inert edits move a count (docs/explanation/instructions.md)."""
CACHE_MISSES_SIMULATED = Metric("cache_misses_simulated", "misses", "lower", "shown", scope="counting")
"""Accesses of one call that miss callgrind's cache of the first level, of data and of instructions together."""
MISPREDICTIONS_SIMULATED = Metric("mispredictions_simulated", "branches", "lower", "shown", scope="counting")
"""Branches of one call that callgrind's predictor takes wrongly."""
INSTRUCTIONS = Metric("instructions", "instructions", "lower", "shown")
"""Instructions of one call in user space, counted by the processor: never mixed with the simulated ones, and not judged
until its tolerance was recorded on a machine that offers the counter."""
