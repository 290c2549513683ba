#!/usr/bin/env python3
"""A small multimodal_imdb.hdf5 with every data set and attribute of the published file, as gmu-mmimdb's make_dataset.py and
Fuel's H5PYDataset.create_split_array write them: tests/golden/mmimdb/.

  oracle/mmimdb.py

Film i has the genres c with (i + c) mod 7 = 0, the words i, i + 1, … of words.txt (3 + i of them), features (i - j) / 4, and a
poster of 16 x 16 pixels, (37 i + 11 y + 5 x + 67 c) mod 256 in channel c of RGB.
"""
import json
import pathlib

import h5py
import numpy as np

FOLDER = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "mmimdb"
GENRES = ["Drama", "Comedy", "Romance", "Thriller", "Crime", "Action", "Adventure", "Horror", "Documentary", "Mystery", "Sci-Fi",
          "Fantasy", "Family", "Biography", "War", "History", "Music", "Animation", "Musical", "Western", "Sport", "Short",
          "Film-Noir"]
N, SIDE, WIDTH = 6, 16, 8
SPLITS = {"train": (0, 3), "dev": (3, 4), "test": (4, 6)}


def poster(i):
    y, x, c = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
    return (37 * i + 11 * y + 5 * x + 67 * c) % 256


def as_stored(rgb):
    bgr = rgb.astype("float32")[..., [2, 1, 0]]
    return (bgr - np.array([103.939, 116.779, 123.68], "float32")).transpose(2, 0, 1)


def split_array(sources):
    rows = [(s.encode(), source.encode(), start, stop) for s, (start, stop) in SPLITS.items() for source in sources]
    array = np.zeros(len(rows), np.dtype([("split", "S5"), ("source", "S12"), ("start", np.int64), ("stop", np.int64),
                                          ("indices", h5py.special_dtype(ref=h5py.Reference)), ("available", np.bool_),
                                          ("comment", "S1")]))
    for k, row in enumerate(rows):
        for field, value in zip(("split", "source", "start", "stop"), row):
            array[k][field] = value
        array[k]["indices"], array[k]["available"] = h5py.Reference(), True
    return array


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    with h5py.File(FOLDER / "multimodal_imdb.hdf5", "w") as f:
        f.create_dataset("features", (N, 3), dtype="float32")[...] = rng.standard_normal((N, 3))
        f.create_dataset("vgg_features", (N, WIDTH), dtype="float32")[...] = [[(i - j) / 4 for j in range(WIDTH)] for i in range(N)]
        f.create_dataset("three_grams", (N, 2), dtype="float32")[...] = 0
        f.create_dataset("word_grams", (N, 2), dtype="float32")[...] = 0
        f.create_dataset("images", (N, 3, SIDE, SIDE), dtype="int32")[...] = np.stack([as_stored(poster(i)) for i in range(N)])
        sequences = f.create_dataset("sequences", (N,), dtype=h5py.special_dtype(vlen=np.dtype("int32")))
        for i in range(N):
            sequences[i] = np.arange(i, 2 * i + 3, dtype="int32")
        genres = f.create_dataset("genres", (N, 23), dtype="int32")
        genres[...] = [[int((i + c) % 7 == 0) for c in range(23)] for i in range(N)]
        f.create_dataset("imdb_ids", (N,), dtype="S7")[...] = np.array([f"{111 + i:07d}" for i in range(N)], "S7")
        genres.attrs["target_names"] = json.dumps(GENRES)
        for name in ("features", "vgg_features", "three_grams", "word_grams"):
            f[name].dims[0].label, f[name].dims[1].label = "batch", "features"
        f["imdb_ids"].dims[0].label = "batch"
        genres.dims[0].label, genres.dims[1].label = "batch", "classes"
        for k, label in enumerate(("batch", "channel", "height", "width")):
            f["images"].dims[k].label = label
        f.attrs["split"] = split_array(list(f))
    (FOLDER / "words.txt").write_text("\n".join(["_UNK_", "a", "man", ",", "who", "N", "years", "ago", "lost", "his", "dog", ".",
                                                 "he", "finds"]) + "\n")


if __name__ == "__main__":
    main()
