"""Cassettes: what a generated client sent and was answered, recorded by vcrpy and replayed without a network.

A cassette says where its replies came from, when it was made, and with which spec and generator (`label`). It is
recorded and replayed by one set of rules (`tape`): replay compares method, address, body and signature to the last
byte, and a recording that fails leaves nothing behind. `recorder` makes the calls, with arguments from the examples of
the spec (`arguments`); what a real account must not show is taken out (`scrub`), and `shelf` lists what there is.
"""

from .label import LIVE, Label, spec_version
from .recorder import RecordingRefused, record
from .shelf import Found, shelf
from .tape import CassetteError, Take, load, recording, replaying

__all__ = [
    "LIVE",
    "CassetteError",
    "Found",
    "Label",
    "RecordingRefused",
    "Take",
    "load",
    "record",
    "recording",
    "replaying",
    "shelf",
    "spec_version",
]
