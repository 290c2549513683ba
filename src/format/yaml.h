/* yaml.h: YAML by libcyaml, which checks the structure by a schema: which keys there are, what is a list,
 * nothing twice. */
#ifndef LBK_FORMAT_YAML_H
#define LBK_FORMAT_YAML_H

#include "base/base.h"

#include <cyaml/cyaml.h>

/* A key that the schema does not know, and the mapping that it is in ("" at the top). */
typedef struct lbk__yaml_unknown {
    char key[64], in[64];
} lbk__yaml_unknown;

/* *out (NULL for an empty document) is laid out by the schema, whose root is a pointer; free it with
 * lbk__yaml_free. LBK_INVALID_ARGUMENT names `where`, the line and the field; where a key is unknown,
 * `unknown` says which, so that the caller may know better. */
lbk_status lbk__yaml_load(lbk_context *context, const char *where, const char *yaml, size_t length,
                          const cyaml_schema_value_t *schema, void *out, lbk__yaml_unknown *unknown);
void lbk__yaml_free(lbk_context *context, const cyaml_schema_value_t *schema,
                    void *data); /* NULL is allowed */

#endif
