/* events.h: TensorBoard event files, scalars only. A file is a row of records: length (8 bytes, little
 * endian), masked CRC-32C of the length, a protobuf Event (events.proto), masked CRC-32C of the Event. The
 * first names the version of the format. */
#ifndef LBK_FORMAT_EVENTS_H
#define LBK_FORMAT_EVENTS_H

#include "base/base.h"

typedef struct lbk__events lbk__events;

/* A new file folder/events.out.tfevents.SECONDS.HOST.PROCESS.N; the folder exists. Times are seconds since
 * 1970.
 */
lbk_status lbk__events_create(lbk_context *context, const char *folder, double wall_time, lbk__events **out);
/* Removes the event files of the folder: TensorBoard shows all of a folder as one run. */
void lbk__events_remove(const char *folder);
/* Goes on in the file `path` after its first `offset` bytes, which lbk__events_tell gave, and drops the rest:
 * a resumed run ends with the events of an uninterrupted one. LBK_BAD_DATA where these bytes are not whole
 * records.
 */
lbk_status lbk__events_resume(lbk_context *context, const char *path, uint64_t offset, lbk__events **out);
const char *lbk__events_path(const lbk__events *events);
/* `tag` such as "train/loss", UTF-8; `value` may be NaN or infinite. Buffered. */
lbk_status lbk__events_scalar(lbk__events *events, const char *tag, int64_t step, double wall_time,
                              float value);
/* Bytes of the file once all that was added is written. */
uint64_t lbk__events_tell(const lbk__events *events);
/* Writes what is buffered and waits until the disk has it: before a checkpoint that keeps the offset. */
lbk_status lbk__events_flush(lbk__events *events);
/* Call lbk__events_flush before where errors matter. NULL is allowed. */
void lbk__events_close(lbk__events *events);

/* CRC-32C (Castagnoli) as RFC 3720 has it. */
uint32_t lbk__crc32c(const void *data, size_t size);

#endif
