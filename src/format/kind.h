/* kind.h: what a file is, by its content: for whoever would write over it, or explain it. */
#ifndef LBK_FORMAT_KIND_H
#define LBK_FORMAT_KIND_H

#include "base/base.h"

enum { LBK__LONGEST_KIND = 32 };
#define LBK__KIND_HDF5 "HDF5 file"
#define LBK__KIND_ONNX "ONNX file"
#define LBK__KIND_EMPTY "empty file"

/* The "kind" of a safetensors file of limbeck's ("pack", "cache", …), one of those above, or "" for any other
 * file. LBK_IO where it cannot be read. */
lbk_status lbk__file_kind(lbk_context *context, const char *path, char kind[LBK__LONGEST_KIND]);
/* LBK_INVALID_ARGUMENT where a file is there that is neither of this kind nor empty: a pack may be written
 * over an older pack, never over the data that it is made from. */
lbk_status lbk__refuse_others(lbk_context *context, const char *path, const char *kind);

#endif
