"""The pictures, as inline SVG, each with its numbers: pure functions of what was found."""

from reports.plots.drawing import Picture, stand_alone
from reports.plots.growth import draw_exponents, draw_growth, draw_listing
from reports.plots.latency import draw_latencies, draw_noise, draw_round_trips, draw_tails
from reports.plots.load import draw_peers, draw_removals, draw_responses, draw_stall, draw_throughput, draw_weights
from reports.plots.outcomes import draw_claims, draw_comparisons

__all__ = [
    "Picture",
    "draw_claims",
    "draw_comparisons",
    "draw_exponents",
    "draw_growth",
    "draw_latencies",
    "draw_listing",
    "draw_noise",
    "draw_peers",
    "draw_removals",
    "draw_responses",
    "draw_round_trips",
    "draw_stall",
    "draw_tails",
    "draw_throughput",
    "draw_weights",
    "stand_alone",
]
