/* pickle.h: what torch.save writes, read without running it. A pickle is a program that builds objects; of
 * its instructions we know those that torch.save uses, and of the functions it may call those of the
 * allow-list in pickle_torch.c, which build tensors and nothing else. Everything is kept flat and by index,
 * so no nesting can exhaust the stack; memory is bounded by LBK__PICKLE_MOST values. */
#ifndef LBK_FORMAT_PICKLE_H
#define LBK_FORMAT_PICKLE_H

#include "format/safetensors.h"

enum { LBK__PICKLE_MOST = 1 << 20, LBK__PICKLE_NONE = -1 };

typedef enum lbk__pickle_kind {
    LBK__PICKLE_NULL,   /* None */
    LBK__PICKLE_NUMBER, /* an integer or a truth value; other numbers are kept as NULL: no tensor needs them
                         */
    LBK__PICKLE_TEXT,
    LBK__PICKLE_TUPLE,
    LBK__PICKLE_LIST,
    LBK__PICKLE_DICT, /* items: key, value, key, value, … */
    LBK__PICKLE_GLOBAL,
    LBK__PICKLE_STORAGE,
    LBK__PICKLE_TENSOR
} lbk__pickle_kind;

typedef struct lbk__pickle_value {
    lbk__pickle_kind kind;
    int32_t first, last, count; /* containers: the chain of their items in `cells` */
    int64_t number;   /* NUMBER; GLOBAL: row of the allow-list; STORAGE, TENSOR: index into its list */
    const char *text; /* TEXT: in the pickle's bytes, not 0-terminated */
    size_t length;
} lbk__pickle_value;

typedef struct lbk__pickle_cell {
    int32_t value, next;
} lbk__pickle_cell;

typedef struct lbk__torch_storage {
    lbk__dtype dtype;
    const char *key; /* names its data within the file; not 0-terminated */
    size_t key_length;
    int64_t count; /* elements */
} lbk__torch_storage;

/* Element (i, j, …) is number offset + i·stride[0] + j·stride[1] + … of the storage: checked to be within. */
typedef struct lbk__torch_tensor {
    int32_t storage;
    int rank;
    int64_t offset, shape[LBK__MAX_RANK], stride[LBK__MAX_RANK];
} lbk__torch_tensor;

typedef struct lbk__pickle {
    lbk_context *context;
    const char *where; /* what sentences call it */
    const unsigned char *data;
    size_t size, at; /* after reading: where the pickle ends */
    int32_t root;
    lbk__pickle_value *values;
    lbk__pickle_cell *cells;
    lbk__torch_storage *storages;
    lbk__torch_tensor *tensors;
    size_t num_values, num_cells, num_storages, num_tensors;
    size_t max_values, max_cells, max_storages, max_tensors;
} lbk__pickle;

/* Reads one pickle from the start of `data`, which must stay. On failure, too, lbk__pickle_free it. */
lbk_status lbk__pickle_read(lbk_context *context, const char *where, const void *data, size_t size,
                            lbk__pickle *out);
void lbk__pickle_free(lbk__pickle *pickle);
/* The value of a text key; NULL when `dict` is none or lacks it. */
const lbk__pickle_value *lbk__pickle_get(const lbk__pickle *pickle, const lbk__pickle_value *dict,
                                         const char *key);
bool lbk__pickle_is_text(const lbk__pickle_value *value, const char *text);

/* ---- between pickle.c and pickle_torch.c ---- */

/* LBK_BAD_DATA: "WHERE: pickle, byte N: …" */
lbk_status lbk__pickle_bad(const lbk__pickle *pickle, const char *format, ...) LBK__FORMAT(2, 3);
lbk_status lbk__pickle_new(lbk__pickle *pickle, lbk__pickle_kind kind, int64_t number, int32_t *out);
/* The module's member, when it is allowed. */
lbk_status lbk__pickle_global(lbk__pickle *pickle, const char *module, size_t module_length, const char *name,
                              size_t name_length, int32_t *out);
/* function(*arguments), as the allow-list means it. */
lbk_status lbk__pickle_call(lbk__pickle *pickle, int32_t function, int32_t arguments, int32_t *out);
/* ("storage", type, key, device, count[, None]) → STORAGE. */
lbk_status lbk__pickle_storage(lbk__pickle *pickle, int32_t description, int32_t *out);

#endif
