/* names.c: names of the public enumerations' values. */
#include "base/names.h"

#include <string.h>

const char *const lbk__label_kind_names[] = {"single", "multi", "soft", NULL};
const char *const lbk__view_names[] = {"joint", "text", "image", NULL};
const char *const lbk__modality_names[] = {"text", "image", NULL};

bool lbk__label_kind_of(const char *name, lbk_label_kind *out) {
    for (int kind = 0; name && lbk__label_kind_names[kind]; kind++)
        if (strcmp(lbk__label_kind_names[kind], name) == 0) {
            *out = (lbk_label_kind)kind;
            return true;
        }
    return false;
}
