/* teacher_logits.h: logits that someone's own teacher gave, as a cache of a pack. */
#ifndef LBK_TRAIN_TEACHER_LOGITS_H
#define LBK_TRAIN_TEACHER_LOGITS_H

#include "distill/cache.h"

/* Whether the file says of itself that it is one of limbeck's caches. LBK_IO, LBK_NO_MEMORY when that could
 * not be seen.
 */
lbk_status lbk__is_cache(lbk_context *context, const char *path, bool *out);
/* Writes the cache `out` from a file of logits (format/logits_file.h), whose SHA-256 stands for the
 * teacher's; one that is there and was made from the same file and pack is left as it is, and so is another
 * where a run is resumed: LBK_MISMATCH. That also names samples that are in the pack or in the file only,
 * LBK_BAD_DATA an id that is there twice, LBK_NUMERIC logits that are not finite. */
lbk_status lbk__teacher_logits_cache(lbk_context *context, const char *logits, const lbk_pack *pack,
                                     bool resume, const char *out);

#endif
