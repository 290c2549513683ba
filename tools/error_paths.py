#!/usr/bin/env python3
"""error_paths.py COVERAGE.json LEAST FOLDER...: statements that raise an error and that no test reaches.

COVERAGE.json is gcovr's (--json). Prints each such statement below the folders and the share that is reached; fails when
that is below LEAST percent."""
import json
import re
import sys

RAISES = re.compile(r"\b(lbk__fail(_errno|_at)?|bad|failed|lbk__hdf5_fail)\(")
DEFINES = re.compile(r"^(static )?lbk_status ")

report, least, folders = sys.argv[1], float(sys.argv[2]), tuple(sys.argv[3:])
reached = total = 0
for file in json.load(open(report))["files"]:
    if not file["file"].startswith(folders):
        continue
    source = open(file["file"]).read().split("\n")
    for line in file["lines"]:
        text = source[line["line_number"] - 1]
        if not RAISES.search(text) or DEFINES.search(text):
            continue
        total += 1
        reached += line["count"] > 0
        if line["count"] == 0:
            print(f"{file['file']}:{line['line_number']}: never: {text.strip()}")
share = 100 * reached / total
print(f"{reached} of {total} statements that raise an error are reached, {share:.1f} %")
sys.exit(share < least)
