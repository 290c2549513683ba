"""liblimbeck by its public header, as far as the round trips need it."""
import ctypes
import subprocess

import numpy as np


class Input(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char_p), ("image", ctypes.c_char_p), ("visual", ctypes.POINTER(ctypes.c_float)),
                ("num_rows", ctypes.c_int32)]


class Limbeck:
    """The library and the program of one build folder."""

    def __init__(self, build):
        self.program = f"{build}/src/cli/limbeck"
        self.shared = ctypes.CDLL(f"{build}/liblimbeck.so")
        self.shared.lbk_error.restype = ctypes.c_char_p
        self.context = ctypes.c_void_p()
        assert self.shared.lbk_context_create(None, ctypes.byref(self.context)) == 0

    def call(self, function, *arguments):
        if getattr(self.shared, function)(*arguments) != 0:
            raise RuntimeError(self.shared.lbk_error(self.context).decode())

    def run(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def model(self, folder):
        return Model(self, folder)


class Model:
    def __init__(self, limbeck, folder):
        self.limbeck, self.handle = limbeck, ctypes.c_void_p()
        limbeck.call("lbk_model_open", limbeck.context, str(folder).encode(), ctypes.byref(self.handle))

    def logits(self, text, rows=None):
        """[3, classes]: under the joint, text and image view."""
        count = self.limbeck.shared.lbk_model_num_classes(self.handle)
        out = np.empty((3, count), np.float32)
        given = Input(text.encode(), None, None, 0)
        if rows is not None and len(rows):
            rows = np.ascontiguousarray(rows, np.float32)
            given.visual, given.num_rows = rows.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), len(rows)
        self.limbeck.call("lbk_model_predict", self.handle, ctypes.byref(given),
                          out.ctypes.data_as(ctypes.c_void_p), None)
        return out

    def embedding(self, text):
        out = np.empty(self.limbeck.shared.lbk_model_hidden_size(self.handle), np.float32)
        self.limbeck.call("lbk_model_embed", self.handle, text.encode(), out.ctypes.data_as(ctypes.c_void_p))
        return out
