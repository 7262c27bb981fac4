"""`conformance prove`: that subjects do the same, over all sequences, transitions, interleavings and faults.

One pure sequential model (`model`) is held against any number of subjects in lockstep (`lockstep`), in every transition
of a bounded world (`transitions`), and as the judge of contended histories (`histories`); `faults` cuts the connection.
"""
