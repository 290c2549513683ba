/* names.h: what files and reports call the values of the public enumerations. Each list ends with NULL. */
#ifndef LBK_BASE_NAMES_H
#define LBK_BASE_NAMES_H

#include <limbeck/limbeck.h>
#include <stdbool.h>

extern const char *const lbk__label_kind_names[]; /* "single", "multi", "soft" */
extern const char *const lbk__view_names[];       /* "joint", "text", "image" */
extern const char *const lbk__modality_names[];   /* "text", "image" */

/* False: `name`, which may be NULL, is that of none. */
bool lbk__label_kind_of(const char *name, lbk_label_kind *out);

#endif
