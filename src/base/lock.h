/* lock.h: one process at a time. A lock is flock's on a file of its own: it belongs to the living, the kernel
 * takes it back from a process that ends in whatever way. The file itself says nothing; it is removed when
 * the lock is given back, and what a killed process left of it is taken over.
 *
 * Whoever has the lock also knows that temporaries of base/file.h lying there are of the dead. */
#ifndef LBK_BASE_LOCK_H
#define LBK_BASE_LOCK_H

#include "base/base.h"

/* Zeroed: not held. */
typedef struct lbk__lock {
    lbk_context *context;
    char *path; /* of the lock file; NULL: not held */
    int file;
} lbk__lock;

/* For a folder that the caller works in, folder/lock; removes the dead's temporaries in it. LBK_BUSY while
 * another has it. */
lbk_status lbk__lock_folder(lbk_context *context, const char *folder, lbk__lock *out);
/* For a file or a folder that will appear as a whole, PATH.lock beside it; removes the dead's temporaries of
 * it. LBK_BUSY while another has it. */
lbk_status lbk__lock_output(lbk_context *context, const char *path, lbk__lock *out);
/* The same for a file. LBK_IO, before any work is done for it, where a folder has that name. */
lbk_status lbk__lock_file(lbk_context *context, const char *path, lbk__lock *out);
/* Safe when it is not held: call it on every exit. */
void lbk__unlock(lbk__lock *lock);

/* Whether a folder's entry is "NAME.tmp-PID-NUMBER", as lbk__writer calls its temporaries; `name` NULL: of
 * any. */
bool lbk__is_temporary(const char *entry, const char *name);
/* For folders that are locked, and those inside. Removes the temporaries in `folder` of the file `name`,
 * whose lock the caller has; of all files with NULL, but for those whose own lock (PATH.lock) somebody holds.
 */
void lbk__remove_leftovers(const char *folder, const char *name);

#endif
