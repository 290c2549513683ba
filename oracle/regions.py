#!/usr/bin/env python3
"""Region features as NumPy and bottom-up-attention write them: tests/golden/regions/.

  oracle/regions.py

Image i, region r, number c is ((7 i + 3 r + c) mod 61 - 30) / 8. `npy/`: one array an image, of each type and shape that is
read; `bad/`: those that are not. `table.tsv`: images 1 to 4 with 3, 5, 1, 2 regions of 4 numbers, made by the code of
bottom-up-attention's generate_tsv.py: csv.DictWriter, base64 of float32.
"""
import base64
import csv
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "regions"
FIELDS = ["image_id", "image_w", "image_h", "num_boxes", "boxes", "features"]


def values(i, regions, width=4):
    r, c = np.meshgrid(np.arange(regions), np.arange(width), indexing="ij")
    return ((7 * i + 3 * r + c) % 61 - 30) / 8


def arrays():
    good, bad = FOLDER / "npy", FOLDER / "bad"
    (good / "img").mkdir(parents=True, exist_ok=True)
    bad.mkdir(exist_ok=True)
    np.save(good / "COCO_val2014_000000000001.npy", values(1, 3).astype("<f4"))
    np.save(good / "2.npy", values(2, 5).astype("<f2"))
    np.save(good / "img" / "03.npy", values(3, 1).astype("<f8")[None])
    np.save(good / "vector.npy", values(4, 1)[0].astype("<f4"))
    np.save(good / "2_info.npy", np.array({"boxes": 5}, dtype=object), allow_pickle=True)  # as MMF writes beside the array
    np.save(bad / "objects.npy", np.array({"features": 1}, dtype=object), allow_pickle=True)
    np.save(bad / "width.npy", values(1, 2, 5).astype("<f4"))
    np.save(bad / "rank.npy", np.zeros((2, 2, 4), "<f4"))
    np.save(bad / "empty.npy", np.zeros((0, 4), "<f4"))
    np.save(bad / "integers.npy", np.zeros((2, 4), "<i4"))
    np.save(bad / "big.npy", values(1, 2).astype(">f4"))
    np.save(bad / "fortran.npy", np.asfortranarray(values(1, 2).astype("<f4")))
    infinite = values(1, 2).astype("<f4")
    infinite[1, 2] = np.inf
    np.save(bad / "infinite.npy", infinite)
    (bad / "cut.npy").write_bytes((good / "2.npy").read_bytes()[:-3])
    (bad / "text.npy").write_text("no array at all, but long enough to have a header")


def table():
    with open(FOLDER / "table.tsv", "w", newline="") as file:
        writer = csv.DictWriter(file, delimiter="\t", fieldnames=FIELDS)
        for i, regions in [(1, 3), (2, 5), (3, 1), (4, 2)]:
            boxes = np.arange(4 * regions, dtype="<f4").reshape(regions, 4)
            encoded = [base64.b64encode(a.astype("<f4").tobytes()).decode() for a in (boxes, values(i, regions))]
            writer.writerow(dict(zip(FIELDS, [i, 640, 480, regions, *encoded])))


if __name__ == "__main__":
    arrays()
    table()
