#!/usr/bin/env python3
"""An event file as TensorBoard's own writer makes it: tests/golden/events.tfevents.

  oracle/events.py            writes it
  oracle/events.py FOLDER     prints the scalars that TensorBoard's EventAccumulator reads in a folder
"""
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

GOLDEN = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "events.tfevents"
SCALARS = [("train/loss", 0, 1.5), ("train/loss", 1, 0.0), ("dev/accuracy", 1, 0.625), ("größe", 300, math.inf),
           ("train/loss", 2**40, -1e-30)]


def write():
    with open(GOLDEN, "wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=1700000000.25, file_version="brain.Event:2").SerializeToString())
        for k, (tag, step, value) in enumerate(SCALARS):
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.write(Event(wall_time=1700000001 + k, step=step, summary=summary).SerializeToString())
        writer.flush()


def show(folder):
    events = EventAccumulator(folder, size_guidance={"scalars": 0}).Reload()
    for tag in events.Tags()["scalars"]:
        for event in events.Scalars(tag):
            print(tag, event.step, event.wall_time, event.value)


if __name__ == "__main__":
    show(sys.argv[1]) if len(sys.argv) > 1 else write()
