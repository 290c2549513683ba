/* inside.c: names that files of data give to other files stay below their folder. What someone else could
 * change between this check and the opening is not looked at: a folder of data is not written to while it is
 * read. */
#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether some part of the path is "..". */
static bool climbs(const char *path) {
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || part[2] == 0)) return true;
    }
    return false;
}

static bool lies_below(const char *path, const char *folder) {
    const size_t length = strlen(folder);
    if (strcmp(folder, "/") == 0) return true;
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static lbk_status refuse(lbk_context *context, const char *folder, const char *name, const char *how) {
    return lbk__fail(context, LBK_BAD_DATA,
                     "\"%s\" %s %s, and files of data may not do that; --allow-outside lets them", name, how,
                     folder);
}

/* NULL for what is not there; and where there is no memory to tell, which *starved says. */
static char *resolve(const char *path, bool *starved) {
    char *real = realpath(path, NULL);
    *starved |= !real && errno == ENOMEM;
    return real;
}

lbk_status lbk__join_inside(lbk_context *context, const char *folder, const char *name, char **out) {
    const char *from = folder && *folder ? folder : ".";
    *out = NULL;
    if (context->options.allow_outside) return lbk__join(context, folder, name, out);
    if (name[0] == '/' || climbs(name)) return refuse(context, from, name, "leads out of");
    LBK_TRY(lbk__join(context, folder, name, out));
    bool starved = false;
    char *real = resolve(*out, &starved), *root = resolve(from, &starved);
    lbk_status status = LBK_OK;
    if (starved) {
        errno = ENOMEM;
        status = lbk__fail_errno(context, "%s: cannot be resolved", *out);
    } else if (real && root && !lies_below(real, root)) { /* what is not there leads nowhere */
        status = refuse(context, from, name, "is a link that leads out of");
    }
    free(real);
    free(root);
    if (status == LBK_OK) return LBK_OK;
    lbk_free(context, *out);
    *out = NULL;
    return status;
}
